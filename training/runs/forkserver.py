"""A pre-imported process that forks on request, so that a run starts without import time (decision 3).

It computes nothing itself: a process that has run no parallel region and initialised no GPU is safe to fork.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from training.quick_imports import without_collection

logger = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 65_536  # of one order to the warm process


class WarmProcess:
    """The server's side: starts the process, sends it work, restarts it if it died.

    On Linux only; elsewhere `start` returns False.
    """

    def __init__(self, arguments: list[str], environment: dict[str, str]):
        self.arguments, self.environment = arguments, environment
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen | None = None
        self._was_asked = False  # for a run, which it may not have begun yet

    def warm_up(self) -> None:
        """Start the process unless it runs; its imports take some seconds in the background."""
        if sys.platform != "linux" or os.environ.get("SELFSUP_PREFORK", "1") == "0" or self.is_alive():
            return
        self.close()  # of a process that died
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "training", *self.arguments],
            stdin=theirs.fileno(),
            env=self.environment,
            start_new_session=True,
        )
        theirs.close()

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """End the process; the runs that it started continue."""
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            if not self._was_asked:
                self._process.terminate()  # it imports for seconds yet, for nothing
            self._process.wait()
        self._socket = self._process = None
        self._was_asked = False

    def start(self, arguments: list[str], log: Path, descriptor: int, secrets: Mapping[str, str] | None = None) -> bool:
        """Run `python -m training ARGUMENTS` in a fork that inherits `descriptor` and writes to `log`; False: no fork.

        Args:
            secrets: Environment variable -> value; they exist in the fork's memory only.
        """
        if not self.is_alive() or self._socket is None:
            self.warm_up()
            return False
        message = json.dumps({"arguments": arguments, "log": str(log), "secrets": dict(secrets or {})}).encode() + b"\n"
        if len(message) > MAX_MESSAGE_BYTES:
            return False
        try:
            socket.send_fds(self._socket, [message], [descriptor])
        except OSError:
            logger.warning("The warm process has died; starting the run in a new process.")
            return False
        self._was_asked = True
        return True


def serve(main: Callable[[list[str]], int], imports: Sequence[Callable[[], object]]) -> int:
    """Run the warm process: import, then fork for every message on standard input until the server closes it."""
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"  # checking for a GPU must not initialise CUDA before the fork
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the kernel
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with without_collection():
        for import_module in imports:
            with contextlib.suppress(Exception):  # a plugin's module that does not import says so when its run starts
                import_module()
    channel = socket.socket(fileno=os.dup(0))
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, MAX_MESSAGE_BYTES, 1)
        if not message:
            return 0
        if os.fork() == 0:
            channel.close()
            _become(main, message, descriptors[0])
        os.close(descriptors[0])


def _become(main: Callable[[list[str]], int], message: bytes, descriptor: int) -> None:
    """In the fork: start a session, redirect output to the run's log, then run the command as a new process would."""
    code = 1
    try:
        os.setsid()
        order = json.loads(message)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        nothing, log = (
            os.open(os.devnull, os.O_RDONLY),
            os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
        )
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        sys.stdin, sys.stdout = open(0), open(1, "w", buffering=1)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1)  # noqa: SIM115
        os.environ.update(order["secrets"])  # after the log is open, so that it says what is wrong with one
        code = main([*order["arguments"], "--lock", str(descriptor)])
    except BaseException:  # the fork must never return into the parent's loop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
