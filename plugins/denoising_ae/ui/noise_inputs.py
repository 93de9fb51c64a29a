"""Level presets and units of the noise types, for the boxes that add noise."""

import gradio as gr

from plugins.denoising_ae.noise.noise_types import NOISE_TYPES

PRESET_LEVELS = {"gaussian": 25, "poisson": 30, "salt_and_pepper": 0.1, "masked_blocks": 0.1, "blur": 1.5, "jpeg": 20}
UNITS_OF = {
    noise.name: f"{noise.unit[:1].upper()}{noise.unit[1:]}, {noise.range[0]:g} to {noise.range[1]:g}."
    for noise in NOISE_TYPES.values()
}


def preset(noise: str) -> gr.Number:
    """The component of the level after a noise was chosen: a usual level of it, and its unit."""
    return gr.Number(PRESET_LEVELS.get(noise, 25), info=UNITS_OF.get(noise, "No noise is added."))
