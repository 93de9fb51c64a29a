"""Text encoder and U-Net as one module, so that they train, average and share gradients together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class ConditionalDenoiser(torch.nn.Module):
    """A text-conditioned denoiser: predicts noise, v or flow of noisy latents at a timestep, given a caption.

    Args:
        text_encoder: The text encoder that is trained too; None for a frozen one, whose hidden states are precomputed.
    """

    def __init__(self, unet: Any, text_encoder: Any = None):
        super().__init__()
        self.unet, self.text_encoder = unet, text_encoder

    def forward(self, noisy: Tensor, timesteps: Tensor, text: Tensor) -> Tensor:
        """The prediction, in the shape of `noisy`.

        Args:
            noisy: (batch, channels, height, width).
            timesteps: (batch,).
            text: Token ids, (batch, time), or hidden states, (batch, time, width).
        """
        hidden = text if self.text_encoder is None else self.text_encoder(text)[0]
        return self.unet(noisy, timesteps, hidden, return_dict=False)[0]
