"""Commands that a server runs on a visitor's file, in a process with limits: read it for a run, or answer a call."""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import sys
import tempfile
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

from plugins._discovery import find
from plugins._endpoints import endpoint_types
from training.cli.decide import decide_settings
from training.cli.train import parse_command
from training.errors import UserError
from training.files import write_json
from training.preflight.limits import Limits
from training.settings import HOSTED


def add_commands(commands: Any) -> None:
    """Add `sheet` and `call`."""
    for name, command, takes_settings in (("sheet", sheet_command, True), ("call", call_command, False)):
        parser = commands.add_parser(name, add_help=False, allow_abbrev=False)
        parser.add_argument("--out", type=Path, required=True)
        parser.add_argument("--seconds", type=int, default=0)
        parser.add_argument("--lock", type=int)  # the warm process gives one to all its work
        parser.set_defaults(command=command, takes_settings=takes_settings)
    parser.add_argument("--call", type=Path, required=True)


def confine(seconds: int) -> None:
    """Limit this process's memory, and let the kernel end it after so many seconds, whatever it is at."""
    Limits().confine()
    if seconds and hasattr(signal, "alarm"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(seconds)


def sheet_command(options: argparse.Namespace, arguments: list[str]) -> int:
    """Read the data of a run and write their sheet."""
    confine(options.seconds)
    plugin, kind, settings, _ = parse_command(arguments)
    data, sheet = kind.examine(settings)
    if data is not None and not sheet.blocked:
        with contextlib.suppress(UserError):  # the run says so, once it starts
            decision = decide_settings(plugin, kind, data, settings, pulls=False)
            sheet = replace(sheet.with_findings(decision.findings()), decided=decision.record())
    write_json(options.out, sheet.to_dict())
    return 0


def call_command(options: argparse.Namespace) -> int:
    """Answer a call of an endpoint: load the weights, call the method, write {"result"}, {"error"} or {"defect"}."""
    confine(options.seconds)
    call = json.loads(options.call.read_text(encoding="utf-8"))
    try:
        answer = {"result": _answer(call)}
    except UserError as error:
        answer = {"error": str(error)}
    except MemoryError:
        raise
    except Exception as error:  # the server logs it, and gives its visitor a number
        traceback.print_exc(file=sys.stderr)
        answer = {"defect": f"{type(error).__name__}: {error}\n{traceback.format_exc()}"}
    write_json(options.out, answer)
    return 0


def _answer(call: dict[str, Any]) -> Any:
    tempfile.tempdir = call["results"]
    kind = find(call["plugin"]).kind(call["kind"])
    name = call["weights"]
    model = kind.connect(name) if name.startswith(HOSTED) else kind.load(Path(name))
    method = getattr(model, call["endpoint"])
    types = endpoint_types(getattr(kind.endpoints, call["endpoint"]))
    arguments = [
        Path(value) if types[name] is Path else value for name, value in zip(types, call["arguments"], strict=False)
    ]
    with contextlib.redirect_stdout(sys.stderr):
        result = method(*arguments)
    return {"path": str(result)} if isinstance(result, Path) else {"value": result}
