"""Sessions of labelling on disk: the texts, and a log that only grows, so that people can label one together.

A folder `home()/labels/KEY` has the table of texts as it was given, in `texts/`, `session.json` and `log.jsonl`. Each
line of the log is a label of a text, a skip, a further name or an estimate, with who wrote it; the last one of a text
counts. Who knows the key may read and write: it is drawn at random, as the id of a run is.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training import files
from training.errors import UserError
from training.home import home

KEY = re.compile(r"[A-Za-z0-9_-]{22}")
LOG, ABOUT = "log.jsonl", "session.json"
KEPT_SECONDS = 90 * 86_400  # after the last label
MAX_BYTES = 5 * 2**30  # of all sessions together; the oldest go first
GONE = "There is no such session here: it was deleted, or the address is incomplete."


@dataclass(frozen=True)
class LabelSession:
    """A session by its key.

    Args:
        texts: The table of texts.
        names: Of the labels, as the session began.
    """

    key: str
    texts: Path
    names: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return self.texts.parents[1]

    @property
    def log(self) -> Path:
        return self.folder / LOG

    def entries(self) -> list[dict[str, Any]]:
        """All of the log, the oldest first; a line that a crash cut short is none.

        Raises:
            UserError: If the session was deleted meanwhile.
        """
        try:
            lines = self.log.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            raise UserError(GONE) from None
        return [entry for line in lines if (entry := _parsed(line))]

    def append(self, entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Add to the log and return all of it, while nobody else writes.

        Raises:
            UserError: If the session was deleted meanwhile.
        """
        with self._locked() as file:
            # It begins with a line end too, so that a line which a crash cut short does not spoil the next.
            lines = "".join(f"\n{json.dumps(entry, ensure_ascii=False)}\n" for entry in entries)
            os.write(file, lines.encode("utf-8", "replace"))
            os.fsync(file)
            return self.entries()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        try:
            file = os.open(self.log, os.O_WRONLY | os.O_APPEND)
        except FileNotFoundError:
            raise UserError(GONE) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)

    def delete(self) -> None:
        """Delete texts and labels."""
        shutil.rmtree(self.folder, ignore_errors=True)


def create_session(texts: Path, names: Sequence[str], labels: Mapping[int, str]) -> LabelSession:
    """Begin with a copy of a table of texts, and the labels that it has."""
    _forget_old()
    key = secrets.token_urlsafe(16)
    folder = _folder(key)
    (folder / "texts").mkdir(parents=True)
    kept = Path(shutil.copyfile(texts, folder / "texts" / texts.name))
    files.write_json(folder / ABOUT, {"texts": kept.name, "names": list(names)})
    entries = [{"text": number, "label": label, "by": "file"} for number, label in labels.items()]
    session = LabelSession(key, kept, tuple(names))
    session.log.touch()
    session.append(entries)
    return session


def open_session(key: object) -> LabelSession:
    """The session of a key.

    Raises:
        UserError: If there is none.
    """
    if not isinstance(key, str) or not KEY.fullmatch(key) or not (_folder(key) / ABOUT).is_file():
        raise UserError(GONE)
    about = json.loads((_folder(key) / ABOUT).read_text(encoding="utf-8"))
    return LabelSession(key, _folder(key) / "texts" / about["texts"], tuple(about["names"]))


@dataclass(frozen=True)
class Labels:
    """What a log says.

    Args:
        labels: Text -> label, in the order in which they were given.
        skipped: Texts that were skipped and not labelled since.
        names: Of labels that were added.
        curve: Estimates by the number of labels, the fewest first.
    """

    labels: dict[int, str]
    skipped: list[int]
    names: list[str]
    curve: list[dict[str, Any]]


def labels_of(entries: Sequence[Mapping[str, Any]]) -> Labels:
    """Read a log; of several entries of a text the last counts."""
    labels: dict[int, str] = {}
    skipped: dict[int, None] = {}
    names: dict[str, None] = {}
    curve: dict[int, dict[str, Any]] = {}
    for entry in entries:
        if "text" in entry:
            labels.pop(entry["text"], None)
            skipped.pop(entry["text"], None)
            if entry.get("label"):
                labels[entry["text"]] = entry["label"]
                names[entry["label"]] = None
            elif entry.get("skip"):
                skipped[entry["text"]] = None
        elif "name" in entry:
            names[entry["name"]] = None
        elif "estimate" in entry:
            curve[entry["estimate"]["labels"]] = entry["estimate"]
    known = [each for count, each in sorted(curve.items()) if count <= len(labels)]
    return Labels(labels, [*skipped], [*names], known)


def _folder(key: str) -> Path:
    return home() / "labels" / key


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _forget_old() -> None:
    """Delete sessions without a label for 90 days, then the oldest until the rest has room."""
    parent, total = home() / "labels", 0
    with contextlib.suppress(OSError):
        logs = [(log.stat().st_mtime, log.parent) for log in parent.glob(f"*/{LOG}")]
        for changed, folder in sorted(logs, reverse=True):
            total += files.size_bytes(folder)
            if total > MAX_BYTES or time.time() - changed > KEPT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
