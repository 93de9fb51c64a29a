"""What went wrong with a run, in words that say what to do."""

from __future__ import annotations

import errno

from training.errors import UserError
from training.settings import RunSettings, TrainSettings

_DISK = ("no space left", "inline_container", "disk quota")  # inline_container: torch.save's words for a short write
_DISK_IS_FULL = "The disk is full. The last checkpoint is whole: free some space (delete old runs) and press Resume."
_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")


def explain(error: BaseException, settings: RunSettings) -> str:
    """One message for the panel; the traceback is in the log."""
    if isinstance(error, UserError):
        return str(error)
    text = str(error).lower()
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or any(words in text for words in _DISK):
        return _DISK_IS_FULL
    if isinstance(error, MemoryError) or any(words in text for words in _MEMORY):
        return _out_of_memory(settings)
    return f"{type(error).__name__}: {str(error)[:500]}"


def _out_of_memory(settings: RunSettings) -> str:
    if not isinstance(settings, TrainSettings):
        return "Out of memory. Choose a smaller model, or fewer rows, then start again."
    return (
        f"Out of memory. Halve the batch and double the accumulation: batch_size {max(1, settings.batch_size // 2)} or "
        f"gradient_accumulation {2 * settings.gradient_accumulation} (the latter gives the same result), then start "
        "again."
    )
