"""Arguments of a call: values validated against their annotations, and files that this visitor uploaded."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints
from urllib.parse import unquote

from gradio import processing_utils
from gradio.context import LocalContext
from pydantic import ConfigDict, TypeAdapter, ValidationError

from plugins._endpoints import API_TYPES
from spaces_app.file_content import FORMS, is_content, keep_content
from spaces_app.uploads import may_use
from training.errors import UserError

NOT_UPLOADED = f"that is no uploaded file; send it with gradio_client.handle_file, or as {FORMS}."
FILE = "/gradio_api/file="  # of the address of an upload
MAX_PATH = 4096  # characters
MAX_NAME = 255  # bytes of a file's name
FINITE = ConfigDict(allow_inf_nan=False)
MAX_DEPTH = 100  # of lists and records in each other; JSON of our own has less than ten


def argument(name: str, kind: Any, value: Any) -> Any:
    """Validate a value as `kind`, one of the types that JSON carries; others (a request, an upload) pass unchanged.

    Raises:
        UserError: If it is of another type.
    """
    if value is None and type(None) in get_args(kind):
        return None
    kind = next((each for each in get_args(kind) if each in API_TYPES), kind) if type(None) in get_args(kind) else kind
    if kind not in API_TYPES or kind is Path:
        return value
    if kind in (int, float) and isinstance(value, bool):  # true would pass as 1
        raise UserError(f"{name}: {value} was given; it should be a number.")
    try:
        return TypeAdapter(kind, config=FINITE).validate_python(value)
    except ValidationError as error:
        expected = error.errors()[0]["msg"].removeprefix("Input ")
        raise UserError(f"{name}: {str(value)[:80]!r} was given; it {expected}.") from None


def parameters_of(function: Callable[..., Any], bound: int = 0) -> list[inspect.Parameter]:
    """The parameters after the first `bound`, with their types; in place of a record (a dataclass) stand its fields."""
    spread: list[inspect.Parameter] = []
    for parameter in _typed(function)[bound:]:
        spread += _fields(parameter) if is_dataclass(parameter.annotation) else [parameter]
    return spread


def _fields(record: inspect.Parameter) -> list[inspect.Parameter]:
    types = get_type_hints(record.annotation)
    return [
        record.replace(name=each.name, annotation=types[each.name], default=each.default)
        for each in fields(record.annotation)
    ]


def gathered(function: Callable[..., Any], values: Mapping[str, Any], bound: int = 0) -> dict[str, Any]:
    """Values of what `parameters_of` gives as the function takes them: those of a record's fields become the record."""
    left, made = dict(values), dict[str, Any]()
    for name, kind in _records(function, bound).items():
        made[name] = kind(**{each.name: left.pop(each.name) for each in fields(kind) if each.name in left})
    return left | made


def _records(function: Callable[..., Any], bound: int) -> dict[str, Any]:
    return {each.name: each.annotation for each in _typed(function)[bound:] if is_dataclass(each.annotation)}


def _typed(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters, their annotations the types themselves."""
    hints = get_type_hints(function)
    parameters = inspect.signature(function).parameters.values()
    return [each.replace(annotation=hints.get(each.name, each.annotation)) for each in parameters]


def check_text(name: str, value: Any, depth: int = 0) -> None:
    """Refuse what no text, file or document can hold, wherever it is in a value.

    JSON can spell half of a surrogate pair: such a text can neither be tokenised, written nor sent back.

    Raises:
        UserError: For such a text, for what is no upload but says it is, and for values deeper than `MAX_DEPTH`.
    """
    if depth > MAX_DEPTH:
        raise UserError(f"{name}: lists and records are nested more than {MAX_DEPTH} deep.")
    if isinstance(value, str):
        if not _is_unicode(value):
            raise UserError(f"{name}: the text has a character that is none (half of a surrogate pair). Remove it.")
    elif isinstance(value, dict):
        _check_file_record(name, value)
        for key, item in value.items():
            check_text(name, key, depth + 1)
            check_text(name, item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            check_text(name, item, depth + 1)


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_file_record(name: str, record: dict[str, Any]) -> None:
    """Gradio takes any record of this form for a file, and opens its path."""
    meta = record.get("meta")
    if isinstance(meta, dict) and "_type" in meta and not _is_path(record.get("path")):
        raise UserError(f"{name}: {NOT_UPLOADED}")


def holds_file(value: Any) -> bool:
    """Whether Gradio finds a file somewhere in a value."""
    if isinstance(value, dict):
        return isinstance(value.get("meta"), dict) or any(map(holds_file, value.values()))
    return isinstance(value, list) and any(map(holds_file, value))


def _is_path(path: Any) -> bool:
    if not isinstance(path, str) or "\0" in path or len(path) > MAX_PATH:
        return False
    return all(len(part.encode()) <= MAX_NAME for part in path.split("/"))


def upload(name: str, file: Any) -> Path | None:
    """The path of a file that this visitor uploaded, or whose content stands in the call itself.

    Raises:
        UserError: If it is a path that was not uploaded, or a content that cannot be read.
    """
    if not file:
        return None
    if is_content(file):
        return keep_content(name, file)
    if isinstance(file, str) and FILE in file:  # the address of an upload, as Gradio's own upload tool of MCP returns
        file = {"path": unquote(file.partition(FILE)[2])}
    given = file.get("path") if isinstance(file, dict) else getattr(file, "path", None)
    if not _is_path(given):
        raise UserError(f"{name}: {NOT_UPLOADED}")
    path = Path(str(given)).resolve()
    if not path.is_relative_to(Path(processing_utils.get_upload_folder()).resolve()) or not path.is_file():
        raise UserError(f"{name}: {NOT_UPLOADED}")
    if not may_use(path, LocalContext.request.get(None)):
        raise UserError(f"{name}: {NOT_UPLOADED}")
    return path


def uploads(more: Mapping[str, Any] | None, **files: Any) -> dict[str, Path]:
    """Setting -> path of its uploaded file; settings without a file are left out.

    Args:
        more: Of other names than `files`.

    Raises:
        UserError: If one is a path that was not uploaded, or is given twice.
    """
    if twice := [name for name in more or {} if files.get(name)]:
        raise UserError(f"more_files: {', '.join(twice)} is given twice; leave one out.")
    files = {**files, **(more or {})}
    return {name: path for name, file in files.items() if (path := upload(name, file))}
