"""Arguments of a call: values validated against their annotations, and files that this visitor uploaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradio import processing_utils
from pydantic import TypeAdapter, ValidationError

from plugins._endpoints import API_TYPES
from training.errors import UserError


def argument(name: str, kind: Any, value: Any) -> Any:
    """Validate a value as `kind`, one of the types that JSON carries; others (a request, an upload) pass unchanged.

    Raises:
        UserError: If it is of another type.
    """
    if kind not in API_TYPES or kind is Path:
        return value
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        expected = error.errors()[0]["msg"].removeprefix("Input ")
        raise UserError(f"{name}: {str(value)[:80]!r} was given; it {expected}.") from None


def upload(file: Any) -> Path | None:
    """The path of a file that this visitor uploaded.

    Raises:
        UserError: If it is a path that was not uploaded.
    """
    if not file:
        return None
    name = file.get("path") if isinstance(file, dict) else getattr(file, "path", None)
    path = Path(str(name)).resolve()
    if not path.is_relative_to(Path(processing_utils.get_upload_folder()).resolve()) or not path.is_file():
        raise UserError("That is no uploaded file: send it with gradio_client.handle_file.")
    return path


def uploads(**files: Any) -> dict[str, Path]:
    """Setting -> path of its uploaded file; settings without a file are left out.

    Raises:
        UserError: If one is a path that was not uploaded.
    """
    return {name: path for name, file in files.items() if (path := upload(file))}
