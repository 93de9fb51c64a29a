"""Work on a visitor's file in a process of its own, with a limit of memory and time: it can end, the page's cannot.

The process is a fork of the warm one, which has the imports done. Where there is none (not on Linux, or it is
starting), a new interpreter does the work.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from training.errors import UserError
from training.runs.forkserver import WarmProcess
from training.runs.queue import child_environment

EXTRA_SECONDS = 5.0  # for the process to end itself at its limit, before it is given up


class Worker:
    """Runs commands of `python -m training` that write their answer to a file."""

    def __init__(self, warm: WarmProcess):
        self._warm = warm

    @property
    def is_warm(self) -> bool:
        """Whether a command starts without the seconds of imports."""
        return self._warm.is_alive()

    def run(self, arguments: list[str], seconds: float, files: dict[str, Any] | None = None) -> Any:
        """Run a command to its end; returns what it wrote to its `--out`, JSON.

        Args:
            arguments: The command; `--out`, `--seconds` and the files' flags are added to it.
            files: Flag -> text, or values to be written as JSON; only this user can read them, and they are removed.

        Raises:
            UserError: What the command says; that it took too long, or more memory than it may.
        """
        with tempfile.TemporaryDirectory(prefix="selfsup-work-") as name:
            folder = Path(name)
            out, log = folder / "out.json", folder / "log.txt"
            flags = ["--out", str(out), "--seconds", str(int(seconds))]
            for flag, content in (files or {}).items():
                path = folder / flag
                path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
                flags += [f"--{flag}", str(path)]
            ended = self._run([*arguments, *flags], log, seconds + EXTRA_SECONDS)
            if out.exists():
                return json.loads(out.read_text(encoding="utf-8"))
            raise UserError(_why(log, ended, seconds))

    def _run(self, arguments: list[str], log: Path, seconds: float) -> bool:
        """Whether it ended in time. The end of the pipe that the fork holds closes with it."""
        read, write = os.pipe()
        try:
            if self._warm.start(arguments, log, write):
                os.close(write)
                write = -1
                return _is_closed_within(read, seconds)
        finally:
            os.close(read)
            if write >= 0:
                os.close(write)
        command = [sys.executable, "-m", "training", *arguments]
        with log.open("wb") as output:
            try:
                subprocess.run(
                    command, stdout=output, stderr=output, env=child_environment(), timeout=seconds, check=False
                )
            except subprocess.TimeoutExpired:
                return False
        return True


def _is_closed_within(descriptor: int, seconds: float) -> bool:
    """Wait until the process that inherited the other end of a pipe has closed it."""
    deadline = time.monotonic() + seconds
    while (remaining := deadline - time.monotonic()) > 0:
        if select.select([descriptor], [], [], remaining)[0] and not os.read(descriptor, 1):
            return True
    return False


def _why(log: Path, ended: bool, seconds: float) -> str:
    text = log.read_text(encoding="utf-8", errors="replace").strip() if log.exists() else ""
    last = text.splitlines()[-1][:300] if text else ""
    if "MemoryError" in last or "memory" in last.lower():
        return "It takes more memory than this server lends to one file: split the file, or choose a smaller model."
    if not ended or not last:
        return f"It took more than the {seconds:.0f} seconds or the memory that this server lends to one call."
    return last.removeprefix("error: ")
