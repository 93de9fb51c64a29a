"""Push a run's weights in a detached process that outlives the server.

Its state is read from the run's `push.jsonl`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from training import files
from training.artifact import learning_curves, model_card, store
from training.errors import RunHeldError, UserError
from training.events import EventLog, read_events
from training.hub.push import PushOptions, check_names, push, pushed_files
from training.runs.queue import start_process
from training.runs.run import Run

CURVES = "curves.png"
LOCK, LOG, EVENTS, STAGED = "push.lock", "push.log", "push.jsonl", "push"
NO_FACTS: dict[str, Any] = {"repo": "", "commit": "", "pull_request": "", "note": "", "file": "", "message": ""}
NO_FACTS |= {"sent_bytes": 0, "size_bytes": 0}
LOST = (
    "The push stopped unexpectedly (killed, or the machine restarted). Push again: what has arrived is not sent twice."
)


def start(run: Run, repo: str, how: PushOptions, token: str) -> None:
    """Start to push a run's weights, and return at once.

    Raises:
        UserError: If the names are none, the run has no weights, or is being pushed already.
    """
    check_names(repo, how)
    run.weights()
    with _held(run) as descriptor:
        _write_event(run, "started", repo=repo)
        flags = ["--private" if how.private else "--public", f"--tag={how.tag}", f"--message={how.message}"]
        flags += ["--pull-request"] if how.pull_request else []
        start_process(["push", str(run.folder), repo, *flags], run.folder / LOG, descriptor, {"HF_TOKEN": token})


def work(run: Run, repo: str, how: PushOptions, token: str | None, descriptor: int | None = None) -> dict[str, Any]:
    """Push in this process; returns the state it ends in.

    Args:
        descriptor: Of the lock, if the process that started this one has passed it on.

    Raises:
        UserError: As `push`; the state holds the message too.
    """
    if descriptor is None:
        with _held(run) as held:
            _write_event(run, "started", repo=repo)
            return work(run, repo, how, token, held)
    try:
        with _staged(run, repo) as folder:
            size = sum(path.stat().st_size for path in pushed_files(folder))
            done = push(folder, repo, token, how, partial(_write_progress, run, size))
    except Exception as error:  # any failure has to be visible in the state
        message = str(error) if isinstance(error, UserError) else f"The push failed ({type(error).__name__})."
        _write_event(run, "failed", message=message)
        raise
    _write_event(run, "pushed", **asdict(done))
    return state(run)


def state(run: Run) -> dict[str, Any]:
    """Return the state of the run's last push.

    Returns:
        status (none, running, pushed, failed or lost), repo, commit and pull_request (addresses), note, file (being
        sent), sent_bytes, size_bytes, message.
    """
    held = run.is_held(LOCK)  # before the events are read: the last one is written under the lock
    facts, last = dict(NO_FACTS), "none"
    events, _ = read_events(run.folder / EVENTS)
    for event in events:
        last = event["event"]
        facts = dict(NO_FACTS) if last == "started" else facts
        facts |= {"file" if key == "name" else key: event[key] for key in event.keys() - {"event", "time"}}
    if last in ("started", "file"):
        last = "running" if held else "lost"
    return {"status": last, **facts, **({"message": LOST} if last == "lost" else {})}


@contextlib.contextmanager
def _held(run: Run) -> Iterator[int]:
    try:
        with run.lock(name=LOCK) as descriptor:
            yield descriptor
    except RunHeldError:
        raise UserError(f"Run {run.id} is being pushed already: wait for its end.") from None


@contextlib.contextmanager
def _staged(run: Run, repo: str) -> Iterator[Path]:
    """Link the files to push into a folder of their own, since training may replace the artifact meanwhile."""
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


def _write_progress(run: Run, size_bytes: int, name: str, sent_bytes: int) -> None:
    _write_event(run, "file", name=name, sent_bytes=sent_bytes, size_bytes=size_bytes)


def _write_event(run: Run, event: str, **values: object) -> None:
    EventLog(run.folder / EVENTS).write(event, **values)
