"""What the page does with a session of labelling texts: which texts are asked, and the files and the run made of it.

The state, answers, undo and several people at once are those of every desk: `training.labelling.desk`.
"""

from __future__ import annotations

import csv
import functools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plugins.bert_finetune.label.pool import Pool, read_pool
from plugins.bert_finetune.label.rounds import described, next_round, notes, vectors_of, write_labels
from plugins.bert_finetune.text_rows import read_text_rows
from training.data.table import read_table
from training.errors import UserError
from training.labelling import desk
from training.labelling.desk import Ask, Item, State
from training.labelling.sampling import MIN_MEASURED, random_order, random_sample
from training.labelling.sessions import TEXTS, Labels, LabelSession, create_session, labels_of, open_session
from training.wording import counted

if TYPE_CHECKING:
    from plugins.bert_finetune.encode.predictor import EncoderPredictor

ROUND = 10


def columns_of(path: Path) -> tuple[list[str], list[str], str]:
    """Names of a table's columns, those of its texts as guessed, and that of its labels; empty for none."""
    table = read_table(path)
    found = read_text_rows(table)
    return list(table.names), found.text_columns, found.columns.label or ""


def start(
    model: EncoderPredictor,
    path: Path | None,
    pasted: str,
    names: str,
    before: State,
    text_column: str = "",
    label_column: str = "",
    weights: str = "",
) -> State:
    """Begin with a file or with lines, and ask the first texts; labels that the file has are kept.

    Args:
        names: Of the classes, separated by commas or lines.
        before: The state so far: its session goes on if it is of the same texts.
        text_column, label_column: Of the file, as of `read_text_rows`.
        weights: Name of the model, for who opens the session by its key.

    Raises:
        UserError: If there are no texts, or no two names.
    """
    path, columns = _texts(path, pasted), ("", "") if pasted.strip() else (text_column, label_column)
    pool = _pool_of(path, *columns)
    contested = (name for each in pool.conflicts.values() for name in each)
    known = desk.unique([*desk.split_names(names), *pool.labels.values(), *contested])
    if before.get("key"):
        session = open_session(before["key"], TEXTS)
        earlier = _pool_of_session(session)
        if (earlier.table.fingerprint, earlier.texts) == (pool.table.fingerprint, pool.texts):
            session.append({"name": name, "by": before["writer"]} for name in known)
            return _ask(model)(session, desk.go_on(session, before, weights))
    if len(known) < 2:
        raise UserError("Name two labels at least, such as: positive, negative.")
    options = {"text_column": columns[0], "label_column": columns[1], "weights": weights}
    session = create_session(TEXTS, path, known, pool.labels, **options)
    return _ask(model)(session, desk.new_state(is_first=True, earlier=before.get("key", "")))


def resume(model: EncoderPredictor, key: str) -> State:
    """Go on with a session by its key: one's own of another day, or that of somebody who labels now.

    Raises:
        UserError: If there is none.
    """
    return _ask(model)(open_session(key, TEXTS), desk.new_state(is_first=False))


def answer(model: EncoderPredictor, state: State, label: str) -> State:
    """Give the text in question a label; an empty one skips it: see `training.labelling.desk.answer`."""
    return desk.answer(state, label, TEXTS, _ask(model))


def undo(state: State) -> State:
    """Take the last label back that was given here: see `training.labelling.desk.undo`."""
    return desk.undo(state, TEXTS, lambda session, number: {"text": _pool_of_session(session).texts[number]})


def write(model: EncoderPredictor, state: State) -> Path:
    """The table with its labels as CSV, to go on with later; where there are two classes, with predictions.

    Raises:
        UserError: If there is no label yet.
    """
    pool, _ = _current(state)
    has_two = len({*pool.labels.values()}) > 1
    return write_labels(pool, vectors_of(model, pool) if has_two else None)


def write_labelled(state: State) -> Path:
    """The labelled rows alone as CSV, to train on.

    Raises:
        UserError: If there is no label yet.
    """
    pool, _ = _current(state)
    return write_labels(_rows_of(pool, pool.labels.keys()))


@dataclass(frozen=True)
class KeptLabels:
    """What a run is made of.

    Args:
        files: Setting -> file: the labels that are learned, and those drawn at random to measure with.
        settings: Of `classify`.
        name: What the list of runs calls it.
    """

    files: dict[str, Path]
    settings: dict[str, Any]
    name: str


def keep(model: EncoderPredictor, weights: str, state: State) -> KeptLabels:
    """The labels so far as a run of `classify` on frozen vectors, with the classifier of the page: of balanced classes.

    It is measured with the texts drawn at random, which it does not learn.

    With fewer than ten of those, the run holds out rows itself.

    Raises:
        UserError: If there are no two classes, or `classify` cannot pool with this encoder as labels did.
    """
    pool, _ = _current(state)
    if len({*pool.labels.values()}) < 2:
        raise UserError("Label texts of two classes first: with fewer there is nothing to learn.")
    if model.model.config.model_type != "bert":
        raise UserError(
            f"A run can be kept of encoders of BERT's architecture, and this is a {model.model.config.model_type}. "
            "Choose another encoder, or send the labels to Classify below."
        )
    learned, measured = _parts(pool)
    texts = dict(zip(("text_column", "text_pair_column"), pool.text_columns, strict=False))
    pooling = "auto" if model.pools_first else "mean"  # as the vectors here
    learning = {"model": weights, "pooling": pooling, "frozen_encoder": True, "class_weights": "balanced"}
    settings = {**texts, "label_column": pool.label_column, **learning}
    parts = {"data": learned, **({"eval_data": measured} if measured else {})}
    files = {name: write_labels(_rows_of(pool, numbers)) for name, numbers in parts.items()}
    return KeptLabels(files, settings, f"{counted(len(pool.labels), 'label')} of {pool.table.source}"[:80])


def _parts(pool: Pool) -> tuple[list[int], list[int]]:
    """Texts to learn from, and those drawn at random to measure with: none if they are few, or the only ones of a
    class."""
    drawn = random_sample(random_order(pool.texts), np.array([*pool.labels], int)).tolist()
    others = {pool.labels[number] for number in {*pool.labels} - {*drawn}}
    measured = [number for number in drawn if pool.labels[number] in others]
    if len(measured) < MIN_MEASURED or len(others) < 2:
        return [*pool.labels], []
    return [number for number in pool.labels if number not in {*measured}], measured


def _rows_of(pool: Pool, numbers: Sequence[int] | Any) -> Pool:
    """The pool of the rows that have one of these texts."""
    chosen = {*numbers}
    rows = [row for row, number in enumerate(pool.row_texts) if number in chosen]
    return replace(pool, table=pool.table.select(rows), row_texts=tuple(pool.row_texts[row] for row in rows))


def _current(state: State) -> tuple[Pool, Labels]:
    """The session's texts with all labels so far."""
    session = desk.session_of(state, TEXTS, "Press Start first, and label a text.")
    return _labelled(session)


def _ask(model: EncoderPredictor) -> Ask:
    """What asks the next texts; those that have several labels come first."""

    def ask(session: LabelSession, state: State) -> State:
        pool, log = _labelled(session)
        found = next_round(pool, vectors_of(model, pool), ROUND, log.skipped)
        items: list[Item] = [
            {"number": number, "hint": f"Its rows have different labels: {', '.join(names)}. Which is right?"}
            for number, names in pool.conflicts.items()
            if number not in log.skipped
        ] + [
            {"number": number, "hint": f"Suggestion: {label} ({share:.0%})." if label else ""}
            for number, (label, share) in zip(found.chosen, found.suggested, strict=True)
        ]
        asked = [{**each, "text": pool.texts[each["number"]]} for each in items]
        shown = {"how": found.how, "texts": len(pool.texts), "notes": [*pool.notes(), *notes(model, pool)]}
        return desk.asked(session, state, asked, described(found.estimate), shown)

    return ask


def _labelled(session: LabelSession) -> tuple[Pool, Labels]:
    """The pool with the labels of the log in place of those of the file; a contradiction is settled by its label."""
    pool, log = _pool_of_session(session), labels_of(session.entries())
    conflicts = {number: names for number, names in pool.conflicts.items() if number not in log.labels}
    return replace(pool, labels=log.labels, conflicts=conflicts), log


def _texts(path: Path | None, pasted: str) -> Path:
    """The file of the texts; lines that were pasted are written to one."""
    if not (lines := [line.strip() for line in pasted.splitlines() if line.strip()]):
        if path is None:
            raise UserError("Choose a file of texts, or paste some, one a line.")
        return path
    written = Path(tempfile.mkdtemp(prefix="selfsup-")) / "texts.csv"
    with written.open("w", encoding="utf-8", errors="replace", newline="") as file:
        csv.writer(file).writerows([["text"], *([line] for line in lines)])
    return written


def _pool_of_session(session: LabelSession) -> Pool:
    return _pool_of(session.data, session.options.get("text_column", ""), session.options.get("label_column", ""))


def _pool_of(path: Path, text_column: str, label_column: str) -> Pool:
    return _pool_of_file(path, path.stat().st_mtime_ns, text_column, label_column)


@functools.lru_cache(maxsize=4)
def _pool_of_file(path: Path, changed: int, text_column: str, label_column: str) -> Pool:
    return read_pool(path, text_column, label_column)
