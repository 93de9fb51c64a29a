"""Gradio parts and figures that the tabs of several plugins share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import gradio as gr
import numpy as np

from training.errors import UserError

if TYPE_CHECKING:
    from PIL.Image import Image

PRIVATE: dict[str, Any] = {
    "api_visibility": "private"
}  # of an event of a tab; the page makes every event private in any case
HEAD_PIXELS, HEAD_GAP = 64, 4  # the square of one head in `all_heads`, with the gap after it
F = TypeVar("F", bound=Callable[..., Any])


def chosen(path: str | None, what: str = "a file") -> Path:
    """The path of a chosen file, or an error that asks for one."""
    if not path:
        raise gr.Error(f"Choose {what} first.", print_exception=False)
    return Path(path)


def mended(function: F) -> F:
    """Convert a UserError to Gradio's error. The page does so for every event; this is for calls outside of one."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from None

    return call  # type: ignore[return-value]


def stops(button: gr.Button, work: Any, message: gr.Markdown) -> None:
    """Let a button cancel an event that yields. The report waits for its end: a late step would overwrite it."""
    stopped = button.click(None, None, None, cancels=[work], **PRIVATE)
    stopped.then(lambda: "Stopped.", None, message, queue=False, **PRIVATE)


def one_of(value: int, most: int) -> gr.Slider:
    """An update for a slider of layers or heads: at `value`, of `most`."""
    return gr.Slider(value=value, maximum=max(2, most), interactive=most > 1)  # Gradio refuses a range of one


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
