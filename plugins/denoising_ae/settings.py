"""The settings of the trainers; cheap to import."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from plugins.denoising_ae.levels import NOISES
from training.settings import ADVANCED, PICTURES, TrainSettings

# Width, depth, blocks. By size: of a U-Net, then of a stack of convolutions.
UNETS = {"small": (32, 3, 1), "medium": (64, 3, 1), "large": (64, 4, 2)}
STACKS = {"small": (48, 10, 1), "medium": (64, 15, 1), "large": (96, 20, 1)}
NoiseName = Literal["gaussian", "poisson", "salt_and_pepper", "masked_blocks", "blur", "jpeg", "none"]


class ImagesSettings(TrainSettings):
    """Settings of `images`."""

    data: str = Field(
        "",
        description="Pictures: a zip, a Parquet file with a column of pictures, or (on the command line) a folder. With folders noisy and clean in it, pairs of equal names are trained on.",
        json_schema_extra=PICTURES,
    )
    eval_data: str = Field(
        "",
        description="Pictures to evaluate on, of the same form. Empty: a share of the pictures is held out.",
        json_schema_extra=PICTURES,
    )
    noise: NoiseName = Field(
        "gaussian",
        description="What clean pictures are spoiled with: gaussian, poisson (photons), salt_and_pepper, masked_blocks, blur, jpeg; none: the pictures are noisy already (noise2void, or pairs).",
    )
    level_low: float = Field(
        -1,
        ge=-1,
        le=10_000,
        description="Lowest level of the noise: deviation of 255, photons, share, pixels or quality. Equal to the highest: one level; lower: blind over the range. -1: what is usual.",
    )
    level_high: float = Field(-1, ge=-1, le=10_000, description="Highest level of the noise. -1: what is usual.")
    supervision: Literal["clean", "noise2noise", "noise2void"] = Field(
        "clean",
        description="What is learnt towards: the clean picture; another noisy one of the same scene (Lehtinen et al., 2018); or hidden pixels of the noisy picture itself, where no clean one exists (Krull et al., 2019).",
    )
    channels: Literal["grey", "colour", "both"] = Field(
        "grey",
        description="What the network takes: grey (colour pictures are then denoised by luma and two chromas), colour, or colour with half of the training pictures grey.",
    )
    network: Literal["unet", "residual"] = Field(
        "unet",
        description="A residual U-Net (as DRUNet), or a stack of convolutions at one scale (as DnCNN and FFDNet).",
    )
    size: Literal["small", "medium", "large"] = Field(
        "small", description="Of the network: U-Nets of 0.9, 3.4 and 29 million weights; stacks of 0.2, 0.5 and 1.6."
    )
    known_level: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of the training pictures whose noise level is told to the network; the rest are denoised blind. 0: a network that takes no level.",
        json_schema_extra=ADVANCED,
    )
    patch_size: int = Field(
        64,
        ge=16,
        le=512,
        description="Pixels a side of the patches that are cut from the pictures.",
        json_schema_extra=ADVANCED,
    )
    fold: Literal["1", "2", "4"] = Field(
        "2",
        description="Pixels a side that are folded into channels at the entrance: 2 is four times as quick as 1 for a loss of about 0.05 dB.",
        json_schema_extra=ADVANCED,
    )
    loss: Literal["squared", "absolute"] = Field(
        "squared",
        description="Error that is minimised: squared is what PSNR measures, absolute is calmer on outliers.",
        json_schema_extra=ADVANCED,
    )
    evaluation_pictures: int = Field(
        50,
        ge=1,
        le=10_000,
        description="Held-out pictures that are scored at each evaluation, at most.",
        json_schema_extra=ADVANCED,
    )
    half_precision: bool = Field(
        False,
        description="Save the weights in 16 bits: half the size, the same pictures to a thousandth of a dB.",
        json_schema_extra=ADVANCED,
    )
    steps: int = Field(2000, ge=1, le=10_000_000, description="Optimiser steps to train for.")
    batch_size: int = Field(16, ge=1, le=65_536, description="Patches an optimiser step, over all processes together.")
    learning_rate: float = Field(1e-3, gt=0, le=10, description="Peak learning rate of AdamW.")
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "cosine", description="How the learning rate falls after the warm-up.", json_schema_extra=ADVANCED
    )
    weight_decay: float = Field(
        0, ge=0, le=10, description="Decoupled weight decay of AdamW.", json_schema_extra=ADVANCED
    )
    ema_decay: float = Field(
        0.99,
        ge=0,
        lt=1,
        description="Decay a step of the averaged weights that are evaluated and saved. 0: no averaging.",
        json_schema_extra=ADVANCED,
    )

    @model_validator(mode="after")
    def _levels_are_in_range(self) -> ImagesSettings:
        if self.noise == "none":
            if self.supervision == "noise2noise":
                raise ValueError(
                    "noise none and supervision noise2noise do not fit: choose a noise, or give pairs of noisy pictures in the folders noisy and clean with supervision clean"
                )
            return self
        low, high = self.levels
        most = NOISES[self.noise].range
        if not most[0] <= low <= high <= most[1]:
            raise ValueError(
                f"levels {low:g} to {high:g} were given; {self.noise} takes {most[0]:g} to {most[1]:g}, the lower first"
            )
        return self

    @property
    def levels(self) -> tuple[float, float]:
        """The range that is trained over; of noise none (0, 0)."""
        if self.noise == "none":
            return 0.0, 0.0
        usual = NOISES[self.noise].usual
        low = usual[0] if self.level_low == -1 else self.level_low
        high = usual[1] if self.level_high == -1 else self.level_high
        return (low, low) if self.level_high == -1 and low > high else (low, high)

    def architecture(self) -> dict[str, Any]:
        """Sizes for `DenoiserConfig`."""
        width, depth, blocks = (UNETS if self.network == "unet" else STACKS)[self.size]
        told = self.known_level > 0 and self.noise != "none" and self.supervision == "clean"
        return {"kind": self.network, "channels": 1 if self.channels == "grey" else 3, "width": width, "depth": depth, "blocks": blocks, "fold": int(self.fold), "level_input": told}  # fmt: skip
