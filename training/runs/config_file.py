"""A run's configuration file: plugin, trainer and changed settings as YAML, with data files named relative to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from training.settings import RunSettings


def to_yaml(plugin: str, trainer: str, values: Mapping[str, Any]) -> str:
    """Return a run's configuration in the form that `--config` reads."""
    readable = all(str(value).isprintable() for value in values.values())  # unescaped, YAML changes U+0085 and U+2028
    content = {"plugin": plugin, "trainer": trainer, "settings": dict(values)}
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=readable)


def absolute_files(values: Mapping[str, Any], kind: type[RunSettings], folder: Path) -> dict[str, Any]:
    """Resolve the file fields of a configuration against the folder that holds it."""
    return {key: str(folder / value) if key in kind.file_fields() and value else value for key, value in values.items()}
