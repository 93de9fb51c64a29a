"""`cache`: what the corpora that were made once take, and how they are deleted."""

from __future__ import annotations

import argparse
from typing import Any

from training.wording import counted


def add_commands(commands: Any) -> None:
    """Add it."""
    parser = commands.add_parser(
        "cache",
        help="size of the tokenized corpora that runs share; --clear deletes them",
        description="Texts and tokens of pre-training are kept in files that later runs and resumes map. What is "
        "deleted is made again by the next run that needs it; runs that train just now are not disturbed.",
    )
    parser.add_argument("--clear", action="store_true", help="Delete them.")
    parser.set_defaults(command=cache_command)


def cache_command(options: argparse.Namespace) -> int:
    """Print the size, or delete and print what was freed."""
    from training.data import corpora

    found = corpora.clear() if options.clear else corpora.usage()
    size = f"{counted(found.entries, 'folder')}, {found.size_bytes / 2**20:,.1f} MB"
    print(f"deleted {size}" if options.clear else f"{corpora.corpora_folder()}: {size}")
    return 0
