"""Sessions of labelling on disk: a table, and a log that only grows, so that people can label one together.

A folder `home()/labels/KEY` has the table as it was given, in `data/`, `session.json` and `log.jsonl`. Each line of the
log is a label of an item (a text, a row), a skip, a further name or an estimate, with who wrote it; the last one of an
item counts. Who knows the key may read and write: it is drawn at random, as the id of a run is.
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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training import files
from training.errors import UserError
from training.home import RUN_ID, home, runs_folder

KEY = re.compile(r"[A-Za-z0-9_-]{22}")
LOG, ABOUT = "log.jsonl", "session.json"
OF_RUN = "labelling"  # file in the folder of a run: the key of the session that it was made of
KEPT_SECONDS = 90 * 86_400  # after the last label; longer where a run was made of it
MAX_BYTES = 5 * 2**30  # of all sessions together; the oldest go first
TEXTS, ROWS = "texts", "rows"  # what a session asks about
GONE = "There is no such session here: it was deleted, or the address is incomplete."


@dataclass(frozen=True)
class LabelSession:
    """A session by its key.

    Args:
        data: The table.
        names: Of the labels, as the session began.
        options: What else it began with, such as columns and weights; JSON.
    """

    key: str
    data: Path
    names: tuple[str, ...]
    options: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        return self.data.parents[1]

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
        """Delete the table and its labels; runs that were made of them stay."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def set_option(self, name: str, value: str) -> None:
        """Change what it began with, for those who open it later."""
        self._change(lambda about: {"options": {**about["options"], name: value}})

    def keep_for(self, run: Path) -> None:
        """Let a run's folder lead to this session, which is kept as long as the run."""
        files.write_text(run / OF_RUN, self.key)
        self._change(lambda about: {"runs": [*about.get("runs", []), run.name]})

    def _change(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Change entries of what it began with, by what they are, while nobody else does."""
        with self._locked():
            about = _read_about(self.key)
            files.write_json(self.folder / ABOUT, {**about, **change(about)})


def create_session(
    what: str, data: Path, names: Sequence[str], labels: Mapping[int, str], **options: Any
) -> LabelSession:
    """Begin with a copy of a table, and the labels that it has.

    Args:
        what: `TEXTS` or `ROWS`.
    """
    _forget_old()
    key = secrets.token_urlsafe(16)
    folder = _folder(key)
    (folder / "data").mkdir(parents=True)
    shutil.copyfile(data, folder / "data" / data.name)
    files.write_json(folder / ABOUT, {"what": what, "file": data.name, "names": list(names), "options": options})
    (folder / LOG).touch()
    session = open_session(key, what)
    session.append({"item": number, "label": label, "by": "file"} for number, label in labels.items())
    return session


def open_session(key: object, what: str = "") -> LabelSession:
    """The session of a key.

    Args:
        what: It has to ask about; empty for anything.

    Raises:
        UserError: If there is none, or it asks about something else.
    """
    if not isinstance(key, str) or not _is_there(key):
        raise UserError(GONE)
    about = _read_about(key)
    if what and about["what"] != what:
        raise UserError(f"This address is that of a session about {about['what']}: open it where those are labelled.")
    return LabelSession(key, _folder(key) / about["folder"] / about["file"], tuple(about["names"]), about["options"])


def session_of_run(run: Path) -> str:
    """Key of the session that a run was made of; empty where there is none any more."""
    with contextlib.suppress(OSError):
        key = (run / OF_RUN).read_text(encoding="utf-8").strip()
        return key if _is_there(key) else ""
    return ""


def _is_there(key: str) -> bool:
    """Whether this is the key of a session; it may be any text."""
    return bool(KEY.fullmatch(key)) and (_folder(key) / ABOUT).is_file()


def _read_about(key: str) -> dict[str, Any]:
    """What a session was begun with; one of texts from before there were others lacks some of it."""
    about = json.loads((_folder(key) / ABOUT).read_text(encoding="utf-8"))
    if "texts" in about:
        return {"what": TEXTS, "folder": "texts", "file": about["texts"], "options": {}, **about}
    return {"folder": "data", **about}


@dataclass(frozen=True)
class Labels:
    """What a log says.

    Args:
        labels: Item -> label, in the order in which they were given.
        skipped: Items that were skipped and not labelled since.
        names: Of labels that were added.
        curve: Estimates by the number of labels, the fewest first.
    """

    labels: dict[int, str]
    skipped: list[int]
    names: list[str]
    curve: list[dict[str, Any]]


def labels_of(entries: Sequence[Mapping[str, Any]]) -> Labels:
    """Read a log; of several entries of an item the last counts."""
    labels: dict[int, str] = {}
    skipped: dict[int, None] = {}
    names: dict[str, None] = {}
    curve: dict[int, dict[str, Any]] = {}
    for entry in entries:
        if "item" in entry:
            labels.pop(entry["item"], None)
            skipped.pop(entry["item"], None)
            if entry.get("label"):
                labels[entry["item"]] = entry["label"]
                names[entry["label"]] = None
            elif entry.get("skip"):
                skipped[entry["item"]] = None
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
    if not isinstance(entry, dict):
        return None
    return {"item": entry.pop("text"), **entry} if "text" in entry else entry  # as it was written at first


def _is_of_a_run(folder: Path) -> bool:
    with contextlib.suppress(OSError, ValueError, KeyError):
        names = _read_about(folder.name).get("runs", [])
        return any(RUN_ID.fullmatch(name) and (runs_folder() / name / OF_RUN).is_file() for name in names)
    return False


def _forget_old() -> None:
    """Delete sessions without a label for 90 days, then the oldest until the rest has room; not those of runs."""
    parent, total = home() / "labels", 0
    with contextlib.suppress(OSError):
        logs = [(log.stat().st_mtime, log.parent) for log in parent.glob(f"*/{LOG}")]
        for changed, folder in sorted(logs, reverse=True):
            if _is_of_a_run(folder):
                continue
            total += files.size_bytes(folder)
            if total > MAX_BYTES or time.time() - changed > KEPT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
