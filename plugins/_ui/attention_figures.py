"""Figures of attention: all heads of a network as one image, and one head as a heat map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

HEAD_PIXELS, HEAD_GAP = 64, 4  # the square of one head in `all_heads`, with the gap after it


def all_heads(values: np.ndarray) -> Image:
    """Attention probabilities, (layers, heads, time, time), as one image: a row per layer, colours scaled per head."""
    from matplotlib import colormaps
    from PIL import Image, ImageDraw

    layers, heads, time, _ = values.shape
    side = HEAD_PIXELS - HEAD_GAP
    image = Image.new("RGB", ((heads + 1) * HEAD_PIXELS, (layers + 1) * HEAD_PIXELS), "white")
    pen = ImageDraw.Draw(image)
    shades = colormaps["viridis"](values / values.max((2, 3), keepdims=True), bytes=True)[..., :3]
    resampling = Image.Resampling.NEAREST if time < side else Image.Resampling.BOX
    for layer, head in np.ndindex(layers, heads):
        corner = ((head + 1) * HEAD_PIXELS, (layer + 1) * HEAD_PIXELS)
        image.paste(Image.fromarray(shades[layer, head]).resize((side, side), resampling), corner)
    for count, (across, down) in ((heads, (1, 0)), (layers, (0, 1))):
        for number in range(1, count + 1):
            middle = (HEAD_PIXELS * (across * number + 0.45), HEAD_PIXELS * (down * number + 0.45))
            pen.text(middle, str(number), "black", font_size=HEAD_PIXELS // 4, anchor="mm")
    pen.text((HEAD_PIXELS * 0.45, HEAD_PIXELS * 0.45), "layer,\nhead", "black", font_size=HEAD_PIXELS // 5, anchor="mm")
    return image


def head_at(pixel: Sequence[int]) -> tuple[int, int]:
    """The layer and head, counted from 1, at a pixel (x, y) of the image of `all_heads`."""
    return max(1, pixel[1] // HEAD_PIXELS), max(1, pixel[0] // HEAD_PIXELS)


def heat_map(names: Sequence[str], values: Any, inches: float) -> Any:
    """Plot the attention probabilities of one head, (time, time), as a square figure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(inches, inches), layout="constrained")
    axes = figure.subplots()
    axes.imshow(values, cmap="viridis", vmin=0, vmax=float(values.max()))
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=10)
    axes.set_yticks(range(len(names)), names, fontsize=10)
    return figure
