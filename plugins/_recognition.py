"""Recognise which kind can use a folder of weights, by its `selfsup.json` or its configuration's architecture."""

from __future__ import annotations

import json
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from plugins._contract import Kind, Plugin
from training.errors import UserError

FAMILIES = {  # of architectures, for what to say where no plugin takes them
    "*LMHeadModel": "a decoder for text generation",
    "*ForCausalLM": "a decoder for text generation",
    "*ForConditionalGeneration": "an encoder with a decoder",
    "*ForImageClassification": "an image classifier",
    "*Pipeline": "a diffusion pipeline",
}


def recognise(folder: Path, name: str, plugins: Iterable[Plugin]) -> tuple[Plugin, Kind]:
    """The kind for a folder with a repository's configurations; its weights need not be there yet.

    Args:
        name: What messages call it: a repository, a run or a starter.

    Raises:
        UserError: If none can use it: says what it is, or what is missing.
    """
    plugins = list(plugins)
    record = _read(folder / "selfsup.json")
    names = architectures(folder)
    if record.get("plugin"):
        return _made_by(record, names, name, plugins)
    if not names:
        raise UserError(
            f"{name} does not say what it is: it has no selfsup.json, and no config.json or model_index.json with an "
            "architecture."
        )
    for plugin in plugins:
        for kind in plugin.kinds:
            if _takes(kind, names):
                return plugin, kind
    family = next((text for each in names for pattern, text in FAMILIES.items() if fnmatch(each, pattern)), "")
    raise UserError(f"{name} is {family + ', ' if family else ''}{names[0][:60]}: no tab here can use that.")


def _takes(kind: Kind, names: list[str]) -> bool:
    return any(fnmatch(name, pattern) for name in names for pattern in kind.architectures)


def _made_by(record: dict[str, Any], names: list[str], name: str, plugins: list[Plugin]) -> tuple[Plugin, Kind]:
    maker = str(record["plugin"])[:60]
    plugin = next((plugin for plugin in plugins if plugin.name == maker), None)
    if plugin is None:
        raise UserError(f"{name} was made by the plugin {maker!r}, which is not here.")
    trainer = str(record.get("trainer", ""))[:60]
    kind = next((kind for kind in plugin.kinds if not trainer and _takes(kind, names)), None) or plugin.kind(trainer)
    if (
        names and kind.architectures and not _takes(kind, names)
    ):  # its record and its configuration contradict each other
        raise UserError(
            f"{name} says that {plugin.name} {kind.name} made it, but its configuration names {names[0][:60]}: "
            f"expected {', '.join(kind.architectures)}."
        )
    return plugin, kind


def architectures(folder: Path) -> list[str]:
    """The classes that config.json or model_index.json names."""
    config, pipeline = _read(folder / "config.json"), _read(folder / "model_index.json")
    named = config.get("architectures") or [
        pipeline.get("_class_name") or config.get("_class_name") or config.get("architecture") or ""
    ]
    return [name for name in named if isinstance(name, str) and name] if isinstance(named, list) else []


def _read(path: Path) -> dict[str, Any]:
    """A JSON file that was checked when it came in; empty where there is none, or no object in it.

    Raises:
        UserError: If it is damaged.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (OSError, ValueError):
        raise UserError(f"{path.parent.name}: {path.name} cannot be read as JSON.") from None
    return values if isinstance(values, dict) else {}
