"""Make a built network ready for training as its settings ask: weights in bf16, gradient checkpointing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from training.errors import UserError
from training.preflight.sheet import Finding

if TYPE_CHECKING:
    from training.settings import TrainSettings

SWITCHES = ("activation_checkpointing_enable", "enable_gradient_checkpointing")  # of transformers, of diffusers


def prepare_network(model: torch.nn.Module, settings: TrainSettings) -> None:
    """Convert the weights of a network, and switch gradient checkpointing on, by its settings.

    Raises:
        UserError: If the network has no gradient checkpointing.
    """
    if settings.value("weights_dtype") == "bf16":
        use_bf16_weights(model)
    if settings.value("gradient_checkpointing", False):
        enable_gradient_checkpointing(model)


def use_bf16_weights(model: torch.nn.Module) -> None:
    """Hold weights in bf16: the frozen ones, or all where none is frozen.

    The few that are trained beside frozen ones (adapters, a new head) stay in fp32: they cost little, and their updates
    are too small for the 8 bits of bf16 (Dettmers et al., 2023, keep them so too).
    """
    has_frozen = any(not parameter.requires_grad for parameter in model.parameters())
    for parameter in model.parameters():
        is_kept = has_frozen and parameter.requires_grad
        if parameter.is_floating_point():
            parameter.data = parameter.data.to(torch.float32 if is_kept else torch.bfloat16)


def enable_gradient_checkpointing(model: torch.nn.Module) -> None:
    """Compute each layer's activations again in the backward pass (Chen et al., 2016), by the library's own switch.

    Raises:
        UserError: If no part of the network has one.
    """
    parts = _with_switch(model)
    if not parts:
        raise UserError(_unsupported(model))
    for part in parts:
        try:
            if hasattr(part, SWITCHES[0]):  # of the two forms of torch, the one that takes frozen inputs
                part.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
            else:
                part.enable_gradient_checkpointing()
        except ValueError as error:
            raise UserError(_unsupported(part)) from error


def _with_switch(model: torch.nn.Module) -> list[Any]:
    """The outermost parts of a network that can switch it on."""
    if any(hasattr(model, name) for name in SWITCHES):
        return [model]
    return [part for child in model.children() for part in _with_switch(child)]


def _unsupported(model: torch.nn.Module) -> str:
    return f"gradient_checkpointing: a {type(model).__name__} does not support it. Turn it off; lower batch_size."


def bf16_findings(model: torch.nn.Module, settings: TrainSettings) -> list[Finding]:
    """A row of the sheet where all weights are trained in bf16."""
    if settings.value("weights_dtype") != "bf16" or any(not each.requires_grad for each in model.parameters()):
        return []
    title = "All weights are trained in bf16: an update of less than 1/256 of a weight is lost"
    return [
        Finding("amber", title, "Set lora_rank, where there is one, to train adapters in fp32; or weights_dtype fp32.")
    ]
