"""Check whether this processor computes bf16 at a useful speed; without bf16 instructions it is many times slower."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from training.preflight.sheet import Finding

if TYPE_CHECKING:
    import torch

    from training.settings import TrainSettings

SIZE = 256  # of the square matrices multiplied: 34 Mflop, a millisecond in fp32
REPETITIONS, ROUNDS = 3, 5
MIN_SLOWDOWN = 1.5  # times, from which on a row is shown; less is measurement noise
BLOCKING_SLOWDOWN = 10.0  # times, from which on the row is red: a trial of two steps would take minutes


def slow_precision(settings: TrainSettings, device: str) -> list[Finding]:
    """Return a row if a matrix product takes clearly longer in bf16 than in fp32 here; it is red from ten times on."""
    if settings.precision != "bf16" or device != "cpu":
        return []
    slower = 1 / _speedup()
    if slower < MIN_SLOWDOWN:
        return []
    title = f"bf16 is {slower:.0f} times slower than fp32 on this processor"
    return [
        Finding(
            "red" if slower >= BLOCKING_SLOWDOWN else "amber",
            title,
            "It has no bf16 instructions: choose precision fp32.",
        )
    ]


def bf16_speedup(device: str = "auto") -> float | None:
    """How many times as fast as fp32 a matrix product is in bf16 on the processor; 1 where it has no such products.

    Args:
        device: "auto" or "cpu", as settings say.

    Returns:
        None on a GPU that has bf16, whose speed depends on the network.
    """
    import torch

    if device == "auto" and torch.cuda.is_available():
        return None if torch.cuda.is_bf16_supported(including_emulation=False) else 1.0
    return _speedup() if has_bf16_products() else 1.0


def has_bf16_products() -> bool:
    """Whether the processor has bf16 dot products (AVX-512 or AMX); False where torch cannot tell."""
    import torch

    capabilities = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def product_speed(precision: str) -> float:
    """Floating-point operations a second of a matrix product on this processor, all threads, in fp32 or bf16."""
    import torch

    return 2 * SIZE**3 / _seconds({"fp32": torch.float32, "bf16": torch.bfloat16}[precision])


def _speedup() -> float:
    """Seconds in fp32 by those in bf16: the least of several rounds, so that other work weighs on neither alone."""
    import torch

    rounds = [(_seconds(torch.float32), _seconds(torch.bfloat16)) for _ in range(ROUNDS)]
    return min(full for full, _ in rounds) / min(half for _, half in rounds)


def _seconds(dtype: torch.dtype) -> float:
    """Return the seconds of one product: the minimum of a few, after a warm-up."""
    import torch

    left, right = torch.randn(2, SIZE, SIZE).to(dtype)
    taken = []
    for _ in range(REPETITIONS + 1):
        started = time.perf_counter()
        torch.mm(left, right)
        taken.append(time.perf_counter() - started)
    return max(min(taken[1:]), 1e-9)
