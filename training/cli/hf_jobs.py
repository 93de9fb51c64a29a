"""Commands for HF Jobs: `python -m training jobs start|list|logs|cancel|flavours`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from training.errors import UserError
from training.runs.registry import named_run

_DESCRIPTION = "Train a run on a machine rented from Hugging Face, with your own token and credit."


def add_commands(commands: Any) -> None:
    """Add `jobs` with its own commands."""
    jobs = commands.add_parser(
        "jobs",
        help="train a run on a machine of HF Jobs: start, list, logs, cancel, flavours",
        description=_DESCRIPTION,
    )
    actions = jobs.add_subparsers(required=True)
    start = _add(actions, "start", "Send a run.", _start)
    start.add_argument("run", help="A run's id, or its folder: its run file and data go.")
    start.add_argument("target", help="owner/name that the weights are pushed to.")
    start.add_argument("--flavour", default="cpu-basic", help="The machine; see flavours.")
    start.add_argument("--seconds", type=int, default=3600, help="After which the job is ended.")
    _add(actions, "list", "Your jobs, the newest first.", _list)
    _add(actions, "flavours", "Machines and their prices.", _flavours)
    _add(actions, "logs", "What a job wrote.", _logs).add_argument("job")
    _add(actions, "cancel", "End a job.", _cancel).add_argument("job")


def _add(
    actions: Any, name: str, about: str, action: Callable[[argparse.Namespace, str], int]
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=about)
    parser.set_defaults(command=lambda options: action(options, _token()))
    return parser


def _token() -> str:
    from huggingface_hub import get_token

    token = get_token()
    if not token:
        raise UserError("You are not signed in to the Hub: run `hf auth login`, or set HF_TOKEN.")
    return token


def _start(options: argparse.Namespace, token: str) -> int:
    from training.hf_jobs import remote_run

    done = remote_run.start(named_run(options.run), options.target, options.flavour, options.seconds, token)
    print(
        f"At most {done['dollars_at_most']:.2f} USD; sent, privately: {', '.join(done['sent'])}\n"
        f"{done['url']}\n{done['id']}"
    )
    return 0


def _list(options: argparse.Namespace, token: str) -> int:
    from training.hf_jobs import remote_run

    for job in remote_run.jobs(token):
        print(f"{job.id:<26} {job.stage:<10} {job.flavour:<12} {job.run:<36} -> {job.target} {job.message}".rstrip())
    return 0


def _logs(options: argparse.Namespace, token: str) -> int:
    from training.hf_jobs import remote_run

    print("\n".join(remote_run.logs(options.job, token)))
    return 0


def _cancel(options: argparse.Namespace, token: str) -> int:
    from training.hf_jobs import remote_run

    print(remote_run.cancel(options.job, token).stage)
    return 0


def _flavours(options: argparse.Namespace, token: str) -> int:
    from training.hf_jobs import remote_run

    for each in remote_run.flavours(token):
        print(f"{each.name:<14} {each.dollars_an_hour:>8.2f} USD an hour  {each.title}")
    return 0
