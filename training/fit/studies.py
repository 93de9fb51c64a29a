"""What was measured once of the weights that a finished run keeps: into their record and card, and the run's report."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from training import files
from training.artifact import model_card, store
from training.data.progress import CancelledError, reporting
from training.figures import TITLE
from training.task import Study

STOPPED = (
    "Stopped {why} after the last step; weights and report are kept. “{title}” was not measured: resume the run for it."
)


class Studied(Protocol):
    """A task or an experiment."""

    study_title: str

    def study_kept_weights(self, artifact: Path) -> list[Study]: ...


def study(studied: Studied, folder: Path, is_stopped: Callable[[], bool], tell: Callable[..., None]) -> bool:
    """Measure the weights that the run in `folder` keeps, and add what was found to their record, card and report.

    Args:
        is_stopped: Whether it is to end without a result.
        tell: Writes an event with its values.

    Returns:
        Whether it was not stopped.
    """

    def listen(what: str, share: float) -> None:
        if is_stopped():
            raise CancelledError
        tell("finishing", message=f"{what}: {share:.0%}", share=share)

    try:
        with reporting(listen):
            keep_studies(studied.study_kept_weights(folder / "artifact"), folder)
    except CancelledError:
        return False
    return True


def keep_studies(studies: Sequence[Study], folder: Path) -> None:
    """Add studies to the artifact and the report of the run in `folder`; those of the same title are replaced."""
    if not studies:
        return
    titles = {study.title for study in studies}
    artifact = folder / "artifact"
    record = store.read_record(artifact)
    others = [study for study in record.get("studies", []) if study["title"] not in titles]
    made = [
        {"title": study.title, "text": study.text, "columns": study.columns, "rows": study.rows} for study in studies
    ]
    record["studies"] = [*others, *made]
    files.write_json(artifact / store.RECORD, record)
    files.write_text(artifact / "README.md", model_card.render(record))
    report = folder / "report.json"
    tables = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
    first = {name: tables.pop(name) for name in (TITLE,) if name in tables}
    added = {study.title: _table(study) for study in studies}
    files.write_json(report, {**first, **added, **{name: tables[name] for name in tables if name not in titles}})


def _table(study: Study) -> dict[str, Any]:
    text = " ".join(filter(None, (study.text, study.advice)))
    return {"columns": study.columns, "rows": study.rows, "text": text}
