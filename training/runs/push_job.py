"""A push as a job of its own: a process that outlives page and server. Its state is read from the run's `push.jsonl`."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training import files
from training.artifact import learning_curves, model_card, store
from training.errors import RunHeldError, UserError
from training.events import EventLog, read_events
from training.hub.push import PushOptions, push, pushed_files
from training.runs.queue import start_process
from training.runs.run import Run

CURVES = "curves.png"
LOCK, LOG, EVENTS, STAGED = "push.lock", "push.log", "push.jsonl", "push"
LOST = (
    "The push ended without a word (killed, or the machine restarted). Push again: what has arrived is not sent twice."
)


def start(run: Run, repo: str, how: PushOptions, token: str) -> None:
    """Begin to push a run's weights, and return.

    Raises:
        UserError: If the run has no weights, or is being pushed already.
    """
    run.weights()
    with _held(run) as descriptor:
        _tell(run, "started", repo=repo)
        flags = ["--private" if how.private else "--public", "--tag", how.tag, "--message", how.message]
        flags += ["--pull-request"] if how.pull_request else []
        start_process(["push", str(run.folder), repo, *flags], run.folder / LOG, descriptor, {"HF_TOKEN": token})


def work(run: Run, repo: str, how: PushOptions, token: str | None, descriptor: int | None = None) -> dict[str, Any]:
    """Push in this process; returns the state it ends in.

    Args:
        descriptor: Of the lock, where whoever started this process holds it.

    Raises:
        UserError: As `publish.push`; the state says it too.
    """
    if descriptor is None:
        with _held(run) as held:
            _tell(run, "started", repo=repo)
            return work(run, repo, how, token, held)
    try:
        with _staged(run, repo) as folder:
            size = sum(path.stat().st_size for path in pushed_files(folder))
            tell = lambda name, sent: _tell(run, "file", name=name, sent_bytes=sent, size_bytes=size)  # noqa: E731
            done = push(folder, repo, token, how, tell)
    except Exception as error:  # whatever it is, whoever looks later must learn that it failed
        message = str(error) if isinstance(error, UserError) else f"The push failed ({type(error).__name__})."
        _tell(run, "failed", message=message)
        raise
    _tell(run, "pushed", **asdict(done))
    return state(run)


def state(run: Run) -> dict[str, Any]:
    """What became of the run's last push.

    Returns:
        status (none, running, pushed, failed or lost), repo, commit and pull_request (addresses), note, file (being sent),
        sent_bytes, size_bytes, message.
    """
    held = run.is_held(LOCK)  # before the events: the last one is written under the lock
    found: dict[str, Any] = {"repo": "", "commit": "", "pull_request": "", "note": "", "file": "", "sent_bytes": 0, "size_bytes": 0, "message": ""}  # fmt: skip
    empty, last = dict(found), "none"
    events, _ = read_events(run.folder / EVENTS)
    for event in events:
        last = event["event"]
        found = dict(empty) if last == "started" else found
        found |= {
            "file" if key == "name" else key: value for key, value in event.items() if key not in ("event", "time")
        }
    if last in ("started", "file"):
        last = "running" if held else "lost"
    return {"status": last, **found, **({"message": LOST} if last == "lost" else {})}


@contextlib.contextmanager
def _held(run: Run) -> Iterator[int]:
    try:
        with run.lock(name=LOCK) as descriptor:
            yield descriptor
    except RunHeldError:
        raise UserError(f"Run {run.id} is being pushed already: wait for its end.") from None


@contextlib.contextmanager
def _staged(run: Run, repo: str) -> Iterator[Path]:
    """The files that go, linked into a folder of their own: training may replace the artifact meanwhile."""
    source, folder = run.weights(), run.folder / STAGED
    shutil.rmtree(folder, ignore_errors=True)
    try:
        for path in pushed_files(source):
            target = folder / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, target)
        image = learning_curves.plot(run.folder / "events.jsonl")
        if image:
            (folder / CURVES).write_bytes(image)
        files.write_text(
            folder / "README.md", model_card.render(store.read_record(source), repo, CURVES if image else "")
        )
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tell(run: Run, event: str, **values: Any) -> None:
    EventLog(run.folder / EVENTS).write(event, **values)
