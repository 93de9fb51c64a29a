"""Identity: who sends a request, what they may see and do, and the Hub token they act with."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gradio.context import LocalContext
from huggingface_hub import get_token

from training.errors import UserError

if TYPE_CHECKING:
    import gradio as gr

    from spaces_app.settings import Settings
    from training.runs.run import Run

GUEST = "guest:"  # no account's name has a colon
GUEST_COOKIE = "selfsup-guest"  # an unguessable id of a browser, so that a reload keeps a guest's runs
AUTH_COOKIE = "access-token-"  # Gradio's
GUEST_ID = re.compile(r"[0-9a-f]{32}")


def visitor(request: Any) -> str:
    """The visitor's name: their account, else an id of their browser, else of their session, else the empty string.

    Args:
        request: Gradio's request; for a tool call over MCP it is Starlette's, which has no session hash.
    """
    browser = getattr(_underlying(request), "cookies", {}).get(GUEST_COOKIE, "")
    session = browser if GUEST_ID.fullmatch(browser) else _session_hash(request)
    return _account(request) or _username(request) or (f"{GUEST}{session}" if session else "")


def _underlying(request: Any) -> Any:
    """Starlette's request; Gradio's own, around it, gives copies of what it has."""
    return getattr(request, "request", None) or request


def _session_hash(request: Any) -> str:
    """Gradio's id of a page or a client; a component's own call has it in its body, which Gradio has read by then."""
    named = getattr(request, "session_hash", None) if request is not _underlying(request) else None
    body = getattr(_underlying(request), "_json", None)
    named = named or (body.get("session_hash") if isinstance(body, dict) else None)
    return named if isinstance(named, str) else ""


def _username(request: Any) -> str:
    """The name that `SELFSUP_AUTH` asked for."""
    below = _underlying(request)
    if below is not request and (name := getattr(request, "username", None)):
        return name
    tokens = getattr(getattr(below, "scope", {}).get("app"), "tokens", {})
    cookies = getattr(below, "cookies", {})
    return next((tokens.get(value, "") for name, value in cookies.items() if name.startswith(AUTH_COOKIE)), "")


@dataclass(frozen=True)
class Caller:
    """Who calls a model: their name, and the Hub token that weights are fetched with."""

    visitor: str = ""
    token: str | None = None


def caller(settings: Settings) -> Caller:
    """Who sent the request that is being handled."""
    request = LocalContext.request.get(None)
    if not settings.is_shared:
        return Caller(visitor(request), hub_token(settings, None))
    return Caller(visitor(request), _session(request).get("access_token") if _account(request) else None)


def _account(request: Any) -> str:
    """The Hugging Face account, from Gradio's signed cookie; `request.username` is for `launch(auth=…)` only."""
    signed_in = _session(request)
    expired = signed_in.get("expires_at") and signed_in["expires_at"] < time.time()
    return "" if expired else signed_in.get("userinfo", {}).get("preferred_username", "")


def _session(request: Any) -> dict[str, Any]:
    scope = getattr(_underlying(request), "scope", {})
    return scope.get("session", {}).get("oauth_info") or {}


def may_see(run: Run, name: str, settings: Settings) -> bool:
    """Whether this visitor may see a run: on a shared server its owner only, on one's own machine everybody."""
    return not settings.is_shared or (name != "" and run.owner() == name)


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
    if settings.is_shared:
        return token.token if token else None
    return _typed["token"] or get_token()


_typed = {"token": ""}  # on the page of one's own machine; in memory only


def use_token(settings: Settings, token: str) -> None:
    """Act with this Hub token until the server stops, on one's own machine; an empty one forgets it."""
    if not settings.is_shared:
        _typed["token"] = token.strip()
