"""What was measured once of the weights that a finished run keeps: into their record and card, and the run's report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training import files
from training.artifact import model_card, store
from training.figures import TITLE
from training.task import Study


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
