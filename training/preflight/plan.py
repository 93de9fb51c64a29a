"""Plan a run: memory of a process by part, operations, tokens a second, hours. The formulas are in docs/scaling.md.

What depends on the network is traced by `training.fit.trace`, without memory for its weights; here is arithmetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.preflight.machines import Machine
from training.preflight.sheet import Finding

if TYPE_CHECKING:
    from training.settings import TrainSettings

MOMENTS = 2  # of AdamW, in the format of the weight
GPU_LIBRARIES = 0.7e9  # bytes of a CUDA context with torch's kernels
CPU_LIBRARIES = 0.57e9  # resident bytes of a process with torch and transformers, measured: 0.51 to 0.63
CPU_OVERHEAD = 1.25  # resident bytes by live ones: the allocator keeps what was freed; measured: 1.21 to 1.35
# Of layers that are computed again: live bytes are planned exactly (294.9 and 294.8 MB), but between the inputs that
# stay the allocator keeps holes; `malloc_trim` gave half of the process back. Measured: 2.8 times the live ones.
CPU_OVERHEAD_CHECKPOINTED = 2.2
CPU_UTILISATION = 0.5  # of the speed of one matrix product that a step reaches
GPU_UTILISATION = 0.4  # of a card's peak that training reaches in bf16; 0.3 to 0.5 is usual (Chowdhery et al., 2022)
GPU_SINGLE_UTILISATION = 0.6  # in fp32, where memory is less of a limit
ALMOST = 0.9  # of the memory, from which on a row of the sheet is amber


@dataclass(frozen=True)
class Trace:
    """What one micro-batch takes, as `training.fit.trace.trace` measures it.

    Args:
        parameters, trained: Numbers of weights, and of those that are trained.
        weight_bytes, gradient_bytes: Of all weights; of the gradients.
        block_bytes: Weights of the largest block, which full sharding gathers.
        activation_bytes: Alive after the forward pass.
        peak_bytes: The most alive in forward and backward pass, gradients included as they come.
        operations: Floating-point operations of forward and backward pass, recomputation included.
        rows, tokens: Of the micro-batch; a picture counts as one token.
    """

    parameters: int
    trained: int
    weight_bytes: int
    gradient_bytes: int
    block_bytes: int
    activation_bytes: int
    peak_bytes: int
    operations: int
    rows: int
    tokens: int


@dataclass(frozen=True)
class Memory:
    """Bytes of one process. Activations are freed as gradients come, so that `peak` is less than the sum.

    Args:
        gathered: Weights that full sharding holds whole for a moment, or the buckets of plain data parallel.
        libraries: Python and torch, or the CUDA context.
    """

    weights: float
    gradients: float
    optimizer: float
    average: float
    activations: float
    gathered: float
    libraries: float
    peak: float


def memory(traced: Trace, settings: TrainSettings, machine: Machine) -> Memory:
    """Bytes of each process at the peak of a step."""
    several = machine.processes > 1
    is_sharded = several and settings.value("sharding") == "full"
    shares = machine.processes if is_sharded else 1
    weights, gradients = traced.weight_bytes / shares, traced.gradient_bytes / shares
    optimizer = MOMENTS * gradients
    average = weights if settings.ema_decay else 0.0
    buckets = traced.gradient_bytes if several else 0  # of plain data parallel: gradients on their way to the others
    gathered = 2 * traced.block_bytes if is_sharded else buckets
    not_whole = traced.gradient_bytes - gradients  # gradients that the trace held whole
    transient = max(traced.peak_bytes - not_whole, traced.activation_bytes, gradients)
    if settings.gradient_accumulation > 1:  # the gradients of earlier micro-batches stay
        transient = max(transient, traced.activation_bytes + gradients)
    transient *= 1 if machine.is_gpu else _cpu_overhead(settings)
    libraries = GPU_LIBRARIES if machine.is_gpu else CPU_LIBRARIES
    peak = weights + optimizer + average + gathered + libraries + transient
    return Memory(weights, gradients, optimizer, average, traced.activation_bytes, gathered, libraries, peak)


def _cpu_overhead(settings: TrainSettings) -> float:
    return CPU_OVERHEAD_CHECKPOINTED if settings.value("gradient_checkpointing") else CPU_OVERHEAD


@dataclass(frozen=True)
class Speed:
    """How long a run takes; 0 where the machine's speed is not known."""

    tokens_a_second: float
    hours: float
    dollars: float | None


def speed(traced: Trace, settings: TrainSettings, machine: Machine) -> Speed:
    """From the operations of a step and the share of the machine's peak that training reaches."""
    peak = machine.speeds.get(settings.precision, 0.0)
    if not peak:
        return Speed(0.0, 0.0, None)
    used = (
        (GPU_UTILISATION if settings.precision != "fp32" else GPU_SINGLE_UTILISATION)
        if machine.is_gpu
        else CPU_UTILISATION
    )
    a_second = peak * used * machine.processes * traced.tokens / traced.operations
    hours = settings.steps * settings.batch_size * traced.tokens / traced.rows / a_second / 3600
    dollars = None if machine.dollars_an_hour is None else hours * machine.dollars_an_hour
    return Speed(a_second, hours, dollars)


def micro_batch(settings: TrainSettings, machine: Machine) -> int:
    """Rows that one process computes at once."""
    return max(1, -(-settings.batch_size // (machine.processes * settings.gradient_accumulation)))


def memory_finding(needed: Memory, settings: TrainSettings, machine: Machine) -> Finding:
    """The row of the sheet that compares what is needed with what there is."""
    level = "red" if needed.peak > machine.memory_bytes else "amber"
    level = level if needed.peak > ALMOST * machine.memory_bytes else "green"
    state = needed.weights + needed.gradients + needed.optimizer + needed.average
    title = (
        f"Plan: {spell_bytes(needed.peak)} of memory a process, and there are {spell_bytes(machine.memory_bytes)}: "
        f"{spell_bytes(state)} for weights, gradients and optimiser, {spell_bytes(needed.activations)} for activations"
    )
    return Finding(level, title, advice(needed, settings, machine) if level != "green" else "")


def advice(needed: Memory, settings: TrainSettings, machine: Machine) -> str:
    """What to change, the change that saves most first."""
    state = needed.weights + needed.gradients + needed.optimizer + needed.average
    ways = []
    if settings.value("gradient_checkpointing") is False and needed.activations > 0.2 * needed.peak:
        ways.append("switch gradient_checkpointing on")
    if micro_batch(settings, machine) > 1 and needed.activations > 0.2 * needed.peak:
        ways.append(f"set gradient_accumulation to {2 * settings.gradient_accumulation} for the same result")
    if settings.value("lora_rank") == 0 and state > 0.3 * needed.peak:
        ways.append("set lora_rank to 8, and weights_dtype to bf16")
    if settings.value("sharding") == "none" and machine.is_gpu and machine.processes > 1:
        ways.append("set sharding to full")
    words = "; ".join([*ways, "choose a smaller model"])
    return words[0].upper() + words[1:] + "."


def spell_bytes(count: float) -> str:
    """Bytes as people say them: 1.2 GB."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
