"""The command line: `python -m training PLUGIN TRAINER --data FILE`, and commands for runs, the Hub and HF Jobs.

One of the two places where training meets the plugins; nothing heavy is imported before a run really starts.
"""

from __future__ import annotations

import argparse
import sys

from plugins._discovery import discover
from training.cli import cache, check, confined, execute, hf_jobs, hub, plan, run_table, runs, starter, train
from training.errors import UserError, disk_message

USAGE = "python -m training PLUGIN TRAINER [settings] | COMMAND"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed, 2 for the user to correct, 130 stopped."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser, names = make_parser()
    try:
        if not arguments or arguments[0] in ("-h", "--help"):
            return print_help(parser)
        if arguments[0] not in names:
            return train.train_command(arguments)
        options, rest = parser.parse_known_args(arguments)
        if options.takes_settings:
            return options.command(options, rest)
        if rest:
            parser.error(f"unrecognized arguments: {' '.join(rest)}")
        return options.command(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0
    except OSError as error:
        if not (words := disk_message(error)):
            raise
        print(f"error: {words}", file=sys.stderr)
        return 2


def make_parser() -> tuple[argparse.ArgumentParser, set[str]]:
    """The parser of the commands, and their names; a plugin's name is none of them."""
    parser = argparse.ArgumentParser(prog="python -m training", usage=USAGE, add_help=False, allow_abbrev=False)
    parser.set_defaults(takes_settings=False)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for module in (run_table, runs, cache, check, plan, hub, hf_jobs, starter, execute, confined):
        module.add_commands(commands)
    return parser, set(commands.choices)


def print_help(parser: argparse.ArgumentParser) -> int:
    """List the trainers and the commands."""
    print("trainers:")
    for found in discover():
        if found.plugin is None:
            print(f"  {found.name}: broken: {found.error}")
            continue
        for kind in found.plugin.trainable:
            print(f"  {found.name} {kind.name:<16} {kind.title}")
    print()
    parser.print_help()
    print("\n`python -m training PLUGIN TRAINER --help` lists the settings.")
    return 0
