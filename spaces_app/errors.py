"""Errors of handlers: a `UserError` becomes its message on the page and in the API, anything else an error number."""

from __future__ import annotations

import functools
import inspect
import logging
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import gradio as gr

from training.errors import UserError, disk_message

MAX_MESSAGE = 1200  # characters
KEPT = 80  # of a word that is longer than any
LONG_WORD = re.compile(r"\S{200,}")
logger = logging.getLogger(__name__)
F = TypeVar("F", bound=Callable[..., Any])


def as_gradio_error(function: F) -> F:
    """Convert the errors of a function or generator. The page applies this to every event; no handler has to."""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return function  # Gradio's own; all of ours are plain functions
    name = getattr(function, "__name__", type(function).__name__)

    @functools.wraps(function)
    def handler(*args: object, **kwargs: object) -> Any:
        with _conversion(name):
            return function(*args, **kwargs)

    @functools.wraps(function)
    def stream(*args: object, **kwargs: object) -> Iterator[Any]:
        with _conversion(name):
            yield from function(*args, **kwargs)

    return stream if inspect.isgeneratorfunction(function) else handler  # type: ignore[return-value]


@contextmanager
def _conversion(name: str) -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise gr.Error(shorten(str(error)), print_exception=False) from None
    except gr.Error:
        raise
    except OSError as error:
        if words := disk_message(error):
            raise gr.Error(words, print_exception=False) from None
        raise _numbered(name) from None
    except Exception:
        raise _numbered(name) from None


def shorten(message: str) -> str:
    """Without the length of a value that the message repeats: a visitor's may have any."""
    message = LONG_WORD.sub(lambda match: f"{match[0][:KEPT]}…", message)
    half = MAX_MESSAGE // 2
    return message if len(message) <= MAX_MESSAGE else f"{message[:half]} … {message[-half:]}"


def _numbered(name: str) -> gr.Error:
    """Of a defect: its text may hold a path or a row, so a visitor sees only a number to look up in the log."""
    number = secrets.token_hex(4)
    logger.exception("Error %s in %s", number, name)
    return gr.Error(f"Something went wrong on the server (error {number}; its log says what).", print_exception=False)
