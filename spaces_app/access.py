"""Who is asking, what they may do, and errors that reach them as one sentence."""

from __future__ import annotations

import functools
import inspect
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import gradio as gr

from spaces_app.settings import Settings
from training.errors import UserError
from training.runs.run import Run

logger = logging.getLogger(__name__)
F = TypeVar("F", bound=Callable[..., Any])
GUEST = "guest:"  # no account's name has a colon


def visitor(request: Any) -> str:
    """The visitor's name: their Hub account, else what tells their browser apart, else nobody.

    Args:
        request: Gradio's request; of a tool call over MCP Starlette's, which has no session hash.
    """
    session = getattr(request, "session_hash", None)
    return _account(request) or (f"{GUEST}{session}" if session else "")


def _account(request: Any) -> str:
    """Who signed in with Hugging Face: Gradio keeps it in a signed cookie, and `username` is for `launch(auth=…)` only."""
    scope = getattr(getattr(request, "request", None) or request, "scope", {})
    signed_in = scope.get("session", {}).get("oauth_info") or {}
    expired = signed_in.get("expires_at") and signed_in["expires_at"] < time.time()
    return "" if expired else signed_in.get("userinfo", {}).get("preferred_username", "")


def may_see(run: Run, who: str, settings: Settings) -> bool:
    """On a shared Space an owner sees only their own, and nobody nothing; on one's own machine everything is one's own."""
    return not settings.on_space or (who != "" and run.owner() == who)


def check_may_train(who: str, settings: Settings) -> None:
    """Refuse who may not train here.

    Raises:
        UserError: With what to do.
    """
    if settings.training == "off":
        raise UserError("Training is switched off on this server: duplicate it, or run it on your own machine.")
    if settings.training == "signed-in" and (not who or who.startswith(GUEST)):
        raise UserError("Sign in with your Hugging Face account to train here.")


def told(function: F) -> F:
    """Wrap a handler: what a user can mend arrives as its message, anything else as an error number to look up in the log."""

    @functools.wraps(function)
    def handler(*args: Any, **kwargs: Any) -> Any:
        with _told(function.__name__):
            return function(*args, **kwargs)

    @functools.wraps(function)
    def stream(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with _told(function.__name__):
            yield from function(*args, **kwargs)

    return stream if inspect.isgeneratorfunction(function) else handler  # type: ignore[return-value]


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from None
    except gr.Error:
        raise
    except Exception:  # nothing of the server's inside may leak to a visitor
        number = secrets.token_hex(4)
        logger.exception("Error %s in %s", number, name)
        raise gr.Error(
            f"Something went wrong on the server (error {number}; its log says what).", print_exception=False
        ) from None
