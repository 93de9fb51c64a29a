"""Gradio components that the tabs of several plugins share."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from training.errors import UserError


def chosen(path: str | None, what: str = "a file") -> Path:
    """The path of a chosen file, or an error that asks for one."""
    if not path:
        raise UserError(f"Choose {what} first.")
    return Path(path)


def table_html(table: Mapping[str, Any]) -> str:
    """A table {"headers": [...], "data": [[...]]} as wide as its words, which Gradio's is not; its text is escaped."""
    head = "".join(f'<th scope="col">{html.escape(str(name))}</th>' for name in table["headers"])
    rows = "".join(f"<tr>{''.join(f'<td>{html.escape(str(cell))}</td>' for cell in row)}</tr>" for row in table["data"])
    return f'<table class="plain"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def stops(button: gr.Button, work: Any, message: gr.Markdown) -> None:
    """Let a button cancel events that yield. The report waits for their end: a late step would overwrite it."""
    stopped = button.click(None, None, None, cancels=work)
    stopped.then(lambda: "Stopped.", None, message, queue=False)


def one_of(value: int, most: int) -> gr.Slider:
    """An update for a slider of layers or heads: at `value`, of `most`."""
    return gr.Slider(value=value, maximum=max(2, most), interactive=most > 1)  # Gradio refuses a range of one
