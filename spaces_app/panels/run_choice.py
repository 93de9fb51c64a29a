"""A dropdown of the visitor's runs, in words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import gradio as gr

from spaces_app.identity import visitor
from spaces_app.services import Services


def run_choices(
    services: Services, request: gr.Request, chosen: str | None = None, *, with_weights: bool = False
) -> Any:
    """An update of the dropdown: the runs, the newest first.

    Args:
        chosen: The run to show, where it exists. None leaves what the page shows.
    """
    runs = services.runs.descriptions(visitor(request), with_weights=with_weights)
    choices = [(run_label(services, run), run["id"]) for run in runs]
    if chosen is None:
        return gr.Dropdown(choices)
    return gr.Dropdown(choices, value=chosen if chosen in [run["id"] for run in runs] else None)


def run_label(services: Services, run: dict[str, Any]) -> str:
    """What a person calls a run: its name or kind, when it began, its status and its best score."""
    best = next(iter(run["best"].items()), None)
    score = [f"{best[0]} {best[1]:.3f}"] if best and best[1] is not None else []
    began = [datetime.fromtimestamp(run["created"]).strftime("%d %b %H:%M")] if run["created"] else []
    return " · ".join(
        [run.get("name") or services.plugins.title(run["plugin"], run["trainer"]), *began, run["status"], *score]
    )
