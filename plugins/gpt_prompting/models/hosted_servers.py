"""Servers of hosted models: which hosts may be called, which key belongs to which host, and what their errors mean."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from training.errors import UserError
from training.home import is_shared
from training.retry import TRANSIENT_STATUSES, http_status
from training.settings import HOSTED

HUGGING_FACE = "https://router.huggingface.co/v1"
KEY_VARIABLES = {  # host -> environment variable that holds its key
    "api.openai.com": "OPENAI_API_KEY",
    "openrouter.ai": "OPENROUTER_API_KEY",
    "api.mistral.ai": "MISTRAL_API_KEY",
    "api.groq.com": "GROQ_API_KEY",
    "api.together.xyz": "TOGETHER_API_KEY",
    "api.deepseek.com": "DEEPSEEK_API_KEY",
}
NAME = "A hosted model is named hosted:model@https://server/v1, or hosted:owner/model for Hugging Face."
OPERATOR_URL, OPERATOR_KEY = "SELFSUP_HOSTED_URL", "SELFSUP_HOSTED_KEY"  # variables for a server that the operator runs


class ServerError(UserError):
    """A request that a server did not answer.

    Args:
        status: HTTP status; 0 without a response.
        wait: Seconds that the server asks to wait (Retry-After); 0 if it does not.
    """

    def __init__(self, message: str, status: int = 0, wait: float = 0.0):
        super().__init__(message)
        self.status, self.wait = status, wait

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed later."""
        return not self.status or self.status in TRANSIENT_STATUSES or self.status == 409


def parse_name(name: str) -> tuple[str, str]:
    """Split hosted:model, or hosted:model@https://server/v1, into model and address.

    Raises:
        UserError: If the name has another form, or requests to this host are not allowed from here.
    """
    name = name.removeprefix(HOSTED)
    model, _, address = name.rpartition("@") if "@" in name else (name, "", "")
    model, address = model.strip(), (address.strip().rstrip("/") or HUGGING_FACE)
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port  # reading either may raise
    except ValueError:  # such as a bracket that is not closed, or port 99999
        raise UserError(NAME) from None
    # Names are stored with runs and artifacts, so they must not hold a key.
    may_hold_key = "@" in parts.netloc or parts.query or parts.fragment
    if not model or parts.scheme not in ("http", "https") or not host or may_hold_key:
        raise UserError(NAME)
    _check_host(host, parts.scheme, address)
    return model, address


def _check_host(host: str, scheme: str, address: str) -> None:
    """On a shared server allow known hosts only, so that no visitor makes it send requests into its own network."""
    is_known = host in KEY_VARIABLES or host == host_of(HUGGING_FACE)
    if is_shared() and not _is_operators(address) and not (is_known and scheme == "https"):
        hosts = ", ".join([*KEY_VARIABLES, "Hugging Face"])
        raise UserError(f"This server allows requests only to: {hosts}. Run the studio yourself to use {host}.")


def _is_operators(address: str) -> bool:
    return address == os.environ.get(OPERATOR_URL, "").rstrip("/")


def environment_key(address: str) -> str:
    """Return the key that belongs to this host and no other; on a shared server only that of the operator's own
    server."""
    if _is_operators(address):
        return os.environ.get(OPERATOR_KEY, "")
    if is_shared():
        return ""
    if address == HUGGING_FACE:
        from huggingface_hub import get_token  # 0.3 s, and most pages never call a hosted model

        return get_token() or ""
    host = urlsplit(address).hostname or ""
    variable = KEY_VARIABLES.get(host, "") if address.startswith("https://") else ""
    return os.environ.get(variable, "") if variable else ""


def host_of(address: str) -> str:
    """Return host and port of an address."""
    return urlsplit(address).netloc


def explain_error(error: Exception, address: str, timeout: float) -> str:
    """Describe what went wrong in our own words: a server may repeat the key in its message."""
    if isinstance(error, UserError):
        return str(error)
    host, status, name = host_of(address), http_status(error) or 0, type(error).__name__
    if name == "OfflineModeIsEnabled":
        return "HF_HUB_OFFLINE is set where the studio runs, so no hosted model is called."
    if status in (401, 403):
        return f"{host} does not accept the key: check it, and that it may use this model."
    if status == 404:
        return f"{host} has no such model or address: check the model's name and that the address ends in /v1."
    if status == 429:
        return f"{host} asks to slow down (too many requests): wait a little, or use another key."
    if status:
        return f"{host} refused the request (HTTP {status})."
    if "Timeout" in name:
        return f"{host} took more than {timeout:.0f} seconds."
    if "Connect" in name:
        return f"{host} cannot be reached: check the address and that the server is running."
    if name in ("RemoteProtocolError", "ReadError", "ChunkedEncodingError", "IncompleteRead"):
        return f"{host} closed the connection."
    return f"{host} did not return a chat completion ({name})."
