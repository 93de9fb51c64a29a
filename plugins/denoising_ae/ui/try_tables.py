"""The box "Tables": impute missing cells and correct implausible ones."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.components import chosen
from plugins._ui.events import LATEST, message_area, on_box
from plugins.denoising_ae.tables.endpoints import DenoiseTables

SAMPLE = Path(__file__).parents[1] / "starter" / "adult-sample.csv"
MAX_SHOWN = 200  # changed cells on the page
WIDTHS: list[int | str] = ["18%", "29%", "28%", "25%"]
HEADERS = ["row", "column", "was", "becomes"]
FILE_LABEL = "Table with the columns of training: CSV, TSV, JSONL or Parquet"


def render_denoise_tables(workbench: Workbench) -> None:
    """A table in, the imputed one out."""
    gr.Markdown(
        "Every cell is predicted from the others of its row. Missing cells are imputed; numbers with a larger error "
        "than any in training, and categories that training never had, are corrected. The column `changes` of the file "
        "lists every change."
    )
    weights = workbench.weights_picker()
    sample = str(SAMPLE) if SAMPLE.is_file() else None
    file = gr.File(sample, label=FILE_LABEL, type="filepath", height=120)
    workbench.take_data(weights, file)
    button = gr.Button("Impute and correct", variant="primary")
    message, summary = message_area(), gr.Markdown()
    rows = gr.Dataframe(headers=HEADERS, label="Changed cells", interactive=False, wrap=True, column_widths=WIDTHS)
    download = gr.File(label="Imputed table (CSV)", interactive=False)

    def impute(name: str, path: str | None) -> tuple[Any, ...]:
        imputed = workbench.call(DenoiseTables.denoise_table, name, chosen(path))
        return *changed_cells(imputed), str(imputed)

    inputs, outputs = [weights, file], [summary, rows, download]
    on_box([button.click, weights.change, message.play], impute, inputs, outputs, message, **LATEST)


def changed_cells(file: Path) -> tuple[str, list[list[str]]]:
    """A summary in Markdown, and a row for each changed cell: see HEADERS."""
    with file.open(newline="", encoding="utf-8") as lines:
        header, *rows = csv.reader(lines)
    cells = [[str(number), *change] for number, row in enumerate(rows, 1) for change in _changes(header, row)]
    changed = len({cell[0] for cell in cells})
    cut = f"; the first {MAX_SHOWN} cells are shown" if len(cells) > MAX_SHOWN else ""
    summary = f"**{len(cells):,} cells** in {changed:,} of {len(rows):,} rows were imputed or corrected{cut}."
    return summary, cells[:MAX_SHOWN]


def _changes(header: list[str], row: list[str]) -> list[list[str]]:
    """Column, cell before and after of each change that the last cell of a row lists: "age: 999 -> 38; sex: …"."""
    changes, rest, cells = [], row[-1], dict(zip(header, row, strict=True))
    while rest:
        name = max((name for name in header[:-1] if rest.startswith(f"{name}: ")), key=len, default="")
        if not name:  # a column that had to be renamed in the file
            return [*changes, ["", rest, ""]]
        end = f" -> {cells[name]}"
        before, _, rest = rest.removeprefix(f"{name}: ").partition(end)
        changes.append([name, before, cells[name]])
        rest = rest.removeprefix("; ")
    return changes
