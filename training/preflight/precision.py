"""Is the chosen number format a quick one here? A processor without bf16 instructions computes it, but at a crawl."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from training.preflight.sheet import Finding

if TYPE_CHECKING:
    import torch

    from training.settings import TrainSettings

SIZE = 256  # of the square matrices multiplied: 34 Mflop, a millisecond in fp32
TRIES = 3
SLOWER = 1.5  # times; below it the machine's noise decides
CRAWLS = 10.0  # times: there a trial of two steps would take minutes


def slow_precision(settings: TrainSettings, device: str) -> list[Finding]:
    """A row where a matrix product in bf16 takes clearly longer than in fp32 on this processor, red where it crawls."""
    if settings.precision != "bf16" or device != "cpu":
        return []
    import torch

    slower = _seconds(torch.bfloat16) / _seconds(torch.float32)
    if slower < SLOWER:
        return []
    title = f"bf16 is {slower:.0f} times slower than fp32 on this processor"
    return [
        Finding("red" if slower >= CRAWLS else "amber", title, "It has no instructions for it: choose precision fp32.")
    ]


def has_bf16_products() -> bool:
    """Whether the processor has instructions for products in bf16, AVX-512's or AMX's; False where torch is too old to tell."""
    import torch

    able = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def _seconds(dtype: torch.dtype) -> float:
    """Seconds of one product, the quickest of a few after a first one that is not counted."""
    import torch

    left, right = torch.randn(2, SIZE, SIZE).to(dtype)
    taken = []
    for _ in range(TRIES + 1):
        started = time.perf_counter()
        torch.mm(left, right)
        taken.append(time.perf_counter() - started)
    return max(min(taken[1:]), 1e-9)
