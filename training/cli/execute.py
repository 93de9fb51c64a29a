"""Carry out a run in this process, or in several that this one waits for; what the queue and the launchers start."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins._contract import Kind, Plugin
from plugins._discovery import discover, find
from training.cli.decide import decide_at_start, settings_of_run, with_weights
from training.cli.plan import refuse_too_large
from training.data.progress import CancelledError, reporting
from training.errors import UserError
from training.events import FINAL, EventLog
from training.preflight.limits import Limits
from training.quick_imports import without_collection
from training.runs.distributed import (
    check_world,
    follow_parent,
    has_lost_peer,
    is_first,
    is_joining,
    is_over,
    launch,
    restarts,
    wait_for_run,
)
from training.runs.registry import Runs
from training.runs.run import Run
from training.settings import RunSettings, TrainSettings

if TYPE_CHECKING:
    from training.task import Data

HIDDEN = argparse.SUPPRESS  # commands that the queue and the launchers call, not people
FIRST_SPEAKS_SECONDS = 1.0  # that the others leave it to say what went wrong
NEXT_RUN_SECONDS = 2.0  # an open page starts the next run sooner


def add_commands(commands: Any) -> None:
    """Add the commands that processes call."""
    run = commands.add_parser("run", add_help=False)
    run.add_argument("folder", type=Path)
    run.add_argument("--lock", type=int, help=HIDDEN)  # the inherited descriptor that holds the run
    run.set_defaults(command=run_command)
    worker = commands.add_parser("worker", add_help=False)
    worker.add_argument("folder", type=Path)
    worker.set_defaults(command=worker_command)
    commands.add_parser("prefork", add_help=False).set_defaults(command=prefork_command)


def run_command(options: argparse.Namespace) -> int:
    """Train an existing run folder; what the queue starts."""
    run = Run(options.folder.resolve())
    if is_joining():
        wait_for_run(run.folder)
    try:
        if options.lock is not None:  # started by a server's queue, on whatever way its configuration came there
            limits = Limits()
            limits.check(run.settings(kind_of(run)[1].trained_by))
            limits.confine()
        return run_here(run, *kind_of(run), options.lock)
    except UserError as error:
        if options.lock is not None:  # nobody else will say why it never started
            run.write_event("failed", step=run.summary().step, message=str(error))
        raise
    finally:
        if options.lock is not None:
            os.close(options.lock)
            _start_next()


def worker_command(options: argparse.Namespace) -> int:
    """Train as one of several processes; the launcher holds the lock and takes any code but 0 for a crash."""
    follow_parent()
    run = Run(options.folder)
    if is_over(run):
        return 0
    if restarts() and is_first():
        run.write_event(
            "notice", message=f"A training process was lost; restart {restarts()}, from the last checkpoint."
        )
    plugin, kind = kind_of(run)
    code = train(run, plugin, kind, run.settings(kind.trained_by))
    return 0 if code == 130 else code


def prefork_command(options: argparse.Namespace) -> int:
    """Import what training needs, and fork on request."""
    from training.cli.main import main
    from training.runs.forkserver import serve

    kinds = [kind for found in discover() if found.plugin for kind in found.plugin.trainable]
    modules = ("training.fit.loop", "training.artifact.lineage", "training.cli.progress")
    imports = [partial(importlib.import_module, name) for name in modules]
    return serve(main, [*imports, *(partial(kind.part, "task") for kind in kinds)])


def kind_of(run: Run) -> tuple[Plugin, Kind]:
    """The plugin and the kind that a run was made for."""
    config = run.config()
    plugin = find(config["plugin"])
    return plugin, plugin.kind(config["trainer"])


def _start_next() -> None:
    """Start the next queued run where no page is open."""
    from training.runs.queue import Dispatcher

    time.sleep(NEXT_RUN_SECONDS)
    Dispatcher(Runs()).pump()


def run_here(run: Run, plugin: Plugin, kind: Kind, lock: int | None = None, data: Data | None = None) -> int:
    """Train in this process, or in several that this one waits for; the run's lock is held until the end.

    Args:
        lock: An inherited descriptor that holds the run.
        data: What was read already; of several processes each reads its own.
    """
    if is_joining():
        return _join(run, plugin, kind)
    if lock is None:
        with run.lock() as descriptor:
            run.write_event("starting")
            return run_here(run, plugin, kind, descriptor, data)
    (run.folder / "pid").write_text(str(os.getpid()))
    settings = run.settings(kind.trained_by)
    processes = settings.value("processes", 1)
    if processes > 1:
        return launch(run, processes, lock)
    return train(run, plugin, kind, settings, data)


def _join(run: Run, plugin: Plugin, kind: Kind) -> int:
    """Train as one process of a launcher outside, on one machine or several; the first holds the run for all."""
    if is_over(run):
        return 0
    settings = run.settings(kind.trained_by)
    if isinstance(settings, TrainSettings):
        check_world(settings)
    if not is_first():
        code = train(run, plugin, kind, settings)
    else:
        with run.lock():
            run.write_event("starting")
            code = train(run, plugin, kind, settings)
    return 0 if code == 130 else code  # a launcher would take it for a crash


def train(run: Run, plugin: Plugin, kind: Kind, settings: RunSettings, data: Data | None = None) -> int:
    """Train beside the progress display and, in the main process, the backup."""
    from training.backup.uploader import backed_up
    from training.cli.progress import progress_display

    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(progress_display())
        if is_first() and isinstance(settings, TrainSettings):
            listener = stack.enter_context(backed_up(run, settings, listener))
        return fit_task(run, plugin, kind, settings, listener, data)


def fit_task(
    run: Run,
    plugin: Plugin,
    kind: Kind,
    settings: RunSettings,
    listener: Callable[[dict], None],
    data: Data | None = None,
) -> int:
    """Read the data, build the task and fit it; whatever goes wrong becomes the run's last event, in words."""
    try:
        complete = _fit(run, plugin, kind, settings, listener, data)
    except CancelledError:
        if is_first():
            run.write_event("cancelled", step=run.summary().step, message="Stopped before the first step.")
        return 130
    except Exception as error:  # a plugin's code and the machine's limits meet here; the cause must reach the page
        if has_lost_peer(error):  # the launcher starts all of them again
            traceback.print_exc()
            return 1
        return _failed(run, error, _decided(run, plugin, kind, settings))
    ended = run.summary().last
    if is_first() and ended == "finished":  # nothing resumes it, and its checkpoints weigh three times its weights
        shutil.rmtree(run.folder / "checkpoint", ignore_errors=True)
    return 130 if ended == "cancelled" and not complete else 0


def _fit(
    run: Run, plugin: Plugin, kind: Kind, settings: RunSettings, listener: Callable[[dict], None], data: Data | None
) -> bool:
    settings = settings_of_run(run, plugin, kind, settings)
    with reporting(partial(_tell_progress, run, listener)):
        data = kind.read(with_weights(plugin, settings)) if data is None else data
    data.sheet.raise_if_blocked()
    _import_what_trains(kind)
    from training.artifact.lineage import describe_run
    from training.fit.experiment import run_task
    from training.task import Task

    settings = decide_at_start(run, plugin, kind, data, settings, listener)
    ready = with_weights(plugin, settings)
    start = Path(ready.value("model")) if "model" in ready.named_weights() else None
    about = describe_run(run.id, plugin, kind, settings, start) | {"auto": run.summary().reasons}
    refuse_too_large(kind, ready)
    with reporting(partial(_tell_progress, run, listener)):
        task = kind.build(data, ready)
    if isinstance(task, Task):
        Limits().check_parameters(sum(parameter.numel() for parameter in task.model.parameters()))
    return run_task(task, settings, run.folder, about, listener)


def _import_what_trains(kind: Kind) -> None:
    if "torch" not in sys.modules:
        with without_collection():
            importlib.import_module("training.fit.experiment")
            kind.part("task")


def _tell_progress(run: Run, listener: Callable[[dict], None], what: str, share: float) -> None:
    """Write how far the work before the first step is.

    Raises:
        CancelledError: If the run is to stop.
    """
    if (run.folder / "cancel").exists():
        raise CancelledError
    if is_first():
        EventLog(run.folder / "events.jsonl", listener).write("preparing", message=f"{what}: {share:.0%}", share=share)


def _decided(run: Run, plugin: Plugin, kind: Kind, settings: RunSettings) -> RunSettings:
    """The settings for a message about a failure, with the values that the run had."""
    try:
        return settings_of_run(run, plugin, kind, settings).with_usual()
    except UserError:  # which is the failure
        return settings.with_usual()


def _failed(run: Run, error: Exception, settings: RunSettings) -> int:
    from training.fit.explain_failure import explain

    if not isinstance(error, UserError):
        traceback.print_exc()
    message = explain(error, settings)
    if not is_first():  # the first has said the same, or is killed with the others before it could say anything
        time.sleep(FIRST_SPEAKS_SECONDS)
        message = f"Process {os.environ['RANK']}: {message}"
    if is_first() or run.summary().last not in FINAL:
        print(f"failed: {message}", file=sys.stderr)
        run.write_event("failed", step=run.summary().step, metrics=run.summary().metrics, message=message)
    return 2 if isinstance(error, UserError) else 1
