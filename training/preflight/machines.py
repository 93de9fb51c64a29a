"""Machines that a run is planned for: this one, `8xA100-80GB`, or one that is rented by its name.

Speeds are the makers' dense peaks (data sheets of NVIDIA), in 10^12 operations a second.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from training import machine
from training.errors import UserError
from training.preflight.precision import product_speed

GB = 10**9
CARD = re.compile(r"(?:(\d{1,4})x)?([A-Za-z0-9]+(?:-\d+GB)?)", re.IGNORECASE)


@dataclass(frozen=True)
class Card:
    """An accelerator.

    Args:
        memory_bytes: What it has.
        half, single: Operations a second in bf16 (fp16 where it has no bf16) and in fp32.
    """

    memory_bytes: int
    half: float
    single: float


CARDS = {
    "T4-16GB": Card(16 * GB, 65e12, 8.1e12),
    "V100-32GB": Card(32 * GB, 125e12, 15.7e12),
    "L4-24GB": Card(24 * GB, 121e12, 30.3e12),
    "A10G-24GB": Card(24 * GB, 70e12, 35e12),
    "RTX3090-24GB": Card(24 * GB, 71e12, 35.6e12),
    "RTX4090-24GB": Card(24 * GB, 165e12, 82.6e12),
    "L40S-48GB": Card(48 * GB, 362e12, 91.6e12),
    "A100-40GB": Card(40 * GB, 312e12, 19.5e12),
    "A100-80GB": Card(80 * GB, 312e12, 19.5e12),
    "H100-80GB": Card(80 * GB, 989e12, 67e12),
    "H200-141GB": Card(141 * GB, 989e12, 67e12),
}
FLAVOURS = {  # HF Jobs -> number of cards and their name; what they cost, the Hub says
    "t4-small": (1, "T4-16GB"),
    "t4-medium": (1, "T4-16GB"),
    "l4x1": (1, "L4-24GB"),
    "l4x4": (4, "L4-24GB"),
    "l40sx1": (1, "L40S-48GB"),
    "l40sx4": (4, "L40S-48GB"),
    "l40sx8": (8, "L40S-48GB"),
    "a10g-small": (1, "A10G-24GB"),
    "a10g-large": (1, "A10G-24GB"),
    "a10g-largex2": (2, "A10G-24GB"),
    "a10g-largex4": (4, "A10G-24GB"),
    "a100-large": (1, "A100-80GB"),
    "a100x4": (4, "A100-80GB"),
    "a100x8": (8, "A100-80GB"),
}
THIS = "this"


@dataclass(frozen=True)
class Machine:
    """What a run is planned for.

    Args:
        processes: One for each accelerator; on a CPU as many as the run asks for.
        memory_bytes: That one process may take.
        speeds: Peak operations a second of one process, by precision: bf16, fp16, fp32. Empty: unknown.
        is_gpu: Whether it has accelerators.
    """

    name: str
    processes: int
    memory_bytes: int
    speeds: dict[str, float]
    is_gpu: bool
    dollars_an_hour: float | None = None


def find_machine(name: str, processes: int = 1) -> Machine:
    """The machine of that name.

    Args:
        processes: That a run on this machine uses; they share a CPU's memory.

    Raises:
        UserError: If there is none; says which there are.
    """
    if name == THIS:
        return _this_machine(processes)
    if name in FLAVOURS:
        count, card = FLAVOURS[name]
        return _cards(name, count, CARDS[card])
    match = CARD.fullmatch(name)
    cards = {known: card for known, card in CARDS.items() if match and _is_called(known, match[2])}
    if not match or not cards or int(match[1] or 1) < 1:
        raise UserError(
            f"machine: {name!r} is not known. Give this, a number and a card such as 8xA100-80GB "
            f"({', '.join(CARDS)}), or a machine of HF Jobs ({', '.join(FLAVOURS)})."
        )
    count, (known, card) = int(match[1] or 1), next(reversed(cards.items()))
    return _cards(f"{count}x{known}", count, card)


def _is_called(card: str, given: str) -> bool:
    return card.lower() == given.lower() or card.lower().split("-")[0] == given.lower()


def _cards(name: str, count: int, card: Card) -> Machine:
    speeds = {"bf16": card.half, "fp16": card.half, "fp32": card.single}
    return Machine(name, count, card.memory_bytes, speeds, is_gpu=True)


def _this_machine(processes: int) -> Machine:
    import torch

    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        card = next(
            (card for name, card in CARDS.items() if name.split("-")[0] in properties.name.replace(" ", "")), None
        )
        speeds = {"bf16": card.half, "fp16": card.half, "fp32": card.single} if card else {}
        return Machine(properties.name, processes, properties.total_memory, speeds, is_gpu=True)
    speeds = {name: product_speed(name) for name in ("fp32", "bf16")}
    return Machine("this machine", processes, machine.memory_bytes() // processes, speeds, is_gpu=False)
