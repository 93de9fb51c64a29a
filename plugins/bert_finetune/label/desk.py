"""A session of labelling on the page: its state is a dictionary of JSON that the page holds, and gives back each time.

The state: `of` (fingerprint of the table), `names` (of the classes), `labels` ([text number, label], in the order in
which they were given), `skipped`, `queue` (what is asked next, each with number, text, hint), `curve` (expected
accuracies), `how`, `texts` (their number) and `notes`.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.bert_finetune.label.pool import LABEL, Pool, make_pool, read_pool
from plugins.bert_finetune.label.rounds import described, next_round, notes, vectors_of, write_labels
from training.data.table import text_table
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.bert_finetune.encode.predictor import EncoderPredictor

ROUND = 10
MAX_LABEL_CHARACTERS = 100
State = dict[str, Any]


def start(model: EncoderPredictor, path: Path | None, pasted: str, names: str, before: State) -> State:
    """Begin with a file or with lines, and ask the first texts; labels that the file has are kept.

    Args:
        names: Of the classes, separated by commas or lines.
        before: The state so far: its labels are kept if it is of the same texts.

    Raises:
        UserError: If there are no texts, or no two names.
    """
    pool = _pool(path, pasted)
    known = _unique(
        [*_split(names), *pool.labels.values(), *(name for each in pool.conflicts.values() for name in each)]
    )
    if len(known) < 2:
        raise UserError("Name two labels at least, such as: positive, negative.")
    labels = [[number, label] for number, label in pool.labels.items()]
    state: State = {"of": pool.table.fingerprint, "labels": labels, "skipped": [], "curve": []}
    if before.get("of") == state["of"]:
        state |= {name: before[name] for name in ("labels", "skipped", "curve")}
        known = _unique([*known, *(label for _, label in before["labels"])])
    state["names"] = known
    return _asked(model, pool, state)


def answer(model: EncoderPredictor, path: Path | None, pasted: str, state: State, label: str) -> State:
    """Give the text in question a label; an empty one skips it. After the last of a round the next is chosen."""
    if not state.get("queue"):
        raise UserError("Press Start first: no text is asked now.")
    now, *queue = state["queue"]
    state = {**state, "queue": queue}
    if label:
        state["labels"] = [*state["labels"], [now["number"], label]]
    else:
        state["skipped"] = [*state["skipped"], now["number"]]
    return state if queue else _asked(model, _pool(path, pasted), state)


def undo(path: Path | None, pasted: str, state: State) -> State:
    """Take the last label back, and ask its text again.

    Raises:
        UserError: If there is none.
    """
    if not state.get("labels"):
        raise UserError("There is no label to take back.")
    pool = _same(_pool(path, pasted), state)
    *labels, (number, label) = state["labels"]
    again = {"number": number, "text": pool.texts[number], "hint": f"You said: {label}."}
    return {**state, "labels": labels, "queue": [again, *state["queue"]]}


def add_name(state: State, name: str) -> State:
    """Let texts have one more label.

    Raises:
        UserError: If it is empty or too long.
    """
    found = _split(name)
    if len(found) != 1:
        raise UserError("Write one label, without a comma.")
    return {**state, "names": _unique([*state["names"], *found])}


def write(model: EncoderPredictor, path: Path | None, pasted: str, state: State) -> Path:
    """The table with its labels as CSV, to go on with later; where there are two classes, with predictions.

    Raises:
        UserError: If there is no label yet.
    """
    pool = _labelled(_pool(path, pasted), state)
    has_two = len({*pool.labels.values()}) > 1
    return write_labels(pool, vectors_of(model, pool) if has_two else None)


def write_labelled(path: Path | None, pasted: str, state: State) -> Path:
    """The labelled rows alone as CSV, to train on.

    Raises:
        UserError: If there is no label yet.
    """
    pool = _labelled(_pool(path, pasted), state)
    rows = [row for row, number in enumerate(pool.row_texts) if number in pool.labels]
    chosen = replace(pool, table=pool.table.select(rows), row_texts=tuple(pool.row_texts[row] for row in rows))
    return write_labels(chosen)


def _asked(model: EncoderPredictor, pool: Pool, state: State) -> State:
    """The state with the next texts; those that have several labels come first."""
    pool = _labelled(pool, state)
    found = next_round(pool, vectors_of(model, pool), ROUND, state["skipped"])
    suggested = found.suggested or [("", 0.0)] * len(found.chosen)
    asked = [
        {"number": number, "hint": f"Its rows have different labels: {', '.join(names)}. Which is right?"}
        for number, names in pool.conflicts.items()
        if number not in state["skipped"]
    ] + [
        {"number": number, "hint": f"Suggestion: {label} ({share:.0%})." if label else ""}
        for number, (label, share) in zip(found.chosen, suggested, strict=True)
    ]
    state = {**state, "queue": [{**each, "text": pool.texts[each["number"]]} for each in asked]}
    if expected := described(found.estimate):
        earlier = [each for each in state["curve"] if each["labels"] < len(pool.labels)]
        state["curve"] = [*earlier, {"labels": len(pool.labels), **expected}]
    return {**state, "how": found.how, "texts": len(pool.texts), "notes": [*pool.notes(), *notes(model, pool)]}


def _labelled(pool: Pool, state: State) -> Pool:
    """The pool with the labels of the state in place of those of the file; a contradiction is settled by its label."""
    pool = _same(pool, state)
    labels = {int(number): str(label) for number, label in state["labels"]}
    conflicts = {number: names for number, names in pool.conflicts.items() if number not in labels}
    return replace(pool, labels=labels, conflicts=conflicts)


def _same(pool: Pool, state: State) -> Pool:
    if not state:
        raise UserError("Press Start first, and label a text.")
    if state.get("of") != pool.table.fingerprint:
        raise UserError("These are other texts than those that you labelled: press Start to begin with them.")
    if not all(0 <= int(number) < len(pool.texts) for number, _ in state["labels"]):
        raise UserError("The labels do not belong to these texts: press Start.")
    return pool


def _pool(path: Path | None, pasted: str) -> Pool:
    if lines := [line.strip() for line in pasted.splitlines() if line.strip()]:
        return _pool_of_lines(tuple(lines))
    if path is None:
        raise UserError("Choose a file of texts, or paste some, one a line.")
    return _pool_of_file(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _pool_of_file(path: Path, changed: int) -> Pool:
    return read_pool(path)


@functools.lru_cache(maxsize=4)
def _pool_of_lines(lines: tuple[str, ...]) -> Pool:
    digest = hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
    table = replace(text_table({"text": lines}, "texts.csv"), fingerprint=digest)
    return make_pool(table, "text", LABEL, [""] * len(lines))


def _split(names: str) -> list[str]:
    found = [name.strip() for name in re.split(r"[,\n]", names) if name.strip()]
    if long := next((name for name in found if len(name) > MAX_LABEL_CHARACTERS), ""):
        raise UserError(f"A label has {len(long)} characters, {MAX_LABEL_CHARACTERS} at most: {long[:40]}…")
    return _unique(found)


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
