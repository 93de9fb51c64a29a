"""The settings of the trainers; cheap to import."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from training.settings import ADVANCED, PICTURES, WEIGHTS, TrainSettings

USUAL_SIZE = 64  # pixels a side, where nothing says another


class PictureSettings(TrainSettings):
    """Where pictures come from and what they are brought to."""

    data: str = Field(
        "",
        description="Pictures with captions: a zip, a Parquet file with the columns image and caption, or (on the command line) a folder; metadata.jsonl or x.txt beside x.png holds the captions.",
        json_schema_extra=PICTURES,
    )
    eval_data: str = Field(
        "",
        description="Pictures to evaluate on, of the same form. Empty: a share of the pictures is held out.",
        json_schema_extra=PICTURES,
    )
    caption_column: str = Field(
        "", max_length=200, description="Column of the captions, or of class labels. Empty: guessed."
    )
    image_size: int = Field(
        0,
        ge=0,
        le=1024,
        multiple_of=8,
        description="Pixels a side that pictures are brought to, a multiple of 8. 0: what the weights were made for, 64 from scratch.",
    )
    channels: Literal["grey", "colour"] = Field("colour", description="Whether pictures are grey or in colour.")
    fit: Literal["crop", "pad"] = Field(
        "crop",
        description="crop: the shorter side fills the square, the middle is kept; pad: all is kept, nothing made larger, the rest gets the corners' colour.",
        json_schema_extra=ADVANCED,
    )
    eval_share: float = Field(
        0.05, ge=0, le=0.5, description="Share of the pictures held out for evaluation.", json_schema_extra=ADVANCED
    )
    eval_images: int = Field(
        128,
        ge=1,
        le=100_000,
        description="Held-out pictures that are scored at each evaluation, at most.",
        json_schema_extra=ADVANCED,
    )
    half_precision: bool = Field(
        True, description="Save the weights in 16 bits: half the size.", json_schema_extra=ADVANCED
    )
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "cosine", description="How the learning rate falls after the warm-up.", json_schema_extra=ADVANCED
    )

    @property
    def picture_channels(self) -> int:
        return 1 if self.channels == "grey" else 3


class AutoencoderSettings(PictureSettings):
    """Settings of `autoencoder`."""

    factor: Literal["2", "4", "8"] = Field("4", description="Pixels a side that become one latent.")
    latent_channels: int = Field(4, ge=1, le=64, description="Numbers that each latent place holds.")
    size: Literal["small", "medium", "large"] = Field(
        "small", description="Of the network: at factor 4 about 0.6, 1.6 and 53 million weights."
    )
    kl_weight: float = Field(
        1e-4,
        ge=0,
        le=10,
        description="Weight of the Kullback-Leibler term, which keeps latents near a Gaussian. Higher: easier to generate, less sharp.",
        json_schema_extra=ADVANCED,
    )
    edge_weight: float = Field(
        0.5,
        ge=0,
        le=100,
        description="Weight of the error of the differences between neighbouring pixels, at three scales: what keeps edges sharp.",
        json_schema_extra=ADVANCED,
    )
    steps: int = Field(3000, ge=1, le=10_000_000, description="Optimiser steps to train for.")
    batch_size: int = Field(16, ge=1, le=65_536, description="Pictures an optimiser step, over all processes together.")
    learning_rate: float = Field(1e-3, gt=0, le=10, description="Peak learning rate of AdamW.")
    ema_decay: float = Field(
        0.995, ge=0, lt=1, description="Decay a step of the averaged weights that are evaluated and saved. 0: no averaging.", json_schema_extra=ADVANCED
    )  # fmt: skip


class ObjectiveSettings(PictureSettings):
    """What every trainer of a denoiser has."""

    p_uncond: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Share of the captions that are dropped, so that the unconditional model that guidance needs is learnt too (Ho & Salimans, 2022). 0: guidance will do harm.",
    )
    min_snr_gamma: float = Field(
        5.0,
        ge=0,
        le=1000,
        description="Cap on the signal-to-noise ratio that weighs a timestep's loss (Hang et al., 2023). 0: every timestep counts the same in the predicted quantity.",
        json_schema_extra=ADVANCED,
    )
    preview_prompts: str = Field(
        "",
        max_length=1000,
        description="Prompts to draw at each evaluation, separated by |. Empty: captions of held-out pictures.",
        json_schema_extra=ADVANCED,
    )
    preview_guidance: float = Field(
        4.0, ge=0, le=50, description="Guidance scale of those drawings.", json_schema_extra=ADVANCED
    )
    preview_steps: int = Field(
        12, ge=1, le=200, description="Sampling steps of those drawings.", json_schema_extra=ADVANCED
    )

    @property
    def prompts(self) -> list[str]:
        return [each.strip() for each in self.preview_prompts.split("|") if each.strip()]


class DenoiserSettings(ObjectiveSettings):
    """Settings of `denoiser`."""

    autoencoder: str = Field(
        "",
        max_length=300,
        description="The latent space: a run of the trainer autoencoder, or a Hub id of an AutoencoderKL or a pipeline. Empty: pixels themselves.",
        json_schema_extra=WEIGHTS,
    )
    text_encoder: str = Field(
        "",
        max_length=300,
        description="A CLIP text model to read captions with, frozen (openai/clip-vit-base-patch32, say). Empty: a small one is trained along, with words of its own.",
        json_schema_extra=WEIGHTS,
    )
    size: Literal["tiny", "small", "medium", "large"] = Field(
        "small", description="Of the U-Net: about 1, 4, 9 and 42 million weights."
    )
    prediction: Literal["noise", "v", "flow"] = Field(
        "v",
        description="What the denoiser says: the noise (Ho et al., 2020), v (Salimans & Ho, 2022), or the flow from noise to picture (Lipman et al., 2023).",
    )
    noise_schedule: Literal["scaled_linear", "linear", "cosine"] = Field(
        "scaled_linear",
        description="How noise grows over the 1000 timesteps; of no use to flow.",
        json_schema_extra=ADVANCED,
    )
    zero_terminal_snr: bool = Field(
        True,
        description="The last timestep is noise alone, so that very dark and very bright pictures can be drawn (Lin et al., 2024); not with prediction noise.",
        json_schema_extra=ADVANCED,
    )
    vocabulary_size: int = Field(
        2000,
        ge=520,
        le=49_408,
        description="Word pieces that are learnt from the captions.",
        json_schema_extra=ADVANCED,
    )
    max_length: int = Field(
        32, ge=4, le=77, description="Tokens of a caption, two marks among them; what is longer is cut.", json_schema_extra=ADVANCED
    )  # fmt: skip
    steps: int = Field(10_000, ge=1, le=10_000_000, description="Optimiser steps to train for.")
    batch_size: int = Field(64, ge=1, le=65_536, description="Pictures an optimiser step, over all processes together.")
    learning_rate: float = Field(5e-4, gt=0, le=10, description="Peak learning rate of AdamW.")
    ema_decay: float = Field(
        0.999, ge=0, lt=1, description="Decay a step of the averaged weights that are evaluated and saved. 0: no averaging.", json_schema_extra=ADVANCED
    )  # fmt: skip

    @model_validator(mode="after")
    def _noise_has_an_end(self) -> DenoiserSettings:
        if self.prediction == "noise" and self.zero_terminal_snr:
            raise ValueError(
                "zero_terminal_snr and prediction noise do not fit: of noise alone, predicting the noise says nothing; choose v, or switch zero_terminal_snr off"
            )
        return self


class LoraSettings(ObjectiveSettings):
    """Settings of `lora`."""

    model: str = Field(
        "",
        max_length=300,
        description="The pipeline to adapt: a starter, a run, or a Stable Diffusion of the Hub (owner/repo).",
        json_schema_extra=WEIGHTS,
    )
    rank: int = Field(8, ge=1, le=256, description="Rank of the adapters (Hu et al., 2022).")
    lora_alpha: float = Field(
        0, ge=0, le=1024, description="The adapters count alpha / rank. 0: as much as the rank.", json_schema_extra=ADVANCED
    )  # fmt: skip
    text_layers: bool = Field(False, description="Adapt the text encoder's attention too.", json_schema_extra=ADVANCED)
    steps: int = Field(500, ge=1, le=10_000_000, description="Optimiser steps to train for.")
    batch_size: int = Field(4, ge=1, le=65_536, description="Pictures an optimiser step, over all processes together.")
    learning_rate: float = Field(1e-4, gt=0, le=10, description="Peak learning rate of AdamW.")
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "constant", description="How the learning rate falls after the warm-up.", json_schema_extra=ADVANCED
    )
