"""What the page does with a session of labelling: ask texts, take labels, take them back, write files.

The page holds a state, JSON that it gives back each time: `key` of the session, `writer` (who labels, drawn at
random), `seen` (entries of the log so far), `queue` (what is asked next, each with number, text, hint), and what it
shows: `names`, `given` (labels), `texts` (their number), `curve`, `how`, `notes`, `told`. All else is in the log.
"""

from __future__ import annotations

import csv
import functools
import re
import secrets
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.bert_finetune.label.pool import Pool, read_pool
from plugins.bert_finetune.label.rounds import described, next_round, notes, vectors_of, write_labels
from plugins.bert_finetune.label.sessions import Labels, LabelSession, create_session, labels_of, open_session
from training.errors import UserError
from training.wording import counted

if TYPE_CHECKING:
    from plugins.bert_finetune.encode.predictor import EncoderPredictor

ROUND = 10
MAX_LABEL_CHARACTERS = 100
NOT_STARTED = "Press Start first: no text is asked now."
State = dict[str, Any]


def start(model: EncoderPredictor, path: Path | None, pasted: str, names: str, before: State) -> State:
    """Begin with a file or with lines, and ask the first texts; labels that the file has are kept.

    Args:
        names: Of the classes, separated by commas or lines.
        before: The state so far: its session goes on if it is of the same texts.

    Raises:
        UserError: If there are no texts, or no two names.
    """
    path = _texts(path, pasted)
    pool = _pool_of(path)
    given = [*_split(names), *pool.labels.values(), *(name for each in pool.conflicts.values() for name in each)]
    known = _unique(given)
    if before.get("key"):
        session = open_session(before["key"])
        if _pool_of(session.texts).table.fingerprint == pool.table.fingerprint:
            session.append({"name": name, "by": before["writer"]} for name in known)
            return _asked(model, session, {**before, "told": ""})
    if len(known) < 2:
        raise UserError("Name two labels at least, such as: positive, negative.")
    return _asked(model, create_session(path, known, pool.labels), {"writer": secrets.token_hex(4), "first": True})


def resume(model: EncoderPredictor, key: str) -> State:
    """Go on with a session by its key: one's own of another day, or that of somebody who labels now.

    Raises:
        UserError: If there is none.
    """
    return _asked(model, open_session(key), {"writer": secrets.token_hex(4), "first": False})


def answer(model: EncoderPredictor, state: State, label: str) -> State:
    """Give the text in question a label; an empty one skips it. After the last of a round the next is chosen.

    Texts that somebody else labelled meanwhile are not asked again. If that was this text, it is said; the last label
    counts, and the log keeps both.

    Raises:
        UserError: If no text is asked.
    """
    if not state.get("queue"):
        raise UserError(NOT_STARTED)
    session, number = open_session(state["key"]), int(state["queue"][0]["number"])
    if len(label) > MAX_LABEL_CHARACTERS:
        raise UserError(f"A label has at most {MAX_LABEL_CHARACTERS} characters.")
    mine = {"text": number, "label": label} if label else {"text": number, "skip": True}
    entries = session.append([{**mine, "by": state["writer"]}])
    theirs = _labelled_by_others(entries[int(state["seen"]) : -1], state["writer"])
    other = theirs.pop(number, "")
    queue = [each for each in state["queue"][1:] if each["number"] not in theirs]
    state = {**state, "queue": queue, "told": _told(theirs, other, label)}
    return _counts(session, state, entries) if queue else _asked(model, session, state)


def _labelled_by_others(entries: Sequence[dict[str, Any]], writer: str) -> dict[int, str]:
    """Texts that others labelled, with their label."""
    return {entry["text"]: entry["label"] for entry in entries if entry["by"] != writer and entry.get("label")}


def _told(theirs: dict[int, str], other: str, label: str) -> str:
    """What others did meanwhile; empty for nothing."""
    told = [f"{counted(len(theirs), 'text')} labelled by somebody else meanwhile."] if theirs else []
    if other and label and other != label:
        told.append(
            f"Somebody else said {other!r} for the text that you gave {label!r}: yours was last and counts. Undo gives "
            "theirs back."
        )
    return " ".join(told)


def undo(state: State) -> State:
    """Take the last label back that was given here, and ask its text again; a label that it had before counts again.

    Raises:
        UserError: If there is none.
    """
    if not state.get("key"):
        raise UserError("There is no label to take back.")
    session = open_session(state["key"])
    entries = session.entries()
    mine = {place: entry for place, entry in enumerate(entries) if entry["by"] == state["writer"] and "text" in entry}
    undone = {entry.get("undoes") for entry in mine.values()}
    labels = [
        place for place, each in mine.items() if each.get("label") and "undoes" not in each and place not in undone
    ]
    if not labels:
        raise UserError("There is no label to take back.")
    number, label = entries[labels[-1]]["text"], entries[labels[-1]]["label"]
    before = labels_of(entries[: labels[-1]]).labels.get(number)
    entries = session.append([{"text": number, "label": before, "undoes": labels[-1], "by": state["writer"]}])
    again = {"number": number, "text": _pool_of(session.texts).texts[number], "hint": f"You said: {label}."}
    queue = [again, *(each for each in state["queue"] if each["number"] != number)]
    return _counts(session, {**state, "queue": queue, "told": ""}, entries)


def add_name(state: State, name: str) -> State:
    """Let texts have one more label.

    Raises:
        UserError: If it is empty or too long.
    """
    found = _split(name)
    if len(found) != 1:
        raise UserError("Write one label, without a comma.")
    if not state.get("key"):
        raise UserError(NOT_STARTED)
    session = open_session(state["key"])
    return _counts(session, state, session.append([{"name": found[0], "by": state["writer"]}]))


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
    rows = [row for row, number in enumerate(pool.row_texts) if number in pool.labels]
    chosen = replace(pool, table=pool.table.select(rows), row_texts=tuple(pool.row_texts[row] for row in rows))
    return write_labels(chosen)


def delete(state: State) -> None:
    """Delete the session with its texts and labels, for everybody.

    Raises:
        UserError: If there is none.
    """
    if not state.get("key"):
        raise UserError("There is no session to delete.")
    open_session(state["key"]).delete()


def _current(state: State) -> tuple[Pool, Labels]:
    """The session's texts with all labels so far."""
    if not state.get("key"):
        raise UserError("Press Start first, and label a text.")
    session = open_session(state["key"])
    return _labelled(session, session.entries())


def _asked(model: EncoderPredictor, session: LabelSession, state: State) -> State:
    """The state with the next texts; those that have several labels come first."""
    pool, log = _labelled(session, session.entries())
    found = next_round(pool, vectors_of(model, pool), ROUND, log.skipped)
    if expected := described(found.estimate):
        session.append([{"estimate": {"labels": len(pool.labels), **expected}, "by": state["writer"]}])
    suggested = found.suggested or [("", 0.0)] * len(found.chosen)
    asked = [
        {"number": number, "hint": f"Its rows have different labels: {', '.join(names)}. Which is right?"}
        for number, names in pool.conflicts.items()
        if number not in log.skipped
    ] + [
        {"number": number, "hint": f"Suggestion: {label} ({share:.0%})." if label else ""}
        for number, (label, share) in zip(found.chosen, suggested, strict=True)
    ]
    if not state.get("first", True):  # two who begin together begin at different texts
        start_at = int(state["writer"], 16) % max(1, len(asked))
        asked = asked[start_at:] + asked[:start_at]
    queue = [{**each, "text": pool.texts[each["number"]]} for each in asked]
    shown = {"how": found.how, "texts": len(pool.texts), "notes": [*pool.notes(), *notes(model, pool)]}
    return _counts(session, {"told": "", **state, **shown, "key": session.key, "queue": queue}, session.entries())


def _counts(session: LabelSession, state: State, entries: Sequence[dict[str, Any]]) -> State:
    """The state with what the log says."""
    log = labels_of(entries)
    names = _unique([*session.names, *log.names])
    return {**state, "seen": len(entries), "given": len(log.labels), "names": names, "curve": log.curve}


def _labelled(session: LabelSession, entries: Sequence[dict[str, Any]]) -> tuple[Pool, Labels]:
    """The pool with the labels of the log in place of those of the file; a contradiction is settled by its label."""
    pool, log = _pool_of(session.texts), labels_of(entries)
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


def _pool_of(path: Path) -> Pool:
    return _pool_of_file(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _pool_of_file(path: Path, changed: int) -> Pool:
    return read_pool(path)


def _split(names: str) -> list[str]:
    found = [name.strip() for name in re.split(r"[,\n]", names) if name.strip()]
    if long := next((name for name in found if len(name) > MAX_LABEL_CHARACTERS), ""):
        raise UserError(f"A label has {len(long)} characters, {MAX_LABEL_CHARACTERS} at most: {long[:40]}…")
    return _unique(found)


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
