"""Commands that a server runs on what a stranger made, in a process with limits.

`sheet` reads the data of a run, `call` answers an endpoint on a file, `decode` makes pixels of a picture, `load` tries
whether weights can be loaded.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import errno
import json
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from plugins._discovery import find
from plugins._endpoints import endpoint_types
from training.cli.decide import decide_settings
from training.cli.train import parse_command
from training.errors import UserError
from training.files import write_json
from training.preflight.limits import Limits
from training.preflight.memory_limit import limit_more_memory, resident_bytes
from training.settings import HOSTED

LIBRARIES_BYTES = 256 * 2**20  # address space that threads and allocators reserve and never touch


def add_commands(commands: Any) -> None:
    """Add the commands."""
    answers = {"call": _call, "decode": _decode, "load": _load}
    for name in ("sheet", *answers):
        parser = commands.add_parser(name, add_help=False, allow_abbrev=False)
        parser.add_argument("--out", type=Path, required=True)
        parser.add_argument("--seconds", type=int, default=0)
        parser.add_argument("--memory", type=int, default=0)
        parser.add_argument("--lock", type=int)  # the warm process gives one to all its work
        if name in answers:
            parser.add_argument("--call", type=Path, required=True)
            parser.set_defaults(command=partial(answer_command, answer=answers[name]), takes_settings=False)
        else:
            parser.set_defaults(command=sheet_command, takes_settings=True)


def confine(seconds: int, memory_mb: int = 0) -> None:
    """Limit this process's memory and what it writes, and let the kernel end it after so many seconds.

    Args:
        memory_mb: What it may take beside what it has; 0: as much as a run.
    """
    limits = Limits()
    if memory_mb:
        limit_more_memory(memory_mb * 2**20, LIBRARIES_BYTES)
    else:
        limits.confine()
    if limits.max_disk_mb:  # of one file; Python ignores the signal, so that writing more is an OSError
        most = limits.max_disk_mb * 2**20
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    if seconds and hasattr(signal, "alarm"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(seconds)


def sheet_command(options: argparse.Namespace, arguments: list[str]) -> int:
    """Read the data of a run and write their sheet."""
    confine(options.seconds, options.memory)
    plugin, kind, settings, _ = parse_command(arguments)
    data, sheet = kind.examine(settings)
    if data is not None and not sheet.blocked:
        with contextlib.suppress(UserError):  # the run says so, once it starts
            decision = decide_settings(plugin, kind, data, settings, pulls=False)
            sheet = replace(sheet.with_findings(decision.findings()), decided=decision.record())
    write_json(options.out, sheet.to_dict())
    return 0


def answer_command(options: argparse.Namespace, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> int:
    """Answer a call that is described in a file: write {"result"}, {"error"} or {"defect"}."""
    confine(options.seconds, options.memory)
    call = json.loads(options.call.read_text(encoding="utf-8"))
    try:
        written: dict[str, Any] = {"result": answer(call)}
    except MemoryError:
        raise
    except Exception as error:
        if _is_memory(error):  # PyTorch's words for what the kernel refused, also inside a loader's own sentence
            raise MemoryError(str(error)[:200]) from None
        written = _said(error)
    write_json(options.out, written)
    return 0


def _is_memory(error: Exception) -> bool:
    return isinstance(error, RuntimeError | ValueError) and "allocate memory" in str(error)


def _said(error: Exception) -> dict[str, str]:
    """What went wrong: a sentence for the visitor, or a defect, which the server logs."""
    if isinstance(error, UserError):
        return {"error": str(error)}
    if isinstance(error, OSError) and error.errno == errno.EFBIG:
        most = Limits().max_disk_mb
        return {"error": f"The result is larger than the {most:,} MB that this server keeps: split the file."}
    traceback.print_exc(file=sys.stderr)
    return {"defect": f"{type(error).__name__}: {error}\n{traceback.format_exc()}"}


def _call(call: dict[str, Any]) -> dict[str, Any]:
    """Load weights, call a method."""
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


def _load(call: dict[str, Any]) -> dict[str, Any]:
    """Load weights; what they took, in bytes."""
    before = resident_bytes()
    with contextlib.redirect_stdout(sys.stderr):
        model = find(call["plugin"]).kind(call["kind"]).load(Path(call["weights"]))
    taken = resident_bytes() - before
    del model
    return {"bytes": max(0, taken)}


def _decode(call: dict[str, Any]) -> dict[str, Any]:
    """Decode a picture; its pixels are written as arrays into the folder `arrays`."""
    import numpy as np

    from training.data.images.decode import decode

    image, arrays = decode(Path(call["path"]), call["name"], call["max_pixels"]), Path(call["arrays"])
    np.save(arrays / "pixels.npy", np.ascontiguousarray(image.pixels))
    if image.alpha is not None:
        np.save(arrays / "alpha.npy", np.ascontiguousarray(image.alpha))
    profile = base64.b64encode(image.icc_profile).decode()
    return {"notices": list(image.notices), "icc_profile": profile, "texts": image.texts}
