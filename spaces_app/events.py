"""Options of Gradio events, each combination named once. The page makes every event private, so none says so itself."""

from __future__ import annotations

from typing import Any

NO_QUEUE: dict[str, Any] = {"queue": False}
UNQUEUED: dict[str, Any] = {**NO_QUEUE, "show_progress": "hidden"}
# For what can fail or reports success: Gradio 6.31 shows no message of an event outside the queue.
UNLIMITED: dict[str, Any] = {"concurrency_limit": None, "show_progress": "hidden"}
CHECK_QUEUE: dict[str, Any] = {"concurrency_limit": 1, "concurrency_id": "checks"}  # a check takes all cores
MODEL_QUEUE: dict[str, Any] = {
    "concurrency_limit": 2,
    "concurrency_id": "models",
}  # over all plugins, for the same reason
