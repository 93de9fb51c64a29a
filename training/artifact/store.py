"""The artifact: a folder that its own library loads, with `selfsup.json` saying where it came from and a model card."""

from __future__ import annotations

import json
import platform
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training import files
from training.artifact import model_card
from training.errors import UserError
from training.settings import RunSettings

if TYPE_CHECKING:
    import torch

    from training.task import Task

FORMAT = 1
RECORD = "selfsup.json"
LIBRARIES = ("torch", "transformers", "diffusers", "accelerate", "peft", "tokenizers", "safetensors")


def save(task: Task, model: torch.nn.Module, folder: Path, settings: RunSettings, about: dict[str, Any]) -> None:
    """Write weights, record and card, replacing the artifact that was there only when all is on the disk."""
    with files.replacing(folder) as new:
        task.save(model, new)
        record = make_record(settings, about)
        files.write_json(new / RECORD, record)
        files.write_text(new / "README.md", model_card.render(record))


def make_record(settings: RunSettings, about: dict[str, Any]) -> dict[str, Any]:
    """What an artifact says of itself: `about`, the settings without paths, and the versions of the libraries."""
    return {"format": FORMAT, **about, "settings": shareable(settings), "versions": versions()}


def read_record(folder: Path) -> dict[str, Any]:
    """The record of an artifact.

    Raises:
        UserError: If there is none, it is not JSON, or a newer version wrote it.
    """
    path = folder / RECORD
    if not path.is_file():
        raise UserError(f"These weights have no {RECORD}: they were not saved by this studio.")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{RECORD} is not valid JSON: {error}.") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise UserError(
            f"{RECORD} has format {record.get('format') if isinstance(record, dict) else '?'}; this version reads {FORMAT}. Update the studio."
        )
    return record


def shareable(settings: RunSettings) -> dict[str, Any]:
    """The changed settings without any path of this machine: files and folders by their last name. The backup is private."""
    values = settings.changed()
    values.pop("backup", None)
    for name in {*settings.file_fields(), *settings.weights_fields()} & values.keys():
        if Path(values[name]).is_absolute():
            values[name] = Path(values[name]).name
    return values


def versions() -> dict[str, str]:
    """Python and the libraries that wrote the weights."""
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found
