"""Commands for one run: status, cancel, resume, delete."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plugins._discovery import find, starters_of
from training.cli.execute import kind_of, run_here
from training.runs.registry import named_run
from training.runs.run import Run
from training.settings import RunSettings

RESUME = """Go on from the last checkpoint. RUN is the id or the folder of a run that was stopped, failed or lost.
OWNER/REPO is its backup on the Hub, which training with --backup OWNER/REPO made: the run is downloaded under the
same id, checked, and goes on to the weights that the unbroken run would have had. Private repositories need
HF_TOKEN or `hf auth login`."""


def add_commands(commands: Any) -> None:
    """Add them."""
    for name, about, command in (
        ("status", "one run, as JSON", status_command),
        ("cancel", "stop a run; a checkpoint and the best weights are kept", cancel_command),
        ("delete", "remove a run's folder", delete_command),
    ):
        parser = commands.add_parser(name, help=about)
        parser.add_argument("run", metavar="RUN", help="A run's id, or the folder it lives in.")
        parser.set_defaults(command=command)
    resume = commands.add_parser(
        "resume",
        help="go on from the last checkpoint of RUN, or of its backup OWNER/REPO on the Hub",
        usage="python -m training resume RUN | OWNER/REPO[@REVISION]",
        description=RESUME,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    resume.add_argument("run", metavar="RUN")
    resume.set_defaults(command=resume_command)


def status_command(options: argparse.Namespace) -> int:
    """Print a run as JSON."""
    print(json.dumps(named_run(options.run).describe(), indent=2))
    return 0


def cancel_command(options: argparse.Namespace) -> int:
    """Stop a run and wait for its end."""
    from training.runs.queue import cancel_when_queued

    run = named_run(options.run)
    cancel_when_queued(run)
    while run.status() == "running":
        run.escalate()
        time.sleep(0.2)
    print(f"{run.id} {run.status()}")
    return 0


def resume_command(options: argparse.Namespace) -> int:
    """Go on with a run of this machine, or with one that is backed up on the Hub."""
    run = _restored(options.run) if is_on_hub(options.run) else named_run(options.run)
    plugin, kind = kind_of(run)
    run.resume()
    code = run_here(run, plugin, kind)
    print(run.id)
    return code


def is_on_hub(name: str) -> bool:
    """Whether this is owner/repo[@revision], and no folder of a run."""
    from training.hub.pull import REPO

    return REPO.fullmatch(name) is not None and not (Path(name) / "config.yaml").is_file()


def _restored(name: str) -> Run:
    from training.backup.restore import restore
    from training.hub.client import own_token

    def known(plugin: str, trainer: str) -> tuple[type[RunSettings], Mapping[str, Path]]:
        record = find(plugin)
        settings = record.kind(trainer).trained_by
        return settings, starters_of(settings, record)

    run = restore(name, own_token(), known)
    print(f"restored {run.id} from {name}", flush=True)
    return run


def delete_command(options: argparse.Namespace) -> int:
    """Remove a run's folder."""
    named_run(options.run).delete()
    return 0
