"""Fully sharded data parallel (FSDP2; Zhao et al., 2023): each process holds a share of every weight.

One way for GPUs (NCCL) and CPUs (gloo): torch's `fully_shard`. Accelerate gives processes on a CPU plain data parallel;
with one way, what the tests train on CPUs is what GPUs run. Blocks are gathered for their forward and backward pass
alone, so that a process holds 1/N of weights, gradients and optimiser states, and one whole block at a time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor

from training.nn.cpu_copy import copy_with


class ShardedNetwork:
    """A network that was sharded in place, and the way back to a whole one.

    Args:
        model: On the CPU, the same in every process; changed in place, its parameters become `DTensor`s.
        device: Where its shards go.
    """

    def __init__(self, model: nn.Module, device: torch.device, processes: int):
        self._empty = copy_with(model, lambda tensor: tensor.detach().to("meta"))  # `fully_shard` forbids a later copy
        self._empty_tensors = dict(_tensors(self._empty))
        mesh = init_device_mesh(device.type, (processes,))
        for parameter in model.parameters():
            parameter.data = parameter.data.contiguous()  # `fully_shard` takes no other order of memory
        for block in blocks(model):
            fully_shard(block, mesh=mesh)
        fully_shard(model, mesh=mesh)
        self.model = cast(FSDPModule, model)

    def whole(self, keep: bool) -> nn.Module:
        """The whole network on the CPU. Every process has to call it; weights are gathered one at a time.

        Args:
            keep: Whether this process needs them; the others get an empty network back.
        """
        self.model.reshard()
        whole: dict[int, Tensor] = {}
        for name, tensor in _tensors(cast(nn.Module, self.model)):
            full = cast(DTensor, tensor.detach()).full_tensor() if isinstance(tensor, DTensor) else tensor.detach()
            if keep:
                whole[id(self._empty_tensors[name])] = full.to("cpu", copy=True)
        return copy_with(self._empty, lambda tensor: whole[id(tensor)]) if keep else self._empty

    @contextlib.contextmanager
    def gathered(self) -> Iterator[None]:
        """Hold the weights outside of the blocks whole, for code that calls parts of the network by themselves."""
        self.model.unshard()
        try:
            yield
        finally:
            self.model.reshard()


def _tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters()
    yield from model.named_buffers()


def blocks(model: nn.Module) -> Iterator[nn.Module]:
    """The parts that are gathered one after the other: members of the outermost lists of modules, as layers are."""
    for child in model.children():
        if isinstance(child, nn.ModuleList):
            members = [block for block in child if block is not None]  # diffusers has lists with gaps
            yield from (block for block in members if next(block.parameters(), None) is not None)
        else:
            yield from blocks(child)
