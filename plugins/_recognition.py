"""Which plugin can use a repository: `selfsup.json` says it, else the architecture that its configuration names."""

from __future__ import annotations

import json
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from plugins._contract import Plugin
from training.errors import UserError

FAMILIES = {  # of architectures, for what to say where no plugin takes them
    "*LMHeadModel": "a decoder for text generation",
    "*ForCausalLM": "a decoder for text generation",
    "*ForConditionalGeneration": "an encoder with a decoder",
    "*ForImageClassification": "an image classifier",
    "*Pipeline": "a diffusion pipeline",
}


def recognise(folder: Path, repo: str, plugins: Iterable[Plugin]) -> Plugin:
    """The plugin for a folder with a repository's configurations; its weights need not be there yet.

    Raises:
        UserError: If none can use it: says what it is, or what is missing.
    """
    plugins = list(plugins)
    made_by = _read(folder / "selfsup.json").get("plugin")
    if made_by:
        found = next((plugin for plugin in plugins if plugin.name == made_by), None)
        if not found:
            raise UserError(f"{repo} was made by the plugin {str(made_by)[:60]!r}, which is not here.")
        return found
    names = _architectures(folder)
    if not names:
        raise UserError(
            f"{repo} does not say what it is: it has no selfsup.json, and no config.json or model_index.json with an architecture."
        )
    for plugin in plugins:
        if any(fnmatch(name, pattern) for name in names for pattern in plugin.architectures):
            return plugin
    what = next((text for name in names for pattern, text in FAMILIES.items() if fnmatch(name, pattern)), "")
    raise UserError(f"{repo} is {what + ', ' if what else ''}{names[0][:60]}: no tab here can use that.")


def _architectures(folder: Path) -> list[str]:
    config, pipeline = _read(folder / "config.json"), _read(folder / "model_index.json")
    found = config.get("architectures") or [pipeline.get("_class_name") or config.get("_class_name") or ""]
    return [name for name in found if isinstance(name, str) and name] if isinstance(found, list) else []


def _read(path: Path) -> dict[str, Any]:
    """A file that the pull has checked; empty where there is none."""
    values = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return values if isinstance(values, dict) else {}
