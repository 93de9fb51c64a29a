"""Settings of the denoiser; cheap to import."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from plugins.diffusion_cfg.settings import DiffusionSettings
from training.settings import ADVANCED, WEIGHTS, StartingWeights


class DenoiserSettings(
    DiffusionSettings,
    StartingWeights,
    usual={"steps": 10_000, "batch_size": 64},
    defaults={"ema_decay": 0.999},
):
    """Settings of `denoiser`."""

    autoencoder: str = Field(
        "",
        max_length=300,
        description="The latent space: a run of autoencoder, or a Hub id of an AutoencoderKL or a pipeline. Empty: "
        "that of the weights in model, or from scratch diffusion on pixels.",
        json_schema_extra=WEIGHTS,
    )
    text_encoder: str = Field(
        "",
        max_length=300,
        description="A frozen CLIP text model for the captions, such as openai/clip-vit-base-patch32. Empty: a small "
        "one with its own vocabulary is trained with the denoiser.",
        json_schema_extra=WEIGHTS,
    )
    size: Literal["tiny", "small", "medium", "large"] = Field(
        "small", description="Size of the U-Net: about 1, 4, 9 and 42 million parameters."
    )
    prediction_type: Literal["epsilon", "v_prediction", "flow_prediction"] = Field(
        "v_prediction",
        description="What the denoiser predicts: epsilon, the noise (Ho et al., 2020); v_prediction, v (Salimans & Ho, "
        "2022); flow_prediction, the velocity of flow matching (Lipman et al., 2023).",
    )
    noise_schedule: Literal["scaled_linear", "linear", "cosine"] = Field(
        "scaled_linear",
        description="Noise schedule over the 1000 timesteps (ignored for flow matching).",
        json_schema_extra=ADVANCED,
    )
    zero_terminal_snr: bool = Field(
        True,
        description="Rescale the noise schedule so that the last timestep is pure noise, which allows very dark and "
        "very bright images (Lin et al., 2024). Not with prediction_type epsilon.",
        json_schema_extra=ADVANCED,
    )
    vocabulary_size: int = Field(
        2000,
        ge=520,
        le=49_408,
        description="Sub-words in the tokenizer that is trained on the captions.",
        json_schema_extra=ADVANCED,
    )
    max_length: int = Field(
        32,
        ge=4,
        le=77,
        description="Tokens per caption, start and end tokens included; longer captions are truncated.",
        json_schema_extra=ADVANCED,
    )

    @model_validator(mode="after")
    def _epsilon_needs_signal(self) -> DenoiserSettings:
        if self.prediction_type == "epsilon" and self.zero_terminal_snr:
            raise ValueError(
                "zero_terminal_snr does not work with prediction_type epsilon: from pure noise, predicting the noise "
                "says nothing about the image; choose v_prediction, or switch zero_terminal_snr off"
            )
        return self
