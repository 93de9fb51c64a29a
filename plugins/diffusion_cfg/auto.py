"""What the kinds' rules for "auto" share: a starter by the colour of the images, and steps that a person waits for."""

from __future__ import annotations

from plugins.diffusion_cfg import starter
from plugins.diffusion_cfg.settings import ImageSettings
from training import machine
from training.preflight.auto import Choice

GPU_FACTOR = 5  # times as many steps where there is a GPU


def colour_starter(settings: ImageSettings) -> Choice:
    """The starter of coloured pictures, or that of grey ones."""
    if settings.channels == "grey":
        return Choice(starter.FASHION, "it draws grey images already")
    return Choice(starter.EMOJI, "it draws small coloured images already")


def most(steps: int) -> int:
    """Of steps that a person waits for on a CPU: what it is here."""
    return steps * GPU_FACTOR if machine.gpus() else steps
