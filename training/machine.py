"""What this machine, or the container that holds this process, has: cores, GPUs, memory. Needs no torch."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

CGROUP_MEMORY = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))  # v2, v1
CGROUP_USED = (Path("/sys/fs/cgroup/memory.current"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"))
RECLAIMABLE = ("inactive_file", "total_inactive_file")  # in memory.stat: cached files, which the kernel gives up
NVIDIA_GPUS = Path("/proc/driver/nvidia/gpus")
WINDOWS_GPU = Path("/dev/dxg")  # of Linux on Windows


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> int:
    """GPUs of the driver; asking torch would import it, and initialise CUDA in the page's process."""
    return sum(1 for _ in NVIDIA_GPUS.iterdir()) if NVIDIA_GPUS.is_dir() else 0


def can_use_gpu() -> bool:
    """Whether this process can come to use CUDA. Torch is asked where it is imported; it initialises nothing."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "unset") in ("", "-1"):
        return False
    torch = sys.modules.get("torch")
    return torch.cuda.is_available() if torch is not None else gpus() > 0 or WINDOWS_GPU.exists()


def memory_bytes() -> int:
    """Bytes of memory: the machine's, or what its container may take."""
    import psutil

    return min([psutil.virtual_memory().total, *(limit for path in CGROUP_MEMORY if (limit := _number(path)))])


def free_memory_bytes() -> int:
    """Bytes that can be taken now: those of the machine, or what its container has left."""
    import psutil

    free = [psutil.virtual_memory().available]
    for limit, used in zip(CGROUP_MEMORY, CGROUP_USED, strict=True):
        if (most := _number(limit)) and (taken := _number(used)):
            free.append(max(0, most - taken + _reclaimable(used.parent / "memory.stat")))
    return min(free)


def _number(path: Path) -> int:
    """What a file of the kernel says; 0 where there is none, or no limit."""
    text = path.read_text().strip() if path.is_file() else ""
    return int(text) if text.isdigit() else 0


def _reclaimable(statistics: Path) -> int:
    with contextlib.suppress(OSError):
        values = dict(line.split() for line in statistics.read_text().splitlines())
        return next((int(values[name]) for name in reversed(RECLAIMABLE) if name in values), 0)
    return 0
