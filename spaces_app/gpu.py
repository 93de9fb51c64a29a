"""ZeroGPU: on such a Space each call borrows a GPU; everywhere else a call is a plain call.

Imported before torch, as the `spaces` package asks for.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])
GPU_SECONDS = 60  # the longest that one call may hold the GPU
ZERO_GPU = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")

if ZERO_GPU:
    import spaces  # type: ignore[import-not-found] - there on ZeroGPU Spaces only


def lend_gpu(function: F) -> F:
    """Run the function's calls with a GPU where one is lent. Arguments and result are then pickled."""
    return spaces.GPU(duration=GPU_SECONDS)(function) if ZERO_GPU else function
