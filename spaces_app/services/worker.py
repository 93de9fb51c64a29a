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
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from training import machine
from training.errors import UserError
from training.home import is_shared
from training.preflight.limits import Limits
from training.runs.forkserver import WarmProcess
from training.runs.queue import child_environment

EXTRA_SECONDS = 5.0  # for the process to end itself at its limit, before it is given up
AT_ONCE, WAIT_SECONDS = 4, 30.0  # commands of a shared server, and how long another one waits for one of them to end
LENT_SHARE, LEAST_MB = 0.5, 256  # of the free memory, that one command of a shared server may take; and no less


class Worker:
    """Runs commands of `python -m training` that write their answer to a file.

    On a shared server a few at once, each with half of the memory that is free and not promised to another: together
    they never take more than there is.

    Args:
        warm: The process that forks.
        at_once: Commands at once on a shared server.
    """

    def __init__(self, warm: WarmProcess, at_once: int = AT_ONCE):
        self._warm = warm
        self._slots, self._at_once = threading.BoundedSemaphore(at_once), at_once
        self._lent, self._lending = 0, threading.Lock()  # MB

    @property
    def is_warm(self) -> bool:
        """Whether a command starts without the seconds of imports."""
        return self._warm.is_alive()

    def run(self, arguments: list[str], seconds: float, files: dict[str, Any] | None = None, memory_mb: int = 0) -> Any:
        """Run a command to its end; returns what it wrote to its `--out`, JSON.

        Args:
            arguments: The command; `--out`, `--seconds` and the files' flags are added to it.
            files: Flag -> text, or values to be written as JSON; only this user can read them, and they are removed.
            memory_mb: What it may take at most; 0: as much as a run.

        Raises:
            UserError: What the command says; that it took too long, or more memory than it may; that too many others
                are at work.
        """
        with self._memory(memory_mb) as lent, tempfile.TemporaryDirectory(prefix="selfsup-work-") as name:
            folder = Path(name)
            out, log = folder / "out.json", folder / "log.txt"
            flags = ["--out", str(out), "--seconds", str(int(seconds)), "--memory", str(lent)]
            for flag, content in (files or {}).items():
                path = folder / flag
                path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
                flags += [f"--{flag}", str(path)]
            ended = self._run([*arguments, *flags], log, seconds + EXTRA_SECONDS)
            if out.exists():
                return json.loads(out.read_text(encoding="utf-8"))
            raise UserError(_why(log, ended, seconds))

    @contextmanager
    def _memory(self, wanted_mb: int) -> Iterator[int]:
        """MB that a command may take beside what it starts with; on a shared server a slot too."""
        most = min(wanted_mb or sys.maxsize, Limits().max_memory_mb)
        if not is_shared():
            yield most
            return
        if not self._slots.acquire(timeout=WAIT_SECONDS):
            raise UserError(f"Busy: {self._at_once} files are being read. Try again in {WAIT_SECONDS:.0f} seconds.")
        lent = 0
        try:
            with self._lending:
                free = machine.free_memory_bytes() / 2**20 - self._lent
                lent = max(LEAST_MB, min(most, int(LENT_SHARE * free)))
                self._lent += lent
            yield lent
        finally:
            with self._lending:
                self._lent -= lent
            self._slots.release()

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
