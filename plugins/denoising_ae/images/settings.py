"""Settings of the kind `images`; cheap to import."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from plugins.denoising_ae.noise.noise_types import NOISE_TYPES
from training.settings import ADVANCED, HalfPrecision, ImageData, StartingWeights, TrainSettings

# Size -> width, depth, blocks of `DenoisingCNNConfig`, for each network.
UNETS = {"small": (32, 3, 1), "medium": (48, 3, 1), "large": (64, 4, 2)}
RESNETS = {"small": (48, 10, 1), "medium": (64, 15, 1), "large": (96, 20, 1)}
NoiseName = Literal["gaussian", "poisson", "salt_and_pepper", "masked_blocks", "blur", "jpeg", "none"]


class ImagesSettings(
    TrainSettings,
    ImageData,
    StartingWeights,
    HalfPrecision,
    usual={"steps": 2000, "batch_size": 16, "learning_rate": 1e-3},
    defaults={
        "schedule": "cosine",
        "weight_decay": 0,
        "ema_decay": 0.99,
    },
    descriptions={
        "data": "Images: a zip, a Parquet file with a column of images, or (on the command line) a folder. Folders "
        "named noisy and clean in it hold real pairs, matched by file name.",
        "batch_size": "Patches per optimiser step, over all processes and micro-batches together.",
    },
):
    """Settings of `images`."""

    noise: NoiseName = Field(
        "gaussian",
        description="Corruption of the clean images: gaussian, poisson (photons), salt_and_pepper, masked_blocks, "
        "blur, jpeg; none: the images are noisy already (noise2void, or pairs).",
    )
    level_low: float = Field(
        -1,
        ge=-1,
        le=10_000,
        description="Lowest noise level: standard deviation of 255, photons, fraction, pixels or quality. Equal to the "
        "highest: one level; lower: a network for the range. -1: the default of the noise type.",
    )
    level_high: float = Field(
        -1, ge=-1, le=10_000, description="Highest noise level. -1: the default of the noise type."
    )
    supervision: Literal["clean", "noise2noise", "noise2void"] = Field(
        "clean",
        description="Training target: the clean image; a second noisy image of the same scene (Lehtinen et al., 2018); "
        "or masked pixels of the noisy image itself, where no clean one exists (Krull et al., 2019).",
    )
    channels: Literal["grey", "colour", "both"] = Field(
        "grey",
        description="Channels of the network: grey (colour images are then denoised as luma and two chroma planes), "
        "colour, or both: colour, with half of the training images grey.",
    )
    network: Literal["unet", "resnet"] = Field(
        "unet",
        description="A residual U-Net (as DRUNet), or residual blocks at a single scale (as deep as DnCNN and FFDNet).",
    )
    size: Literal["small", "medium", "large"] = Field(
        "small", description="Network size: U-Nets of 0.9, 1.9 and 26 million weights; ResNets of 0.2, 0.4 and 1.5."
    )
    added_blocks: int = Field(
        0,
        ge=0,
        le=8,
        description="Residual blocks added to each stage and side of the U-Net that training starts from. They change "
        "nothing at first (Chen et al., 2016).",
        json_schema_extra=ADVANCED,
    )
    noise_conditioning_probability: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Probability that the network is given the noise level of a training image; otherwise it denoises "
        "blind. 0: a network without a noise level input.",
        json_schema_extra=ADVANCED,
    )
    patch_size: int = Field(
        64,
        ge=16,
        le=512,
        description="Side of the random crops that are trained on, in pixels.",
        json_schema_extra=ADVANCED,
    )
    smallest_scale: float = Field(
        1,
        ge=0.25,
        le=1,
        description="Half of the clean training images are shrunk by a random factor from this to 1 before noise is "
        "added: more detail from few images. 1: none is shrunk.",
        json_schema_extra=ADVANCED,
    )
    downsample_factor: Literal["1", "2", "4"] = Field(
        "2",
        description="Pixel-unshuffle factor at the input; 2 quarters the spatial size and roughly the compute.",
        json_schema_extra=ADVANCED,
    )
    loss: Literal["mse", "l1", "psnr"] = Field(
        "mse",
        description="mse (squared error); l1 (absolute error) is more robust to outliers; psnr is the logarithm of "
        "each patch's squared error, so that patches with little noise count as much as those with much.",
        json_schema_extra=ADVANCED,
    )
    eval_images: int = Field(
        50,
        ge=1,
        le=10_000,
        description="Held-out images scored at each evaluation, at most.",
        json_schema_extra=ADVANCED,
    )

    @model_validator(mode="after")
    def _levels_are_in_range(self) -> ImagesSettings:
        if self.noise == "none":
            if self.supervision == "noise2noise":
                raise ValueError(
                    "noise none and supervision noise2noise do not fit: choose a noise, or give pairs of noisy images "
                    "in the folders noisy and clean with supervision clean"
                )
            return self
        low, high = self.levels
        lowest, highest = NOISE_TYPES[self.noise].range
        if not lowest <= low <= high <= highest:
            raise ValueError(
                f"levels {low:g} to {high:g} were given; {self.noise} takes {lowest:g} to {highest:g}, the lower first"
            )
        return self

    @model_validator(mode="after")
    def _blocks_are_added_to_weights(self) -> ImagesSettings:
        if self.added_blocks and not self.model:
            raise ValueError(
                f"added_blocks {self.added_blocks} was given, and there are no weights to add blocks to: name some in "
                "model, or set added_blocks to 0"
            )
        return self

    @property
    def levels(self) -> tuple[float, float]:
        """The range of noise levels trained over; (0, 0) for noise none."""
        if self.noise == "none":
            return 0.0, 0.0
        default = NOISE_TYPES[self.noise].default_range
        low = default[0] if self.level_low == -1 else self.level_low
        high = default[1] if self.level_high == -1 else self.level_high
        return (low, low) if self.level_high == -1 and low > high else (low, high)

    def network_config(self) -> dict[str, Any]:
        """The values of a `DenoisingCNNConfig`."""
        width, depth, blocks = (UNETS if self.network == "unet" else RESNETS)[self.size]
        conditioned = self.noise_conditioning_probability > 0 and self.noise != "none" and self.supervision == "clean"
        return {
            "variant": self.network,
            "channels": 1 if self.channels == "grey" else 3,
            "width": width,
            "depth": depth,
            "blocks": blocks,
            "downsample_factor": int(self.downsample_factor),
            "noise_conditioned": conditioned,
        }
