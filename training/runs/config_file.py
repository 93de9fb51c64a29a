"""A run's configuration file: plugin, trainer and changed settings as YAML, with data files named relative to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from training.errors import UserError
from training.settings import SAMPLE, RunSettings

MAX_BYTES = 2**20
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is ten times quicker, where PyYAML has it


def to_yaml(plugin: str, trainer: str, values: Mapping[str, Any]) -> str:
    """Return a run's configuration in the form that `--config` reads."""
    readable = all(str(value).isprintable() for value in values.values())  # unescaped, YAML changes U+0085 and U+2028
    content = {"plugin": plugin, "trainer": trainer, "settings": dict(values)}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=readable)


def absolute_files(values: Mapping[str, Any], kind: type[RunSettings], folder: Path) -> dict[str, Any]:
    """Resolve the file fields of a configuration against the folder that holds it; names of samples stay."""
    if values.get("streaming") and values.get("data"):  # folders, patterns and shares
        from training.data.streams.sources import absolute

        values = {**values, "data": absolute(str(values["data"]), folder)}
    files = {key for key in kind.file_fields() if values.get(key) and not str(values[key]).startswith(SAMPLE)}
    return {key: str(folder / value) if key in files else value for key, value in values.items()}


def read_config(path: Path) -> dict[str, Any]:
    """The plugin, the trainer and the changed settings of a run's configuration.

    Raises:
        UserError: If it cannot be read, or has another shape.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise UserError(f"{path.name} is larger than a configuration can be.")
        content = yaml.load(path.read_text(encoding="utf-8"), LOADER)  # noqa: S506 - a safe loader
    except OSError as error:
        raise UserError(f"{path.name} cannot be read ({error.strerror}).") from None
    except (ValueError, RecursionError, yaml.YAMLError):
        raise UserError(f"{path.name} cannot be read as YAML.") from None
    named = isinstance(content, dict) and all(isinstance(content.get(name), str) for name in ("plugin", "trainer"))
    if not named or not isinstance(content.get("settings"), dict):
        raise UserError(f"{path.name} does not name a plugin, a trainer and settings.")
    return content
