"""Choice of a file's columns: those of the texts, of which two are joined, and that of the labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from plugins._ui.events import on_box
from plugins.bert_finetune.label.desk import columns_of
from plugins.bert_finetune.text_rows import MOST_COLUMNS

BY_NAME = ("the usual name, such as label", "")


def render_text_columns(first: list[str] | None = None) -> tuple[gr.Dropdown, gr.Dropdown]:
    """Render both; `connect_text_columns` fills them.

    Args:
        first: Columns of the file that the box begins with: the texts'; empty for none.
    """
    with gr.Row():
        texts = gr.Dropdown(
            first or [],
            value=first or [],
            label="Columns of the texts",
            info="Guessed. Two are joined to one text.",
            multiselect=True,
            max_choices=MOST_COLUMNS,
            min_width=240,
        )
        labels = gr.Dropdown(
            [BY_NAME], value="", label="Column of the labels", info="If some rows have one.", min_width=240
        )
    return texts, labels


def connect_text_columns(file: gr.File, texts: gr.Dropdown, labels: gr.Dropdown, message: gr.HTML) -> None:
    """Offer the columns of each new file, those chosen that are guessed."""

    def offer(path: str | None) -> list[Any]:
        if not path:
            return [gr.Dropdown([], value=[]), gr.Dropdown([BY_NAME], value="")]
        names, guessed, label = columns_of(Path(path))
        return [gr.Dropdown(names, value=guessed), gr.Dropdown([BY_NAME, *names], value=label)]

    on_box(file.change, offer, file, [texts, labels], message, keep=[texts, labels], show_progress="hidden")


def named_columns(texts: list[str] | None, label: str | None) -> tuple[str, str]:
    """What was chosen, as `read_text_rows` takes it."""
    return ", ".join(texts or []), label or ""
