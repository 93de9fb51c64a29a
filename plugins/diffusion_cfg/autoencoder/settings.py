"""Settings of the autoencoder; cheap to import."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from plugins.diffusion_cfg.settings import ImageSettings
from training.settings import ADVANCED, StartingWeights


class AutoencoderSettings(
    ImageSettings,
    StartingWeights,
    usual={"steps": 3000, "batch_size": 16, "learning_rate": 1e-3},
    defaults={"ema_decay": 0.995},
):
    """Settings of `autoencoder`."""

    downsample_factor: Literal["2", "4", "8"] = Field("4", description="Pixels per latent along each side.")
    latent_channels: int = Field(4, ge=1, le=64, description="Channels of the latents.")
    size: Literal["small", "medium", "large"] = Field(
        "small", description="Network size: about 0.6, 1.6 and 53 million parameters at downsampling factor 4."
    )
    kl_weight: float = Field(
        1e-4,
        ge=0,
        le=10,
        description="Weight of the Kullback-Leibler term, which keeps the latents near a unit Gaussian. Higher: easier "
        "to generate, less sharp.",
        json_schema_extra=ADVANCED,
    )
    gradient_loss_weight: float = Field(
        0.5,
        ge=0,
        le=100,
        description="Weight of the gradient difference loss, on differences of neighbouring pixels at three scales "
        "(Mathieu et al., 2016): sharper edges.",
        json_schema_extra=ADVANCED,
    )
