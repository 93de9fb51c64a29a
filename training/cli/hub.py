"""Commands for the Hub: push and pull."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from training.errors import UserError
from training.runs.registry import named_run


def add_commands(commands: Any) -> None:
    """Add them."""
    push = commands.add_parser("push", help="RUN OWNER/NAME: weights to the Hub", description=push_command.__doc__)
    push.add_argument("run", help="A run's id, or its folder.")
    push.add_argument("repo", help="owner/name; it is made if it is not there.")
    push.add_argument(
        "--private", action="store_true", default=True, help="Make a new repository private (the default)."
    )
    push.add_argument("--public", action="store_false", dest="private", help="Make a new repository public.")
    push.add_argument("--pull-request", action="store_true", help="Offer the files for review.")
    push.add_argument("--tag", default="", help="A name for the commit, such as v1.0.")
    push.add_argument("--message", default="", help="The commit's title.")
    push.add_argument("--lock", type=int, help=argparse.SUPPRESS)
    push.set_defaults(command=push_command)
    pull = commands.add_parser("pull", help="OWNER/NAME: weights from the Hub", description=pull_command.__doc__)
    pull.add_argument("repo", help="owner/name, owner/name@revision, or the address of a repository's page.")
    pull.set_defaults(command=pull_command)


def push_command(options: argparse.Namespace) -> int:
    """Push a run's weights with the token of HF_TOKEN or `hf auth login`; the last line is the commit's address."""
    from huggingface_hub import get_token
    from huggingface_hub.utils import disable_progress_bars

    from training.hub.push import PushOptions
    from training.runs.push_job import work

    token = get_token()
    if not token:
        raise UserError("You are not signed in to the Hub: run `hf auth login`, or set HF_TOKEN.")
    if not sys.stderr.isatty():
        disable_progress_bars()
    how = PushOptions(options.private, options.pull_request, options.tag, options.message or PushOptions.message)
    try:
        done = work(named_run(options.run), options.repo, how, token, options.lock)
    finally:
        if options.lock is not None:
            os.close(options.lock)
    if done["note"]:
        print(done["note"])
    print(done["pull_request"] or done["commit"])
    return 0


def pull_command(options: argparse.Namespace) -> int:
    """Fetch weights; prints the folder and the commit that they are pinned to."""
    from huggingface_hub import get_token

    from training.hub.pull import pull

    pulled = pull(options.repo, get_token())
    print(f"{pulled.repo}@{pulled.commit}")
    print(pulled.folder)
    return 0
