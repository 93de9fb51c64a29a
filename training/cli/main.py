"""The command line: `python -m training <plugin> <trainer> --data FILE`, and list, status, cancel, resume, delete, check.

One of the two places where training meets the plugins; nothing heavy is imported before a run really starts.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from plugins._contract import Plugin, Trainer
from plugins._discovery import discover, find
from training.cli.flags import add_flags, check_files, read_config, refuse_unknown
from training.cli.hf_jobs import jobs_command
from training.cli.hub import pull_command, push_command
from training.errors import UserError
from training.runs.distributed import check_world, follow_parent, is_first, is_joining, launch, wait_for_run
from training.runs.run import Run, Runs, named_run
from training.settings import TrainSettings, parse_settings


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 2 to be mended by the user, 130 stopped."""
    arguments = sys.argv[1:] if arguments is None else arguments
    command = arguments[0] if arguments else "--help"
    try:
        if command in COMMANDS:
            return COMMANDS[command](arguments[1:])
        if command in ("-h", "--help"):
            return help_command()
        return train_command(arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0


def help_command() -> int:
    print("usage: python -m training <plugin> <trainer> [settings] | <command>\n\ntrainers:")
    for found in discover():
        if found.plugin is None:
            print(f"  {found.name}: broken: {found.error}")
            continue
        for trainer in found.plugin.trainers:
            print(f"  {found.name} {trainer.name:<12} {trainer.title}")
    print(
        "\ncommands:\n  list                 every run\n  status RUN           one run, as JSON\n  resume RUN           go on from the last checkpoint; OWNER/REPO: from a backup on the Hub"
        "\n  cancel RUN           stop it; a checkpoint and the best weights are kept\n  delete RUN           remove its folder"
        "\n  push RUN OWNER/NAME  its weights to the Hub: --public, --pull-request, --tag TAG\n  pull OWNER/NAME      weights from the Hub"
        "\n  jobs start RUN OWNER/NAME  train it on a machine of HF Jobs; also list, logs, cancel, flavours"
        "\n  check PLUGIN TRAINER [settings]   the preflight sheet, nothing started\n\n`python -m training <plugin> <trainer> --help` lists the settings."
    )
    return 0


# -- train ---------------------------------------------------------------------------------------------------------


def train_command(arguments: list[str]) -> int:
    """Train in the foreground, in a run of its own; its id is the last line printed."""
    plugin, trainer, settings, options = parse_command(arguments)
    sheet = trainer.preflight(settings)
    for finding in sheet.findings:
        if finding.level == "amber":
            print(f"note: {finding.title}. {finding.detail}", flush=True)
    sheet.raise_if_blocked()
    if settings.backup:
        check_backup(plugin, settings, options.folder)
    run = _new_run(plugin, trainer, settings, options)
    code = run_here(run, plugin, trainer)
    print(run.folder if options.folder else run.id)
    return code


def check_backup(plugin: Plugin, settings: TrainSettings, folder: str | None) -> None:
    """Refuse a backup that would not work, before anything is made."""
    from training.backup.uploader import check
    from training.hub.client import own_token

    if folder:
        raise UserError("backup: a run that is backed up lives under SELFSUP_HOME/runs; leave out --folder.")
    check(settings, plugin.starters, own_token())


def _new_run(plugin: Plugin, trainer: Trainer, settings: TrainSettings, options: argparse.Namespace) -> Run:
    """The run of this command; of several processes the first makes it, in a folder that all of them were given."""
    folder = Path(options.folder).resolve() if options.folder else None
    if is_joining() and folder is None:
        raise UserError("Several processes need one folder for the run, that all of them see: give --folder.")
    if is_joining() and folder and not is_first():
        wait_for_run(folder)
        return Run(folder)
    return Runs().create(plugin.name, trainer.name, settings, folder=folder)


def parse_command(arguments: list[str]) -> tuple[Plugin, Trainer, TrainSettings, argparse.Namespace]:
    """Plugin, trainer and checked settings from `PLUGIN TRAINER --flags`, flags over `--config` over defaults."""
    plugin = find(arguments[0])
    if len(arguments) < 2 or arguments[1].startswith("-"):
        raise UserError(f"Which trainer? {plugin.name} has: {', '.join(t.name for t in plugin.trainers)}.")
    trainer = plugin.trainer(arguments[1])
    parser = argparse.ArgumentParser(
        prog=f"python -m training {plugin.name} {trainer.name}", description=trainer.title, allow_abbrev=False
    )
    parser.add_argument("--config", metavar="FILE", help="A run file (YAML); flags override it.")
    parser.add_argument(
        "--folder", metavar="DIR", help="Where the run lives. Default: a new one under SELFSUP_HOME/runs."
    )
    add_flags(parser, trainer.settings)
    options, unknown = parser.parse_known_args(arguments[2:])
    refuse_unknown(unknown, trainer.settings)
    values = read_config(Path(options.config), plugin.name, trainer.name, trainer.settings) if options.config else {}
    values |= {name: value for name, value in vars(options).items() if name not in ("config", "folder")}
    check_files(values, trainer.settings)
    settings = parse_settings(trainer.settings, values)
    folders = {
        name: str(Path(value).resolve()) for name, value in settings.named_weights().items() if Path(value).is_dir()
    }
    return plugin, trainer, settings.model_copy(update=folders), options


def run_command(arguments: list[str]) -> int:
    """Train an existing run folder; what the queue starts. `--lock` is the inherited descriptor that holds the run."""
    parser = argparse.ArgumentParser(prog="python -m training run")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lock", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    run = Run(options.folder.resolve())
    if is_joining():
        wait_for_run(run.folder)
    try:
        return run_here(run, *trainer_of(run), options.lock)
    except UserError as error:
        if options.lock is not None:  # nobody else will say why it never started
            run.tell("failed", step=run.summary().step, message=str(error))
        raise
    finally:
        if options.lock is not None:
            os.close(options.lock)
            _start_next()


def trainer_of(run: Run) -> tuple[Plugin, Trainer]:
    """The plugin and the trainer that a run was made for."""
    config = run.config()
    plugin = find(config["plugin"])
    return plugin, plugin.trainer(config["trainer"])


def _start_next() -> None:
    """Where no page is open, an ending run starts the next; a page is quicker than the two seconds waited here."""
    from training.runs.queue import Dispatcher

    time.sleep(2)
    Dispatcher(Runs()).pump()


def run_here(run: Run, plugin: Plugin, trainer: Trainer, lock: int | None = None) -> int:
    """Train in this process, or in several that this one waits for; the run's lock is held all the while."""
    if is_joining():
        return join(run, plugin, trainer)
    if lock is None:
        with run.lock() as descriptor:
            run.tell("starting")
            return run_here(run, plugin, trainer, descriptor)
    (run.folder / "pid").write_text(str(os.getpid()))
    settings = run.settings(trainer.settings)
    if settings.processes > 1:
        return launch(run, settings.processes, lock)
    return train(run, plugin, trainer, settings)


def join(run: Run, plugin: Plugin, trainer: Trainer) -> int:
    """Train as one of the processes of a launcher outside, on one machine or several; the first holds the run for all."""
    settings = run.settings(trainer.settings)
    check_world(settings)
    if not is_first():
        code = train(run, plugin, trainer, settings)
    else:
        with run.lock():
            run.tell("starting")
            code = train(run, plugin, trainer, settings)
    return 0 if code == 130 else code  # a launcher would take it for a crash


def worker_command(arguments: list[str]) -> int:
    """One of several processes; the launcher holds the lock, and would take a code other than 0 for a crash."""
    follow_parent()
    run = Run(Path(arguments[0]))
    plugin, trainer = trainer_of(run)
    code = train(run, plugin, trainer, run.settings(trainer.settings))
    return 0 if code == 130 else code


def train(run: Run, plugin: Plugin, trainer: Trainer, settings: TrainSettings) -> int:
    """Train beside the progress display and, in the main process, the backup."""
    from training.backup.uploader import backed_up
    from training.cli.progress import progress_display

    main_process = is_first()
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(progress_display())
        if main_process:
            listener = stack.enter_context(backed_up(run, settings, listener))
        return fit_task(run, plugin, trainer, settings, listener)


def fit_task(
    run: Run, plugin: Plugin, trainer: Trainer, settings: TrainSettings, listener: Callable[[dict], None]
) -> int:
    """Build the task and fit it; whatever goes wrong becomes the run's last event, in words."""
    from training.artifact.lineage import describe_run
    from training.fit.experiment import run_task
    from training.fit.explain_failure import explain

    main_process = is_first()
    try:
        ready = with_weights(plugin, settings)
        about = describe_run(
            run.id, plugin, trainer, settings, Path(ready.model) if "model" in ready.named_weights() else None
        )
        task = trainer.build(ready)
        complete = run_task(task, settings, run.folder, about, listener)
    except Exception as error:  # a plugin's code and the machine's limits meet here; the cause must reach the page
        if not isinstance(error, UserError):
            import traceback

            traceback.print_exc()
        message = explain(error, settings)
        if main_process:
            print(f"failed: {message}", file=sys.stderr)
            run.tell("failed", step=run.summary().step, metrics=run.summary().metrics, message=message)
        return 2 if isinstance(error, UserError) else 1
    ended = run.summary().last
    if main_process and ended == "finished":  # nothing resumes it, and its checkpoints weigh three times its weights
        shutil.rmtree(run.folder / "checkpoint", ignore_errors=True)
    return 130 if ended == "cancelled" and not complete else 0


def with_weights(plugin: Plugin, settings: TrainSettings) -> TrainSettings:
    """The settings with `model`, and what else names weights, turned from names into folders."""
    if not settings.weights():
        return settings
    from training.weights import resolve_weights

    folders = {
        name: str(resolve_weights(value, plugin.starters, Runs(), allow_folder=True))
        for name, value in settings.named_weights().items()
    }
    return settings.model_copy(update=folders)


# -- the other commands -----------------------------------------------------------------------------------------------


def check_command(arguments: list[str]) -> int:
    """The preflight sheet with two measured steps; `--out FILE` writes it as JSON, for the page."""
    from training.fit.trial_steps import full_sheet

    out = Path(arguments.pop(arguments.index("--out") + 1)) if "--out" in arguments else None
    arguments = [argument for argument in arguments if argument != "--out"]
    if "--lock" in arguments:  # the warm process gives one to all its work
        del arguments[arguments.index("--lock") : arguments.index("--lock") + 2]
    plugin, trainer, settings, _ = parse_command(arguments)
    sheet = full_sheet(trainer.preflight(settings), lambda: trainer.build(with_weights(plugin, settings)), settings)
    if out:
        from training.files import write_json

        write_json(out, sheet.to_dict())
    for finding in sheet.findings:
        print(f"{finding.level:>5}  {finding.title}{': ' if finding.detail else ''}{finding.detail}")
    return 2 if sheet.blocked else 0


def list_command(arguments: list[str]) -> int:
    runs = Runs().all()
    for run in runs:
        try:
            about = run.describe()
        except UserError as error:  # the others are still worth listing
            print(f"{run.id:<36} broken: {error}")
            continue
        best = ", ".join(f"{key} {value:.3f}" for key, value in about["best"].items())
        print(
            f"{run.id:<36} {about['status']:<10} {about['step']:>7}/{about['steps']:<7} {about['size_bytes'] / 2**20:>8.1f} MB  {best}"
        )
    if not runs:
        print("No runs yet.")
    return 0


def status_command(arguments: list[str]) -> int:
    print(json.dumps(_named(arguments).describe(), indent=2))
    return 0


def cancel_command(arguments: list[str]) -> int:
    from training.runs.queue import cancel_when_queued

    run = _named(arguments)
    cancel_when_queued(run)
    while run.status() == "running":
        run.escalate()
        time.sleep(0.2)
    print(f"{run.id} {run.status()}")
    return 0


def resume_command(arguments: list[str]) -> int:
    """Go on with a run of this machine, or with one that is backed up on the Hub."""
    if arguments in (["-h"], ["--help"]):
        print(RESUME_HELP)
        return 0
    run = _restored(arguments[0]) if len(arguments) == 1 and is_on_hub(arguments[0]) else _named(arguments)
    plugin, trainer = trainer_of(run)
    run.resume()
    code = run_here(run, plugin, trainer)
    print(run.id)
    return code


def is_on_hub(name: str) -> bool:
    """Whether this is owner/repo[@revision], and no folder of a run."""
    from training.hub.pull import REPO

    return REPO.fullmatch(name) is not None and not (Path(name) / "config.yaml").is_file()


def _restored(name: str) -> Run:
    from training.backup.restore import restore
    from training.hub.client import own_token

    def known(plugin: str, trainer: str) -> tuple[type[TrainSettings], Mapping[str, Path]]:
        found = find(plugin)
        return found.trainer(trainer).settings, found.starters

    run = restore(name, own_token(), known)
    print(f"restored {run.id} from {name}", flush=True)
    return run


def delete_command(arguments: list[str]) -> int:
    _named(arguments).delete()
    return 0


def prefork_command(arguments: list[str]) -> int:
    from training.runs.forkserver import serve

    trainers = [trainer for found in discover() if found.plugin for trainer in found.plugin.trainers]
    return serve(
        main,
        [
            "training.fit.loop",
            "training.artifact.lineage",
            "training.cli.progress",
            *(name for trainer in trainers for name in trainer.preload),
        ],
    )


def _named(arguments: list[str]) -> Run:
    if len(arguments) != 1:
        raise UserError("Give one run: its id, or the folder it lives in.")
    return named_run(arguments[0])


RESUME_HELP = """usage: python -m training resume RUN | OWNER/REPO[@REVISION]

Go on from the last checkpoint. RUN is the id or the folder of a run that was stopped, failed or lost.
OWNER/REPO is its backup on the Hub, which training with --backup OWNER/REPO made: the run is downloaded under the
same id, checked, and goes on to the weights that the unbroken run would have had. Private repositories need
HF_TOKEN or `hf auth login`."""

COMMANDS: dict[str, Any] = {
    "list": list_command,
    "status": status_command,
    "cancel": cancel_command,
    "resume": resume_command,
    "delete": delete_command,
    "check": check_command,
    "push": push_command,
    "pull": pull_command,
    "jobs": jobs_command,
    "run": run_command,
    "worker": worker_command,
    "prefork": prefork_command,
}
