"""Hold this process to a limit of memory: by the kernel, or by a watchdog where the kernel's limit cannot be used."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path

from training import machine

WATCH_SECONDS = 0.25
GRACE_SECONDS = 10.0  # from the MemoryError to the end, for a process that is inside a library
STATUS = Path("/proc/self/status")


def limit_memory(most: int, reserve: int = 0) -> None:
    """Let this process fail with a MemoryError, in words and alone, once it takes more than `most` bytes.

    On Linux the kernel refuses more: RLIMIT_DATA counts private writable memory (mmap(2), `may_expand_vm` in
    mm/mmap.c), so mapped weights and address space that is only reserved (PROT_NONE) do not count. What the libraries
    of CUDA map is their own affair and differs between drivers, and an allocation of theirs that fails is reported as a
    GPU out of memory: where this process can use a GPU, and on other systems, a thread watches resident memory.

    Args:
        reserve: Bytes that libraries map and never touch; they count for the kernel alone.
    """
    if sys.platform == "linux" and not machine.can_use_gpu():
        with contextlib.suppress(ValueError, OSError):  # a lower limit was set from outside
            resource.setrlimit(resource.RLIMIT_DATA, (most + reserve, resource.getrlimit(resource.RLIMIT_DATA)[1]))
        return
    watch_memory(most)


def limit_more_memory(more: int, reserve: int = 0) -> None:
    """As `limit_memory`, counted from what this process has now: a fork begins with its parent's."""
    used = _private_writable() if sys.platform == "linux" and not machine.can_use_gpu() else resident_bytes()
    limit_memory(used + more, reserve)


def watch_memory(most: int) -> None:
    """Raise MemoryError in the main thread once this process holds more; end it if it does not come to that."""

    told = threading.Event()

    def fail(*_: object) -> None:
        if not told.is_set():
            told.set()
            raise MemoryError(f"More than {most / 2**20:,.0f} MB of memory.")

    def watch() -> None:
        while resident_bytes() <= most:
            time.sleep(WATCH_SECONDS)
        end = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < end:
            # Python runs the handler between its own steps: a call that waits begins before it, and must be woken.
            signal.pthread_kill(main, signal.SIGUSR1)
            if told.wait(WATCH_SECONDS):
                break
        time.sleep(max(0.0, end - time.monotonic()))
        if resident_bytes() > most:
            os.write(2, b"error: out of memory\n")
            os._exit(1)

    signal.signal(signal.SIGUSR1, fail)
    main = threading.main_thread().ident or 0
    threading.Thread(target=watch, name="memory", daemon=True).start()


def resident_bytes() -> int:
    """Memory of this process, without what it shares with others."""
    import psutil

    used = psutil.Process().memory_info()
    return used.rss - getattr(used, "shared", 0)


def _private_writable() -> int:
    """What RLIMIT_DATA counts now, in bytes; proc(5), VmData."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmData:"))
    return int(line.split()[1]) * 1024
