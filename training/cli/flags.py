"""Settings classes as command-line flags: the names, limits and descriptions are the form's."""

from __future__ import annotations

import argparse
import difflib
import types
import typing
from pathlib import Path
from typing import Any

import yaml
from pydantic.fields import FieldInfo

from training.errors import UserError
from training.runs.config_file import absolute_files
from training.settings import AUTO, RunSettings, extra_of


def add_flags(parser: argparse.ArgumentParser, settings: type[RunSettings]) -> None:
    """One flag per field; an absent flag leaves the configuration's value, or the default, alone."""
    for advanced in (False, True):
        group = parser.add_argument_group("advanced settings" if advanced else "settings")
        for name, field in settings.settable_fields().items():
            if bool(extra_of(field).get("advanced")) == advanced:
                is_auto = settings.has_auto(name) and field.default == settings.undecided_value(name)
                _add_flag(group, name, field, AUTO if is_auto else repr(field.default))


def _add_flag(group: Any, name: str, field: FieldInfo, default: str) -> None:
    names = list(dict.fromkeys(["--" + name.replace("_", "-"), "--" + name]))
    text = f"{field.description} Default: {default}.".replace("%", "%%")
    if field.annotation is bool:
        group.add_argument(
            *names, dest=name, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text
        )
        return
    choices = typing.get_args(field.annotation) if typing.get_origin(field.annotation) is typing.Literal else None
    group.add_argument(
        *names,
        dest=name,
        choices=choices,
        default=argparse.SUPPRESS,
        help=text,
        metavar=None if choices else _metavar(field),
    )


def refuse_unknown(arguments: list[str], settings: type[RunSettings]) -> None:
    """Refuse what no flag took.

    Raises:
        UserError: With the flag that may have been meant.
    """
    if not arguments:
        return
    flag = arguments[0].partition("=")[0]
    names = ["--" + name.replace("_", "-") for name in settings.settable_fields()]
    close = difflib.get_close_matches(flag.replace("_", "-"), names, n=1)
    hint = f"Did you mean {close[0]}?" if close else "--help lists what there is."
    raise UserError(f"There is no flag {flag}. {hint}")


def _metavar(field: FieldInfo) -> str:
    if extra_of(field).get("kind") == "file":
        return "FILE"
    kind = field.annotation
    return kind.__name__.upper() if isinstance(kind, type) and not isinstance(kind, types.GenericAlias) else "VALUE"


def settings_from_file(path: Path, plugin: str, trainer: str, settings: type[RunSettings]) -> dict[str, Any]:
    """The settings of a run file; its data files are relative to it.

    Raises:
        UserError: If it cannot be read, is not such a file, or is another trainer's.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"--config {path}: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"--config {path} is not YAML: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("settings", {}), dict):
        raise UserError(f"--config {path}: expected the keys plugin, trainer and settings.")
    wanted = (content.get("plugin", plugin), content.get("trainer", trainer))
    if wanted != (plugin, trainer):
        raise UserError(f"--config {path} is for {' '.join(wanted)}, not for {plugin} {trainer}.")
    return absolute_files(content.get("settings") or {}, settings, path.resolve().parent)


def check_files(values: dict[str, Any], settings: type[RunSettings]) -> None:
    """Refuse a file that is not there, and a folder where a file belongs."""
    for name in settings.file_fields():
        if name == "data" and values.get("streaming"):  # a folder or a pattern: its reader looks
            continue
        folder = (
            extra_of(settings.model_fields[name]).get("folder") and values.get(name) and Path(values[name]).is_dir()
        )
        if values.get(name) and not folder and not Path(values[name]).is_file():
            if "streaming" in settings.model_fields and name == "data" and Path(values[name]).is_dir():
                raise UserError(
                    f"data: {values[name]} is a folder. Add --streaming to read its files as the run trains."
                )
            raise UserError(f"{name}: there is no file {values[name]}.")
