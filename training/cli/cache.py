"""`cache`: what was made once and is kept for later runs takes, and how it is deleted."""

from __future__ import annotations

import argparse
from typing import Any

from training.home import CACHES, cache_folder


def add_commands(commands: Any) -> None:
    """Add it."""
    parser = commands.add_parser(
        "cache",
        help="size of the texts, tokens, tables, vectors and latents that runs share; --clear deletes them",
        description="Texts and tokens of pre-training, parsed tables, sentence vectors and latents of images are kept "
        "in files that later runs and resumes map. What is deleted is made again by the next run that needs it; runs "
        "that train just now are not disturbed.",
    )
    parser.add_argument("--clear", action="store_true", help="Delete them.")
    parser.set_defaults(command=cache_command)


def cache_command(options: argparse.Namespace) -> int:
    """Print the size of each cache, or delete them and print what was freed."""
    from training.data import caches

    for name, found in (caches.clear() if options.clear else caches.usage()).items():
        size = f"{found.size_bytes / 2**20:,.1f} MB in {found.entries:,} {'entry' if found.entries == 1 else 'entries'}"
        print(f"{'deleted ' if options.clear else ''}{CACHES[name]}: {size}, {cache_folder(name)}")
    return 0
