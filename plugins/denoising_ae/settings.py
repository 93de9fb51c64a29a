"""The settings of the trainers; cheap to import."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from plugins.denoising_ae.noise.noise_types import NOISES
from training.settings import ADVANCED, PICTURES, TrainSettings

# Width, depth, blocks. By size: of a U-Net, then of a stack of convolutions.
UNETS = {"small": (32, 3, 1), "medium": (48, 3, 1), "large": (64, 4, 2)}
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
        "small", description="Of the network: U-Nets of 0.9, 1.9 and 26 million weights; stacks of 0.2, 0.4 and 1.5."
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
        description="Pixels a side that are folded into channels at the entrance: 2 has a quarter of the places of 1, and about a quarter of its work.",
        json_schema_extra=ADVANCED,
    )
    loss: Literal["squared", "absolute", "psnr"] = Field(
        "squared",
        description="Error that is minimised: squared; absolute is calmer on outliers; psnr is the logarithm of the squared error of each patch, so that patches with little noise count as much as those with much.",
        json_schema_extra=ADVANCED,
    )
    eval_images: int = Field(
        50,
        ge=1,
        le=10_000,
        description="Held-out pictures that are scored at each evaluation, at most.",
        json_schema_extra=ADVANCED,
    )
    half_precision: bool = Field(
        False,
        description="Save the weights in 16 bits: half the size.",
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


class TablesSettings(TrainSettings):
    """Settings of `tables`."""

    columns: str = Field(
        "",
        max_length=20_000,
        description="Where a column's kind is guessed wrongly: NAME=KIND, separated by commas; number, category, date or ignore.",
    )
    mask_share: float = Field(0.3, ge=0, le=0.9, description="Share of the cells that are hidden while training.")
    swap_share: float = Field(
        0.1, ge=0, le=0.9, description="Share of the cells that are taken from another row while training."
    )
    noise_level: float = Field(
        0.1,
        ge=0,
        le=10,
        description="Deviation of the noise on numbers while training, in each column's own deviations.",
    )
    size: Literal["small", "medium", "large"] = Field("medium", description="Network: 64, 128 or 256 wide.")
    latent_size: int = Field(32, ge=0, le=512, description="Numbers that each row is squeezed into. 0: no squeeze.")
    scaling: Literal["auto", "standard", "robust", "log", "quantile"] = Field(
        "auto",
        description="How numbers are scaled; auto is standard, with very long tails pulled in.",
        json_schema_extra=ADVANCED,
    )
    max_categories: int = Field(
        1000,
        ge=2,
        le=50_000,
        description="Values of a column that are told apart, at most.",
        json_schema_extra=ADVANCED,
    )
    steps: int = Field(1000, ge=1, le=10_000_000, description="Optimiser steps to train for.")
    batch_size: int = Field(256, ge=1, le=65_536, description="Rows an optimiser step, over all processes together.")
    learning_rate: float = Field(2e-3, gt=0, le=10, description="Peak learning rate of AdamW.")
    schedule: Literal["linear", "cosine", "constant"] = Field(
        "cosine", description="How the learning rate falls after the warm-up.", json_schema_extra=ADVANCED
    )

    @model_validator(mode="after")
    def _something_is_spoiled(self) -> TablesSettings:
        if not (self.mask_share or self.swap_share or self.noise_level):
            raise ValueError(
                "mask_share, swap_share and noise_level are all 0: a denoising autoencoder needs one of them"
            )
        return self


class CompareSettings(TrainSettings):
    """Settings of `compare`."""

    data: str = Field(
        "",
        description="Pictures, as for images; with labels (folders' names, or a column) a linear probe and neighbours are measured too.",
        json_schema_extra=PICTURES,
    )
    label_column: str = Field("label", max_length=200, description="Column of the labels, where there is one.")
    picture_size: int = Field(
        28, ge=8, le=64, description="Pixels a side that the grey middle of each picture is brought to."
    )
    noise: Literal["gaussian", "salt_and_pepper", "masked_blocks"] = Field(
        "gaussian", description="What the denoising autoencoder's input is spoiled with; the plain one's is not."
    )
    level: float = Field(
        75, gt=0, le=150, description="Level of that noise while training: deviation of 255, or share of the pixels."
    )
    hidden_size: int = Field(512, ge=8, le=4096, description="Width of the layer before and after the latent one.")
    latent_size: int = Field(
        1024, ge=2, le=4096, description="Numbers of the representation; more than pixels leave room for a mere copy."
    )
    seeds: int = Field(
        3, ge=1, le=20, description="Repetitions with other weights and draws, for the confidence intervals."
    )
    training_pictures: int = Field(5000, ge=20, le=100_000, description="Pictures to learn from, at most.")
    eval_images: int = Field(1000, ge=10, le=20_000, description="Held-out pictures to measure with, at most.")
    steps: int = Field(800, ge=1, le=10_000_000, description="Optimiser steps of every part.")
    batch_size: int = Field(128, ge=1, le=65_536, description="Pictures an optimiser step.")
    learning_rate: float = Field(1e-3, gt=0, le=10, description="Peak learning rate of AdamW.")
    eval_share: float = Field(
        0.2, ge=0.01, le=0.5, description="Share of the pictures held out to measure with.", json_schema_extra=ADVANCED
    )

    @model_validator(mode="after")
    def _level_is_in_range(self) -> CompareSettings:
        low, high = NOISES[self.noise].range
        if not low < self.level <= high:
            raise ValueError(
                f"level {self.level:g} was given; {self.noise} takes {low:g} to {high:g} ({NOISES[self.noise].unit})"
            )
        return self
