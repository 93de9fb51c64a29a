"""Retry a call on transient errors, with exponential backoff or after the seconds that the server asks for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

ATTEMPTS = 4
FIRST_PAUSE_SECONDS = 1.0  # before the second attempt; doubles
MAX_PAUSE_SECONDS = 60.0
TRANSIENT_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 529})  # of HTTP: the same request may succeed later
T = TypeVar("T")


def retry(
    call: Callable[[], T],
    *,
    is_transient: Callable[[Exception], bool],
    attempts: int = ATTEMPTS,
    max_pause_seconds: float = MAX_PAUSE_SECONDS,
    pause: Callable[[float, Exception], object] = lambda seconds, error: time.sleep(seconds),
    recover: Callable[[Exception], T | None] = lambda error: None,
) -> T:
    """Repeat an idempotent call until it returns, at most `attempts` times; the last error is raised.

    Args:
        is_transient: Whether the same call may succeed a little later; other errors are raised at once.
        max_pause_seconds: Longest pause, whatever the server asks for.
        pause: Waits that many seconds after that error.
        recover: Asked after each transient error for the result of a call that succeeded although its answer was lost;
            None if it did not.
    """
    for attempt in range(1, attempts + 1):
        try:
            return call()
        except Exception as error:  # the HTTP clients' transport errors share no public base
            if not is_transient(error):
                raise
            result = recover(error)
            if result is not None:
                return result
            if attempt == attempts:
                raise
            pause(min(pause_seconds(error, attempt), max_pause_seconds), error)
    raise AssertionError("The last attempt returns or raises.")


def pause_seconds(error: Exception, attempt: int) -> float:
    """Seconds to wait after this attempt (from 1): what the server asks for, else 1, 2, 4, …"""
    requested = retry_after(error)
    return FIRST_PAUSE_SECONDS * 2 ** (attempt - 1) if requested is None else requested


def retry_after(error: Exception) -> float | None:
    """Seconds of the answer's `Retry-After` header; None without an answer or a number in it."""
    headers: Any = getattr(getattr(error, "response", None), "headers", None) or {}
    text = str(headers.get("Retry-After") or headers.get("retry-after") or "")
    return float(text) if text.replace(".", "", 1).isdecimal() else None


def http_status(error: Exception) -> int | None:
    """HTTP status of a refusal; None where no answer came."""
    return getattr(getattr(error, "response", None), "status_code", None)
