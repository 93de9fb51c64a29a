"""What arrives from outside: values of the type that an endpoint declares, and files that were really uploaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gradio import processing_utils
from pydantic import TypeAdapter, ValidationError

from plugins._contract import API_TYPES
from training.errors import UserError


def argument(name: str, kind: Any, value: Any) -> Any:
    """The value as `kind`, one of the types that JSON carries; anything else (a request, an upload) comes back as it is.

    Raises:
        UserError: If it is of another type.
    """
    if kind not in API_TYPES or kind is Path:
        return value
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        what = error.errors()[0]["msg"].removeprefix("Input ")
        raise UserError(f"{name}: {str(value)[:80]!r} was given; it {what}.") from None


def upload(file: Any) -> Path | None:
    """The path of a file that this visitor uploaded.

    Raises:
        UserError: If it is a path that no upload made.
    """
    if not file:
        return None
    given = file.get("path") if isinstance(file, dict) else getattr(file, "path", None)
    path = Path(str(given)).resolve()
    if not path.is_relative_to(Path(processing_utils.get_upload_folder()).resolve()) or not path.is_file():
        raise UserError("That is no uploaded file: send it with gradio_client.handle_file.")
    return path


def uploads(**files: Any) -> dict[str, Path]:
    """Setting -> path of the file that was uploaded for it; those that were not given are left out.

    Raises:
        UserError: If one is a path that no upload made.
    """
    return {name: path for name, file in files.items() if (path := upload(file))}
