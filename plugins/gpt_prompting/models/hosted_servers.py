"""Servers of hosted models: which hosts may be called, which key belongs to which host, and what their errors mean."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from training.errors import UserError
from training.home import is_shared
from training.retry import TRANSIENT_STATUSES, retry_after
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
FORM = "A hosted model is named hosted:model@https://server/v1, or hosted:owner/model for Hugging Face."
MAX_WORDS = 240  # characters of a server's words that are given
SECRET = re.compile(r"\b(?:sk|hf|gsk|pk|key|tgp|xai|r8|AIza)[-_][\w*.-]{6,}|Bearer\s+\S+", re.IGNORECASE)
NO_MODEL = re.compile(
    r"(?:no such|unknown|invalid) model|not a valid model|model_not_found|"
    r"model\b.{0,80}\b(?:not (?:be )?found|not exist|not available|not loaded)",
    re.IGNORECASE | re.DOTALL,
)
NO_QUOTA = re.compile(
    r"insufficient[_ ](?:quota|credit|balance|funds)|exceeded your current quota|billing", re.IGNORECASE
)
OPERATOR_URL, OPERATOR_KEY = "SELFSUP_HOSTED_URL", "SELFSUP_HOSTED_KEY"  # variables for a server that the operator runs


@dataclass(frozen=True)
class Response:
    """What `training.retry` reads of a refusal."""

    headers: Mapping[str, str]


class ServerError(UserError):
    """A request that a server did not answer.

    Args:
        status: HTTP status; 0 without a response.
        is_final: Whether no request to this model can succeed: a wrong key, no such model, a quota that is used up.
        body: The error's body, JSON or text.

    Attributes:
        response: The headers of the refusal, which say how long to wait.
    """

    def __init__(self, message: str, status: int = 0, *, is_final: bool = False, body: object = None):
        super().__init__(message)
        self.status, self.is_final, self.body, self.response = status, is_final, body, Response({})

    @property
    def wait(self) -> float:
        """Seconds that the server asks to wait; 0 if it does not."""
        return retry_after(self) or 0.0

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed later."""
        return not self.is_final and (not self.status or self.status in TRANSIENT_STATUSES or self.status == 409)


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
        raise UserError(FORM) from None
    # Names are stored with runs and artifacts, so they must not hold a key.
    may_hold_key = "@" in parts.netloc or parts.query or parts.fragment
    if not model or parts.scheme not in ("http", "https") or not host or may_hold_key:
        raise UserError(FORM)
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


class SlowError(ServerError):
    """No answer, or no further event of a stream, in time."""


class UnreachableError(ServerError):
    """No connection to the server."""


def refusal(status: int, body: object, words: str, address: str, key: str) -> ServerError:
    """Make the error of a request that a server refused.

    Args:
        words: The server's own. They are given for what is wrong with the request, without anything like a key; never
            with a refused key, which a server may repeat.
    """
    host, has_no_model = host_of(address), bool(NO_MODEL.search(words)) and status in (0, 400, 403, 404, 422)
    has_no_quota = bool(NO_QUOTA.search(words)) and status in (0, 400, 402, 403, 429)
    quoted = f": {shorten(words, key).rstrip('. ')}." if words else "."
    if status in (401, 403):
        message = f"{host} does not accept the key: check it, and that it may use this model."
    elif status == 404 or has_no_model:
        message = f"{host} has no such model or address: check the model's name and that the address ends in /v1."
    elif status == 402 or has_no_quota:
        message = f"{host} asks for payment: the quota or credit of this key is used up."
    elif status == 429:
        message = f"{host} asks to slow down (too many requests): wait a little, or use another key."
    elif status:
        message = f"{host} refused the request (HTTP {status}){quoted}"
    else:
        message = f"{host} answered with an error{quoted}"
    is_final = status in (401, 402, 403, 404, 405) or has_no_model or has_no_quota
    return ServerError(message, status, is_final=is_final, body=body)


def shorten(words: str, key: str) -> str:
    """The beginning of a server's words on one line, without anything that looks like a key."""
    clean = SECRET.sub("…", words.replace(key, "…") if key else words)
    return " ".join(clean.split())[:MAX_WORDS]


def explain_error(error: Exception, address: str, timeout: float) -> str:
    """Describe in our own words why no answer came."""
    if isinstance(error, UserError):
        return str(error)
    host, name = host_of(address), type(error).__name__
    if name == "OfflineModeIsEnabled":
        return "HF_HUB_OFFLINE is set where the studio runs, so no hosted model is called."
    if "Timeout" in name:
        return f"{host} took more than {timeout:.0f} seconds."
    if "Connect" in name:
        return f"{host} cannot be reached: check the address and that the server is running."
    if name in ("RemoteProtocolError", "ReadError", "ChunkedEncodingError", "IncompleteRead"):
        return f"{host} closed the connection."
    return f"{host} did not return a chat completion ({name})."
