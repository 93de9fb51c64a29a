"""What an artifact says of the run that made it, beside its metrics."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.settings import TrainSettings

if TYPE_CHECKING:
    from training.jobs import Run


def describe_run(run: Run, plugin: Any, trainer: Any, settings: TrainSettings) -> dict[str, Any]:
    """Plugin, trainer, lineage and data fingerprints; `plugin` and `trainer` are the records of the contract."""
    card = asdict(plugin.card)
    about = {
        "plugin": plugin.name,
        "trainer": trainer.name,
        "title": f"{plugin.title}: {trainer.title}",
        "run": run.id,
        "card": card,
    }
    if "/" in settings.model and not Path(settings.model).is_absolute():
        about["base_model"] = settings.model.split("@")[0]
    return about | {"data": _data(settings)}


def _data(settings: TrainSettings) -> dict[str, Any]:
    from training.data import fingerprint

    facts: dict[str, Any] = {"dataset": settings.dataset} if settings.dataset else {}
    for name in settings.file_fields():
        if path := getattr(settings, name):
            facts |= {name: Path(path).name, f"{name}_sha256": fingerprint(Path(path))}
    return facts
