"""What the tabs of several plugins draw with."""

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

PRIVATE: dict[str, Any] = {"api_visibility": "private"}  # of every event of a tab: the API is the endpoints
HEAD_PIXELS, HEAD_GAP = 64, 4  # of one head's square in `all_heads`, with the gap after it
F = TypeVar("F", bound=Callable[..., Any])


def chosen(path: str | None, what: str = "a file") -> Path:
    """The file that was chosen, or the message that there is none."""
    if not path:
        raise gr.Error(f"Choose {what} first.", print_exception=False)
    return Path(path)


def mended(function: F) -> F:
    """What a user can mend becomes a message on the page."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from None

    return call  # type: ignore[return-value]


def stops(button: gr.Button, work: Any, said: gr.Markdown) -> None:
    """Let a button end an event that yields, and say so: after it has ended, as a step on its way would come after the word."""
    stopped = button.click(None, None, None, cancels=[work], **PRIVATE)
    stopped.then(lambda: "Stopped.", None, said, queue=False, **PRIVATE)


def one_of(value: int, most: int) -> gr.Slider:
    """A slider of layers or heads at `value`, of those that there are."""
    return gr.Slider(value=value, maximum=max(2, most), interactive=most > 1)  # Gradio refuses a range of one


def all_heads(values: np.ndarray) -> Image:
    """Attention probabilities, (layers, heads, time, time), as one picture: a row a layer, each head's colours its own."""
    from matplotlib import colormaps
    from PIL import Image, ImageDraw

    layers, heads, time, _ = values.shape
    side = HEAD_PIXELS - HEAD_GAP
    picture = Image.new("RGB", ((heads + 1) * HEAD_PIXELS, (layers + 1) * HEAD_PIXELS), "white")
    draw = ImageDraw.Draw(picture)
    shades = colormaps["viridis"](values / values.max((2, 3), keepdims=True), bytes=True)[..., :3]
    way = Image.Resampling.NEAREST if time < side else Image.Resampling.BOX
    for layer, head in np.ndindex(layers, heads):
        place = ((head + 1) * HEAD_PIXELS, (layer + 1) * HEAD_PIXELS)
        picture.paste(Image.fromarray(shades[layer, head]).resize((side, side), way), place)
    for count, (across, down) in ((heads, (1, 0)), (layers, (0, 1))):
        for number in range(1, count + 1):
            place = [HEAD_PIXELS * (each * number + 0.45) for each in (across, down)]
            draw.text((place[0], place[1]), str(number), "black", font_size=HEAD_PIXELS // 4, anchor="mm")
    draw.text(
        (HEAD_PIXELS * 0.45, HEAD_PIXELS * 0.45), "layer,\nhead", "black", font_size=HEAD_PIXELS // 5, anchor="mm"
    )
    return picture


def head_at(pixel: Sequence[int]) -> tuple[int, int]:
    """The layer and the head, from 1, at a place (across, down) of the picture of `all_heads`."""
    return max(1, pixel[1] // HEAD_PIXELS), max(1, pixel[0] // HEAD_PIXELS)


def heat_map(names: Sequence[str], values: Any, inches: float) -> Any:
    """Attention probabilities of one head, (time, time), as a square figure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(inches, inches), layout="constrained")
    axes = figure.subplots()
    axes.imshow(values, cmap="viridis", vmin=0, vmax=float(values.max()))
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=10)
    axes.set_yticks(range(len(names)), names, fontsize=10)
    return figure
