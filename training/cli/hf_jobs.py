"""Commands for HF Jobs: `python -m training jobs start|list|logs|cancel|flavours`."""

from __future__ import annotations

import argparse
from typing import Any

from training.errors import UserError
from training.runs.run import named_run


def jobs_command(arguments: list[str]) -> int:
    """Train a run on a machine rented from Hugging Face, with your own token and credit."""
    from huggingface_hub import get_token

    options = _parser().parse_args(arguments)
    token = get_token()
    if not token:
        raise UserError("You are not signed in to the Hub: run `hf auth login`, or set HF_TOKEN.")
    return {"start": _start, "list": _list, "logs": _logs, "cancel": _cancel, "flavours": _flavours}[options.what](
        options, token
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training jobs", description=jobs_command.__doc__)
    commands = parser.add_subparsers(dest="what", required=True)
    start = commands.add_parser("start", help="Send a run.")
    start.add_argument("run", help="A run's id, or its folder: its run file and data go.")
    start.add_argument("target", help="owner/name that the weights are pushed to.")
    start.add_argument("--flavour", default="cpu-basic", help="The machine; see flavours.")
    start.add_argument("--seconds", type=int, default=3600, help="After which the job is ended.")
    commands.add_parser("list", help="Your jobs, the newest first.")
    commands.add_parser("flavours", help="Machines and their prices.")
    for name, about in (("logs", "What a job wrote."), ("cancel", "End a job.")):
        commands.add_parser(name, help=about).add_argument("job")
    return parser


def _start(options: Any, token: str) -> int:
    from training.hf_jobs import remote_run

    done = remote_run.start(named_run(options.run), options.target, options.flavour, options.seconds, token)
    print(
        f"At most {done['dollars_at_most']:.2f} USD; sent, privately: {', '.join(done['sent'])}\n{done['url']}\n{done['id']}"
    )
    return 0


def _list(options: Any, token: str) -> int:
    from training.hf_jobs import remote_run

    for job in remote_run.jobs(token):
        print(f"{job.id:<26} {job.stage:<10} {job.flavour:<12} {job.run:<36} -> {job.target} {job.message}".rstrip())
    return 0


def _logs(options: Any, token: str) -> int:
    from training.hf_jobs import remote_run

    print("\n".join(remote_run.logs(options.job, token)))
    return 0


def _cancel(options: Any, token: str) -> int:
    from training.hf_jobs import remote_run

    print(remote_run.cancel(options.job, token).stage)
    return 0


def _flavours(options: Any, token: str) -> int:
    from training.hf_jobs import remote_run

    for each in remote_run.flavours(token):
        print(f"{each.name:<14} {each.dollars_an_hour:>8.2f} USD an hour  {each.title}")
    return 0
