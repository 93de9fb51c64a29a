"""Gradio components that the tabs of several plugins share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from training.errors import UserError


def chosen(path: str | None, what: str = "a file") -> Path:
    """The path of a chosen file, or an error that asks for one."""
    if not path:
        raise UserError(f"Choose {what} first.")
    return Path(path)


def stops(button: gr.Button, work: Any, message: gr.Markdown) -> None:
    """Let a button cancel events that yield. The report waits for their end: a late step would overwrite it."""
    stopped = button.click(None, None, None, cancels=work)
    stopped.then(lambda: "Stopped.", None, message, queue=False)


def one_of(value: int, most: int) -> gr.Slider:
    """An update for a slider of layers or heads: at `value`, of `most`."""
    return gr.Slider(value=value, maximum=max(2, most), interactive=most > 1)  # Gradio refuses a range of one
