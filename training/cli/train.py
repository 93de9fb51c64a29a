"""Train in the foreground: `python -m training PLUGIN TRAINER [settings]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from plugins._contract import Kind, Plugin
from plugins._discovery import find, starters_of
from training.cli.execute import run_here
from training.cli.flags import add_flags, check_files, refuse_unknown, settings_from_file
from training.errors import UserError
from training.runs.distributed import is_first, is_joining, wait_for_run
from training.runs.registry import Runs
from training.runs.run import Run
from training.settings import RunSettings, TrainSettings, parse_settings


def train_command(arguments: list[str]) -> int:
    """Train in a run of its own; its id is the last line printed."""
    plugin, kind, settings, options = parse_command(arguments)
    data, sheet = kind.examine(settings)
    for finding in sheet.findings:
        if finding.level == "amber":
            print(f"note: {finding.title}. {finding.detail}", flush=True)
    sheet.raise_if_blocked()
    if isinstance(settings, TrainSettings) and settings.backup:
        check_backup(plugin, settings, options.folder)
    run = _new_run(plugin, kind, settings, options)
    code = run_here(run, plugin, kind, data=data)
    print(run.folder if options.folder else run.id)
    return code


def parse_command(arguments: list[str]) -> tuple[Plugin, Kind, RunSettings, argparse.Namespace]:
    """Plugin, kind and checked settings from `PLUGIN TRAINER --flags`, flags over `--config` over defaults.

    Raises:
        UserError: For an unknown name, flag, value or file.
    """
    plugin = find(arguments[0])
    if len(arguments) < 2 or arguments[1].startswith("-"):
        raise UserError(f"Which trainer? {plugin.name} has: {', '.join(kind.name for kind in plugin.trainable)}.")
    kind = plugin.kind(arguments[1])
    parser = argparse.ArgumentParser(
        prog=f"python -m training {plugin.name} {kind.name}",
        description=kind.title,
        epilog=_samples(kind),
        allow_abbrev=False,
    )
    parser.add_argument("--config", metavar="FILE", help="A run file (YAML); flags override it.")
    parser.add_argument(
        "--folder", metavar="DIR", help="Where the run lives. Default: a new one under SELFSUP_HOME/runs."
    )
    add_flags(parser, kind.trained_by)
    options, unknown = parser.parse_known_args(arguments[2:])
    refuse_unknown(unknown, kind.trained_by)
    return plugin, kind, _settings(plugin, kind, options), options


def _samples(kind: Kind) -> str:
    listed = "; ".join(f"{sample.value}, {sample.title}" for sample in kind.samples)
    return f"Sample data, for --data in place of a file: {listed}.".replace("%", "%%") if listed else ""


def _settings(plugin: Plugin, kind: Kind, options: argparse.Namespace) -> RunSettings:
    known = kind.trained_by
    values = settings_from_file(Path(options.config), plugin.name, kind.name, known) if options.config else {}
    values |= {name: value for name, value in vars(options).items() if name not in ("config", "folder")}
    values = kind.with_sample(values)
    check_files(values, known)
    settings = parse_settings(known, values)
    folders = {
        name: str(Path(value).resolve()) for name, value in settings.named_weights().items() if Path(value).is_dir()
    }
    return settings.model_copy(update=folders)


def check_backup(plugin: Plugin, settings: TrainSettings, folder: str | None) -> None:
    """Refuse a backup that would not work, before anything is made."""
    from training.backup.uploader import check
    from training.hub.client import own_token

    if folder:
        raise UserError("backup: a run that is backed up lives under SELFSUP_HOME/runs; leave out --folder.")
    check(settings, starters_of(type(settings), plugin), own_token())


def _new_run(plugin: Plugin, kind: Kind, settings: RunSettings, options: argparse.Namespace) -> Run:
    """The run of this command; of several processes the first makes it, in a folder that all of them were given."""
    folder = Path(options.folder).resolve() if options.folder else None
    if is_joining() and folder is None:
        raise UserError("Several processes need one folder for the run, that all of them see: give --folder.")
    if is_joining() and folder and not is_first():
        wait_for_run(folder)
        return Run(folder)
    return Runs().create(plugin.name, kind.name, settings, folder=folder)
