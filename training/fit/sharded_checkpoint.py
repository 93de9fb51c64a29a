"""Checkpoints of a sharded run: each process writes its shards, and another number of processes can read them.

By torch.distributed.checkpoint. Its index is a pickle, so that such a checkpoint is read where it was written only: a
backup does not hold it.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn
from torch.distributed import checkpoint, is_initialized
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.state_dict import (
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)

from training import files
from training.errors import UserError


class State(Protocol):
    """What is kept beside tensors, in NAME.json: the progress, and the position in a stream."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], /) -> None: ...


def save(
    folder: Path, networks: dict[str, nn.Module], optimizer: torch.optim.Optimizer, states: Mapping[str, State]
) -> None:
    """Write this process's shards; every process has to call it with the same folder."""
    with _quiet():
        checkpoint.save(_state(networks, optimizer), checkpoint_id=str(folder), no_dist=not is_initialized())
    if not is_initialized() or torch.distributed.get_rank() == 0:
        for name, kept in states.items():
            files.write_json(folder / f"{name}.json", kept.state_dict())


def load(
    folder: Path, networks: dict[str, nn.Module], optimizer: torch.optim.Optimizer, states: Mapping[str, State]
) -> None:
    """Take this process's shards from a checkpoint that any number of processes wrote.

    Raises:
        UserError: If it is of another network, or damaged.
    """
    state = _state(networks, optimizer)
    try:
        with _quiet():
            checkpoint.load(state, checkpoint_id=str(folder), no_dist=not is_initialized())
        values = {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in states}
    except (CheckpointException, RuntimeError, ValueError, OSError) as error:
        reason = str(error).strip().splitlines()[-1][:300]
        raise UserError(
            f"{folder.name} does not fit the model, or is damaged: {reason}. Nothing was trained."
        ) from None
    for name, network in networks.items():
        set_model_state_dict(network, state[name])
    set_optimizer_state_dict(networks["model"], optimizer, state["optimizer"])
    for name, kept in states.items():
        kept.load_state_dict(values[name])


def _state(networks: dict[str, nn.Module], optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Tensors by name; the optimiser's by the names of the weights, whatever their order."""
    weights = {name: get_model_state_dict(network) for name, network in networks.items()}
    return {**weights, "optimizer": get_optimizer_state_dict(networks["model"], optimizer)}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without torch's warning that a single process is a single process."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield
