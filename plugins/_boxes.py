"""What the tabs of several plugins draw with."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr

from training.errors import UserError

PRIVATE: dict[str, Any] = {"api_visibility": "private"}  # of every event of a tab: the API is the endpoints
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


def heat_map(names: Sequence[str], values: Any, inches: float) -> Any:
    """Attention probabilities of one head, (time, time), as a square figure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(inches, inches), layout="constrained")
    axes = figure.subplots()
    axes.imshow(values, cmap="viridis", vmin=0, vmax=float(values.max()))
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=10)
    axes.set_yticks(range(len(names)), names, fontsize=10)
    return figure
