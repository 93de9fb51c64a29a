"""Text encoder and U-Net as one module, so that they train, average and share gradients together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Denoiser(torch.nn.Module):
    """What says, of noisy latents, a timestep and a caption, what noise, v or flow is in them.

    Args:
        text_encoder: Trained along; None where the captions' hidden states are given, computed by a frozen one.
    """

    def __init__(self, unet: Any, text_encoder: Any = None):
        super().__init__()
        self.unet, self.text_encoder = unet, text_encoder

    def forward(self, noisy: Tensor, timesteps: Tensor, text: Tensor) -> Tensor:
        """The prediction, like `noisy`.

        Args:
            noisy: (batch, channels, height, width).
            timesteps: (batch,).
            text: Token ids, (captions, time), or hidden states, (captions, time, width); a caption a picture.
        """
        hidden = text if self.text_encoder is None else self.text_encoder(text)[0]
        return self.unet(noisy, timesteps, hidden, return_dict=False)[0]
