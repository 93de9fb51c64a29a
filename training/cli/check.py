"""The preflight sheet on the command line: `python -m training check PLUGIN TRAINER [settings]`."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from plugins._contract import Kind, Plugin
from training.cli.confined import confine
from training.cli.decide import decide_settings, with_weights
from training.cli.plan import plan_findings
from training.cli.train import parse_command
from training.errors import UserError
from training.preflight.sheet import Finding, Sheet
from training.settings import RunSettings
from training.task import Data


def add_commands(commands: Any) -> None:
    """Add `check`."""
    parser = commands.add_parser(
        "check", help="PLUGIN TRAINER [settings]: the preflight sheet, nothing is started", allow_abbrev=False
    )
    parser.add_argument("--out", type=Path, help="Write the sheet to this file, as JSON.")
    parser.add_argument("--seconds", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--memory", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--lock", type=int, help=argparse.SUPPRESS)  # the warm process gives one to all its work
    parser.set_defaults(command=check_command, takes_settings=True)


def check_command(options: argparse.Namespace, arguments: list[str]) -> int:
    """Examine the data, then measure two steps of the real model; exit code 2 where a red row forbids the start."""
    from training.files import write_json

    if options.seconds:  # a server's visitor asked for it
        confine(options.seconds, options.memory)
    plugin, kind, settings, _ = parse_command(arguments)
    data, sheet = kind.examine(settings)
    if data is not None and not sheet.blocked:
        sheet = _measured(plugin, kind, data, settings, sheet)
    if options.out:
        write_json(options.out, sheet.to_dict())
    for finding in sheet.findings:
        print(f"{finding.level:>5}  {finding.title}{': ' if finding.detail else ''}{finding.detail}")
    return 2 if sheet.blocked else 0


def _measured(plugin: Plugin, kind: Kind, data: Data, settings: RunSettings, sheet: Sheet) -> Sheet:
    """The sheet with what was decided of the settings, and with what two steps of that take."""
    from training.fit.trial_steps import full_sheet

    try:
        decision = decide_settings(plugin, kind, data, settings)
    except UserError as error:
        return sheet.with_findings([Finding("red", "The settings cannot be decided", str(error))])
    sheet = replace(sheet.with_findings(decision.findings()), decided=decision.record())
    chosen = decision.settings
    sheet = sheet.with_findings(plan_findings(kind, with_weights(plugin, chosen.with_usual())))
    return full_sheet(sheet, lambda: kind.build(data, with_weights(plugin, chosen)), chosen)
