"""Write and read an artifact: weights that their own library loads, `selfsup.json` (its record), a model card."""

from __future__ import annotations

import json
import platform
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training import files
from training.artifact import model_card
from training.data.streams.sources import public_files
from training.errors import UserError
from training.home import RUN_ID
from training.settings import RunSettings

if TYPE_CHECKING:
    import torch

    from training.task import Task

FORMAT = 1
RECORD = "selfsup.json"
LIBRARIES = ("torch", "transformers", "diffusers", "accelerate", "peft", "tokenizers", "safetensors")


def save(task: Task, model: torch.nn.Module, folder: Path, settings: RunSettings, about: dict[str, Any]) -> None:
    """Write weights, record and card; they replace an earlier artifact only when all are on the disk."""
    with files.replacing(folder) as new:
        task.save(model, new)
        record = make_record(settings, about)
        files.write_json(new / RECORD, record)
        files.write_text(new / "README.md", model_card.render(record))


def make_record(settings: RunSettings, about: dict[str, Any]) -> dict[str, Any]:
    """Return the artifact's record: `about`, the settings without paths, and the versions of the libraries."""
    return {"format": FORMAT, **about, "settings": shareable(settings), "versions": versions()}


def read_record(folder: Path) -> dict[str, Any]:
    """Read an artifact's record.

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
        written = record.get("format") if isinstance(record, dict) else "?"
        raise UserError(f"{RECORD} has format {written}; this version reads {FORMAT}. Update the studio.")
    return record


def shareable(settings: RunSettings) -> dict[str, Any]:
    """The changed settings without paths (files and folders by their name), run ids and the private backup."""
    values = settings.changed()
    values.pop("backup", None)
    for name in {*settings.file_fields(), *settings.weights_fields()} & values.keys():
        if Path(values[name]).is_absolute():
            values[name] = public_files(values[name]) if values.get("streaming") else Path(values[name]).name
        if RUN_ID.fullmatch(values[name]):
            values[name] = "a run"  # its id is its owner's alone
    return values


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that wrote the weights."""
    installed = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            installed[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return installed
