"""Choice of a file's columns: those of the texts, of which two are joined, and that of the labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from plugins._ui.events import LATEST, on_box
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
    """Offer the columns of each new file of the visitor, those chosen that are guessed."""
    events, shown = [file.upload, file.clear], [texts, labels]
    on_box(events, offered_columns, file, shown, message, keep=shown, **{**LATEST, "show_progress": "hidden"})


def offered_columns(path: str | None, text_column: str = "", label_column: str = "") -> list[Any]:
    """Both dropdowns with the columns of a file.

    Args:
        text_column, label_column: Chosen before, as of `named_columns`; empty for a guess.
    """
    if not path:
        return [gr.Dropdown([], value=[]), gr.Dropdown([BY_NAME], value="")]
    names, guessed, label = columns_of(Path(path))
    texts = [name.strip() for name in text_column.split(",")] if text_column else guessed
    return [
        gr.Dropdown(names, value=texts, multiselect=True),
        gr.Dropdown([BY_NAME, *names], value=label_column or label),
    ]


def named_columns(texts: list[str] | None, label: str | None) -> tuple[str, str]:
    """What was chosen, as `read_text_rows` takes it."""
    return ", ".join(texts or []), label or ""
