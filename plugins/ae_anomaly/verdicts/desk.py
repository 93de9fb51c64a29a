"""What the page does with a session of verdicts: which rows are asked, and the files and the run made of them.

The state, answers, undo and several people at once are those of every desk: `training.labelling.desk`.
"""

from __future__ import annotations

import filecmp
import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from plugins.ae_anomaly.detector.feedback import write_feedback
from plugins.ae_anomaly.detector.file_scores import file_scores
from plugins.ae_anomaly.detector.records import read_rows_at
from plugins.ae_anomaly.detector.thresholds import parse_threshold
from plugins.ae_anomaly.verdicts.features import row_features
from plugins.ae_anomaly.verdicts.rounds import Precision, Round, next_round
from training.data.predictions_csv import predictions_writer, temporary_file
from training.data.table_stream import stream_table
from training.errors import UserError
from training.labelling import desk
from training.labelling.desk import Ask, Item, State
from training.labelling.sampling import random_order
from training.labelling.sessions import ROWS, Labels, LabelSession, create_session, labels_of, open_session
from training.wording import counted

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.predictor import AnomalyPredictor

ROUND = 10
ANOMALY, NORMAL = "anomaly", "normal"
SHOWN_CELLS = 40  # of a row


def start(model: AnomalyPredictor, path: Path, threshold: str, before: State, weights: str = "") -> State:
    """Begin with a file, or go on where the session is of it, and ask the first rows.

    Args:
        threshold: As of `parse_threshold`: where rows are called anomalies before there are verdicts.
        weights: Name of the model, for who opens the session by its key.

    Raises:
        UserError: If it cannot be read, lacks columns, or has too many rows.
    """
    parse_threshold(threshold, model.calibration.scores, np.zeros(1), np.ones(1))
    row_features(model, path)
    if before.get("key"):
        session = open_session(before["key"], ROWS)
        if filecmp.cmp(session.data, path, shallow=False):
            return _ask(model)(session, desk.go_on(session, before, weights))
    session = create_session(ROWS, path, (ANOMALY, NORMAL), {}, threshold=threshold, weights=weights)
    return _ask(model)(session, desk.new_state(is_first=True, earlier=before.get("key", "")))


def resume(model: AnomalyPredictor, key: str) -> State:
    """Go on with a session by its key.

    Raises:
        UserError: If there is none.
    """
    return _ask(model)(open_session(key, ROWS), desk.new_state(is_first=False))


def answer(model: AnomalyPredictor, state: State, label: str) -> State:
    """Call the row in question an anomaly or normal; an empty label skips it."""
    return desk.answer(state, label, ROWS, _ask(model))


def undo(model: AnomalyPredictor, state: State) -> State:
    """Take the last verdict back that was given here: see `training.labelling.desk.undo`."""
    return desk.undo(state, ROWS, lambda session, number: _shown(model, session, [number])[0])


def choose(model: AnomalyPredictor, state: State, number: int) -> State:
    """Ask a row before the others of the round, for its first verdict or another.

    Args:
        number: Of the row in the file, from 1.

    Raises:
        UserError: If the file has no such row.
    """
    session = _session(state)
    if not 1 <= number <= state["rows"]:
        raise UserError(f"The file has rows 1 to {state['rows']:,}: write one of these numbers.")
    verdict = _verdicts(session).get(number - 1)
    hint = "Your choice." if verdict is None else f"You said: {_word(verdict)}. Skip takes the verdict back."
    return desk.put_first(state, {**_shown(model, session, [number - 1])[0], "hint": hint})


def write_scored(model: AnomalyPredictor, state: State) -> Path:
    """The table with the score that the verdicts gave it, what is called an anomaly, and the verdicts, as CSV."""
    session = _session(state)
    found, verdicts = _round(model, session)
    scores, start_at = row_features(model, session.data).scores, 0
    with predictions_writer(temporary_file(session.data.name, "-scored.csv")) as write:
        for chunk in stream_table(session.data):
            rows = range(start_at, start_at + len(chunk))
            ranking = found.ranking[rows.start : rows.stop]
            learned = np.round(ranking, 6) if found.uses_errors else np.full(len(chunk), np.nan)
            cells = {
                "anomaly_score": pa.array(np.round(scores[rows.start : rows.stop], 6)),
                "learned_probability": pa.array(learned, mask=np.isnan(learned)),
                "is_anomalous": pa.array((ranking >= found.limit).astype(np.int8)),
                "verdict": pa.array([_word(verdicts.get(row)) for row in rows], pa.string()),
            }
            write(chunk, cells)
            start_at = rows.stop
    return write.target


def write_verdicts(model: AnomalyPredictor, state: State) -> Path:
    """The judged rows with a column `is_anomaly`: the `feedback_data` of `fit`.

    Raises:
        UserError: If no row has a verdict.
    """
    session = _session(state)
    verdicts = _verdicts(session)
    if not verdicts:
        raise UserError("No row has a verdict yet: call one an anomaly or normal first.")
    return write_feedback(model, session.data, {row + 1: is_anomaly for row, is_anomaly in verdicts.items()})


@dataclass(frozen=True)
class KeptVerdicts:
    """What a run is made of: setting -> file, settings of `fit`, and what the list of runs calls it."""

    files: dict[str, Path]
    settings: dict[str, Any]
    name: str


def keep(model: AnomalyPredictor, weights: str, state: State) -> KeptVerdicts:
    """The file and its verdicts as a run of `fit`, which learns from both.

    Raises:
        UserError: If no row has a verdict.
    """
    session = _session(state)
    files = {"data": session.data, "feedback_data": write_verdicts(model, state)}
    name = f"{counted(len(_verdicts(session)), 'verdict')} on {session.data.name}"
    return KeptVerdicts(files, {"model": weights}, name[:80])


def _session(state: State) -> LabelSession:
    return desk.session_of(state, ROWS, "Press Start first, and judge a row.")


def _verdicts(session: LabelSession) -> dict[int, bool]:
    return _verdicts_of(labels_of(session.entries()))


def _verdicts_of(log: Labels) -> dict[int, bool]:
    """Row -> whether it was called an anomaly."""
    return {row: label == ANOMALY for row, label in log.labels.items()}


def _word(verdict: bool | None) -> str | None:
    return None if verdict is None else ANOMALY if verdict else NORMAL


def _round(model: AnomalyPredictor, session: LabelSession) -> tuple[Round, Mapping[int, bool]]:
    found, log = file_scores(model, session.data), labels_of(session.entries())
    limit = parse_threshold(
        session.options.get("threshold", ""), model.calibration.scores, found.scores, found.p_values
    )
    verdicts, features = _verdicts_of(log), row_features(model, session.data)
    return next_round(features, verdicts, _order(session.key, len(found)), limit, ROUND, log.skipped), verdicts


@functools.lru_cache(maxsize=4)
def _order(key: str, rows: int) -> np.ndarray:
    return random_order(tuple(f"{key} {row}" for row in range(rows)))


def _ask(model: AnomalyPredictor) -> Ask:
    """What asks the next rows."""

    def ask(session: LabelSession, state: State) -> State:
        found, _ = _round(model, session)
        items = [
            {**item, "hint": f"{why.capitalize()}."}
            for item, why in zip(_shown(model, session, list(found.chosen)), found.why, strict=True)
        ]
        shown = {
            "rows": len(found.ranking),
            "alerts": int((found.ranking >= found.limit).sum()),
            "limit": found.limit,
            "uses_errors": found.uses_errors,
        }
        return desk.asked(session, state, items, _described(found.estimate), shown)

    return ask


def _described(found: Precision | None) -> dict[str, Any]:
    return {} if found is None else {name: round(value, 4) for name, value in asdict(found).items()}


def _shown(model: AnomalyPredictor, session: LabelSession, rows: list[int]) -> list[Item]:
    """What shows rows: their number, score, reasons and cells, those of the reasons first."""
    if not rows:
        return []
    found = file_scores(model, session.data)
    reasons = found.reasons.words(model.encoder.columns, np.array(rows)).to_pylist()
    records = read_rows_at(session.data, [row + 1 for row in rows])
    worst = [[model.encoder.columns[place] for place in found.reasons.columns[row]] for row in rows]
    return [
        {
            "number": row,
            "score": round(float(found.scores[row]), 3),
            "reasons": words,
            "cells": [[name, record[name] or ""] for name in _ordered(record, first, model.label)],
        }
        for row, words, record, first in zip(rows, reasons, records, worst, strict=True)
    ]


def _ordered(record: Mapping[str, Any], first: list[str], label: str) -> list[str]:
    """Columns of a row as they are shown, without the label: it would tell the verdict."""
    names = [name for name in first if name in record]
    return [*names, *(name for name in record if name not in {*names, label})][:SHOWN_CELLS]
