"""Level presets and units of the noise types, for the boxes that add noise."""

from plugins.denoising_ae.noise.noise_types import NOISE_TYPES

PRESET_LEVELS = {"gaussian": 25, "poisson": 30, "salt_and_pepper": 0.1, "masked_blocks": 0.1, "blur": 1.5, "jpeg": 20}
UNITS = " · ".join(
    f"{noise.name}: {noise.unit}, {noise.range[0]:g} to {noise.range[1]:g}" for noise in NOISE_TYPES.values()
)
