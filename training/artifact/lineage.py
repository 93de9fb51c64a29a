"""The lineage part of an artifact's record: plugin, kind, base weights, licence and fingerprints of the data."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from training.artifact import store
from training.hub.pull import repository
from training.settings import RunSettings


def public_name(run_id: str) -> str:
    """A name of a run that can be published: it tells a run's files from another's, and not the run's id."""
    return hashlib.sha256(run_id.encode()).hexdigest()[:32]


def describe_run(run_id: str, plugin: Any, kind: Any, settings: RunSettings, start: Path | None) -> dict[str, Any]:
    """Return plugin, kind, lineage and data fingerprints; `plugin` and `kind` are the records of the contract.

    Args:
        start: The folder of weights that `settings.model` names; None when training from scratch.
    """
    about = {
        "plugin": plugin.name,
        "trainer": kind.name,
        "title": f"{plugin.title}: {kind.title}",
        "run": public_name(run_id),
        "card": asdict(kind.card),
        "training": {
            "seed": settings.seed,
            "precision": settings.value("precision", "fp32"),
            "processes": settings.value("processes", 1),
            "CPU cores": os.cpu_count(),
        },
    }
    return about | (_inherited(settings.value("model"), start) if start else {}) | {"data": _data(settings)}


def _inherited(name: str, start: Path) -> dict[str, Any]:
    """Return licence, base model on the Hub and the training steps behind the weights that training starts from."""
    record = store.read_record(start) if (start / store.RECORD).is_file() else {}
    on_hub = None if Path(name).is_absolute() else repository(name)
    base = on_hub[0] if on_hub else record.get("base_model")
    commit = f" at {start.name[:12]}" if on_hub else ""
    what = f"{on_hub[0]}{commit}" if on_hub else record.get("title", "Weights that are not on the Hub")
    trained = record.get("data", {}).get("data") or record.get("data", {}).get("dataset")
    step = f"{what}{f', trained on {trained}' if trained else ''}"
    inherited = {"license": _licence(start) or "other", "lineage": [*record.get("lineage", []), step]}
    return inherited | ({"base_model": base} if base else {})


def _licence(folder: Path) -> str:
    """Return the licence that these weights' card names; empty if none."""
    path = folder / "README.md"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    if not text.startswith("---"):
        return ""
    try:
        matter = yaml.safe_load(text.split("---", 2)[1])
    except (yaml.YAMLError, IndexError):
        return ""
    value = matter.get("license") if isinstance(matter, dict) else None
    return value if isinstance(value, str) else ""


def _data(settings: RunSettings) -> dict[str, Any]:
    from training.data.streams.sources import public_files
    from training.data.table_cache import file_fingerprint

    facts: dict[str, Any] = {"dataset": settings.value("dataset")} if settings.value("dataset") else {}
    for name in settings.file_fields():
        if not (path := getattr(settings, name)):
            continue
        if name == "data" and settings.value("streaming") and not Path(path).is_file():
            facts[name] = public_files(path)
        else:
            facts |= {name: Path(path).name, f"{name}_sha256": file_fingerprint(Path(path))}
    return facts
