"""Files whose content stands in a call itself: how an MCP tool or `curl` sends a small one, without an upload."""

from __future__ import annotations

import base64
import binascii
import hashlib
import mimetypes
import re
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from gradio import processing_utils
from gradio_client.utils import strip_invalid_filename_characters

from training.errors import UserError

MAX_MB = 20
MAX_BYTES = MAX_MB * 2**20
DATA_URL = re.compile(r"data:(?P<type>[^;,]*)(?P<options>(?:;[^;,]*)*),(?P<content>.*)", re.DOTALL)
FORMS = '{"name": "reviews.csv", "text": "…"}, {"name": "photo.png", "base64": "…"} or a data URL'
SUFFIXES = {"text/csv": ".csv", "text/tab-separated-values": ".tsv", "application/json": ".json", "text/plain": ".txt"}


def is_content(file: Any) -> bool:
    """Whether a value is a file's content: one of `FORMS`."""
    return (isinstance(file, dict) and not file.keys().isdisjoint(("text", "base64"))) or (
        isinstance(file, str) and file.startswith("data:")
    )


def keep_content(parameter: str, file: dict[str, Any] | str) -> Path:
    """Write a content among the uploads, which are removed after a day; the same content has the same path.

    Raises:
        UserError: If it has another form, cannot be decoded, or is too large.
    """
    name, content = _of_url(parameter, file) if isinstance(file, str) else _of_record(parameter, file)
    if len(content) > MAX_BYTES:
        raise UserError(f"{parameter}: the content has more than {MAX_MB} MB. Send it with POST /gradio_api/upload.")
    folder = Path(processing_utils.get_upload_folder()).resolve() / hashlib.sha256(content).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (strip_invalid_filename_characters(Path(name).name) or "file")
    temporary = path.with_name(f".{secrets.token_hex(8)}")  # another call may be reading the same file
    temporary.write_bytes(content)
    temporary.replace(path)
    return path


def _of_record(parameter: str, file: dict[str, Any]) -> tuple[str, bytes]:
    name, text, encoded = file.get("name", "file"), file.get("text"), file.get("base64")
    if not isinstance(name, str) or not isinstance(encoded if text is None else text, str):
        raise UserError(f"{parameter}: a file in a call is {FORMS}.")
    return name, text.encode() if isinstance(text, str) else _decode(parameter, str(encoded))


def _of_url(parameter: str, url: str) -> tuple[str, bytes]:
    match = DATA_URL.fullmatch(url)
    if not match:
        raise UserError(f"{parameter}: a data URL is data:text/csv;base64,…; this one has no comma.")
    options = [option.strip() for option in match["options"].split(";")]
    named = next((unquote(option[5:]) for option in options if option.startswith("name=")), "")
    suffix = SUFFIXES.get(match["type"]) or mimetypes.guess_extension(match["type"]) or ""
    is_encoded = "base64" in options
    content = _decode(parameter, match["content"]) if is_encoded else unquote(match["content"]).encode()
    return named or f"file{suffix}", content


def _decode(parameter: str, encoded: str) -> bytes:
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        raise UserError(f"{parameter}: the content is no base64.") from None
