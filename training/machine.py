"""What this machine, or the container that holds this process, has: cores, GPUs, memory. Needs no torch."""

from __future__ import annotations

import os
from pathlib import Path

CGROUP_MEMORY = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))  # v2, v1
NVIDIA_GPUS = Path("/proc/driver/nvidia/gpus")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> int:
    """GPUs of the driver; asking torch would import it, and initialise CUDA in the page's process."""
    return sum(1 for _ in NVIDIA_GPUS.iterdir()) if NVIDIA_GPUS.is_dir() else 0


def memory_bytes() -> int:
    """Bytes of memory: the machine's, or what its container may take."""
    import psutil

    limits = [int(text) for path in CGROUP_MEMORY if path.is_file() and (text := path.read_text().strip()).isdigit()]
    return min(psutil.virtual_memory().total, *limits)
