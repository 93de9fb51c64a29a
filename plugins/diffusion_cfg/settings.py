"""Settings that several kinds share: how images are resized, and how a denoiser is trained. Cheap to import."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from training.settings import ADVANCED, HalfPrecision, ImageData, LargeNetwork, TrainSettings

DEFAULT_IMAGE_SIZE = 64  # pixels per side, where neither the settings nor the weights say


class ImageSettings(
    TrainSettings,
    ImageData,
    HalfPrecision,
    LargeNetwork,
    defaults={"schedule": "cosine", "eval_share": 0.05, "half_precision": True},
    descriptions={
        "batch_size": "Images per optimiser step, over all processes and micro-batches together.",
        "learning_rate": "Peak learning rate of AdamW.",
        "half_precision": "Save the weights in 16 bits: half the size.",
    },
):
    """How images are read and resized."""

    image_size: int = Field(
        0,
        ge=0,
        le=1024,
        multiple_of=8,
        description="Pixels per side that images are resized to, a multiple of 8. 0: the size that the weights were "
        "trained at, 64 from scratch.",
    )
    channels: Literal["grey", "colour"] = Field(
        "colour", description="Grey or colour images; ignored where weights are given, which say it."
    )
    resize_mode: Literal["crop", "pad"] = Field(
        "crop",
        description="crop: the shorter side fills the square, the centre is kept; pad: the whole image is kept and "
        "never enlarged, the rest gets the corners' colour.",
        json_schema_extra=ADVANCED,
    )
    eval_images: int = Field(
        128,
        ge=1,
        le=100_000,
        description="Maximum number of held-out images per evaluation.",
        json_schema_extra=ADVANCED,
    )

    @property
    def image_channels(self) -> int:
        return 1 if self.channels == "grey" else 3


class DiffusionSettings(
    ImageSettings,
    descriptions={
        "data": "Images with captions: a zip, a Parquet file with the columns image and caption, or (on the command "
        "line) a folder; captions in metadata.jsonl, or in x.txt beside x.png.",
        "eval_data": "Images with captions to evaluate on, in the same form. Empty: a share of the images is held out.",
    },
):
    """How a denoiser is trained."""

    caption_column: str = Field(
        "", max_length=200, description="Column of the captions or class labels. Empty: guessed."
    )
    caption_dropout: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Probability of training an image without its caption, which also trains the unconditional model "
        "that classifier-free guidance needs (Ho & Salimans, 2022). 0: guidance makes images worse.",
    )
    word_dropout: float = Field(
        0.0,
        ge=0,
        le=0.9,
        description="Probability of leaving out a word of a training caption, so that each word is learned and not "
        "whole captions by heart. For captions of several words, and a text encoder that is trained too.",
        json_schema_extra=ADVANCED,
    )
    min_snr_gamma: float = Field(
        5.0,
        ge=0,
        le=1000,
        description="Cap on the signal-to-noise ratio in the loss weights (min-SNR; Hang et al., 2023). 0: equal "
        "weights in the predicted quantity.",
        json_schema_extra=ADVANCED,
    )
    preview_prompts: str = Field(
        "",
        max_length=1000,
        description="Prompts to generate images for at each evaluation, separated by |. Empty: captions of held-out "
        "images.",
        json_schema_extra=ADVANCED,
    )
    preview_guidance_scale: float = Field(
        4.0, ge=0, le=50, description="Guidance scale of the preview images.", json_schema_extra=ADVANCED
    )
    preview_steps: int = Field(
        12, ge=1, le=200, description="Sampling steps of the preview images.", json_schema_extra=ADVANCED
    )

    @property
    def prompts(self) -> list[str]:
        return [prompt.strip() for prompt in self.preview_prompts.split("|") if prompt.strip()]
