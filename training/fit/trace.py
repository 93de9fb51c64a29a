"""Trace one micro-batch of a network without memory for it: bytes alive, operations. What `training plan` is made from.

Torch's `FakeTensorMode` computes shapes in place of values, so that a network of any size is traced on any machine.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from training.fit.large_network import prepare_network
from training.fit.live_bytes import LiveBytes
from training.fit.sharding import blocks
from training.preflight.plan import Trace

if TYPE_CHECKING:
    from training.settings import TrainSettings


@dataclass(frozen=True)
class Sketch:
    """A network that is to be traced, as a kind's `plan.network(settings)` makes it, and its loss.

    Args:
        loss: Rows -> the loss of a batch of so many, each as long as the settings let it be.
        tokens: Of a row; 1 for a picture.
    """

    model: torch.nn.Module
    loss: Callable[[int], torch.Tensor]
    tokens: int


def count_parameters(make: Callable[[], Sketch]) -> int:
    """Weights of a network that is not made."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in make().model.parameters())


def trace(make: Callable[[], Sketch], settings: TrainSettings, rows: int) -> Trace:
    """Trace forward and backward pass of a micro-batch of so many rows."""
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(settings.precision)
    with torch.device("meta"):
        sketch = make()
        model = sketch.model.train()
        prepare_network(model, settings)
    with FakeTensorMode():
        _pretend_on_cpu(model)
        gc.collect()
        with LiveBytes([*model.parameters(), *model.buffers()]) as live:
            loss = _loss(sketch, rows, dtype)
            activations = live.now
            loss.backward()
            del loss
        with FlopCounterMode(display=False) as counted:  # by itself: it keeps tensors alive
            _loss(sketch, rows, dtype).backward()
        weights = list(model.parameters())
        trained = [weight for weight in weights if weight.requires_grad]
        return Trace(
            parameters=sum(weight.numel() for weight in weights),
            trained=sum(weight.numel() for weight in trained),
            weight_bytes=_bytes(weights),
            gradient_bytes=_bytes(trained),
            block_bytes=max((_bytes(block.parameters()) for block in blocks(model)), default=_bytes(weights)),
            activation_bytes=activations,
            peak_bytes=live.peak,
            operations=counted.get_total_flops(),
            rows=rows,
            tokens=rows * sketch.tokens,
        )


def _pretend_on_cpu(model: torch.nn.Module) -> None:
    """Put fake tensors of a CPU in place of meta tensors: autocast and attention choose by device, meta has neither."""
    made: dict[int, torch.Tensor] = {}
    for module in model.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                fake = torch.nn.Parameter(torch.empty(weight.shape, dtype=weight.dtype), weight.requires_grad)
                module._parameters[name] = made.setdefault(id(weight), fake)  # type: ignore[assignment]
        for name, buffer in module._buffers.items():
            if buffer is not None:
                fake = torch.zeros(buffer.shape, dtype=buffer.dtype)
                module._buffers[name] = made.setdefault(id(buffer), fake)


def _loss(sketch: Sketch, rows: int, dtype: torch.dtype | None) -> torch.Tensor:
    with torch.autocast("cpu", dtype=dtype, enabled=dtype is not None):
        return sketch.loss(rows)


def _bytes(tensors: object) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)  # type: ignore[attr-defined]
