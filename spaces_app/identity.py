"""Identity: who sends a request, what they may see and do, and the Hub token they act with."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from huggingface_hub import get_token

from training.errors import UserError

if TYPE_CHECKING:
    import gradio as gr

    from spaces_app.settings import Settings
    from training.runs.run import Run

GUEST = "guest:"  # no account's name has a colon


def visitor(request: Any) -> str:
    """The visitor's name: their Hub account, else an id of their browser's session, else the empty string.

    Args:
        request: Gradio's request; for a tool call over MCP it is Starlette's, which has no session hash.
    """
    session = getattr(request, "session_hash", None)
    return _account(request) or (f"{GUEST}{session}" if session else "")


def _account(request: Any) -> str:
    """The Hugging Face account, from Gradio's signed cookie; `request.username` is for `launch(auth=…)` only."""
    scope = getattr(getattr(request, "request", None) or request, "scope", {})
    signed_in = scope.get("session", {}).get("oauth_info") or {}
    expired = signed_in.get("expires_at") and signed_in["expires_at"] < time.time()
    return "" if expired else signed_in.get("userinfo", {}).get("preferred_username", "")


def may_see(run: Run, name: str, settings: Settings) -> bool:
    """Whether this visitor may see a run: on a shared Space its owner only, on one's own machine everybody."""
    return not settings.on_space or (name != "" and run.owner() == name)


def check_may_train(name: str, settings: Settings) -> None:
    """Refuse a visitor who may not train here.

    Raises:
        UserError: With what to do.
    """
    if settings.training == "off":
        raise UserError("Training is switched off on this server: duplicate it, or run it on your own machine.")
    if settings.training == "signed-in" and (not name or name.startswith(GUEST)):
        raise UserError("Sign in with your Hugging Face account to train here.")


def hub_token(settings: Settings, token: gr.OAuthToken | None) -> str | None:
    """The visitor's own Hub token: their sign-in on a Space, the machine's login elsewhere; never the Space's."""
    if settings.on_space:
        return token.token if token else None
    return get_token()
