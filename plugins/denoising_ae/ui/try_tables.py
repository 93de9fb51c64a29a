"""The box "Tables": impute missing cells and correct implausible ones."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.components import chosen
from plugins.denoising_ae.tables.endpoints import DenoiseTables

SAMPLE = Path(__file__).parents[1] / "starter" / "adult-sample.csv"
MAX_SHOWN_ROWS = 200  # changed rows on the page
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
    button = gr.Button("Impute and correct", variant="primary")
    summary = gr.Markdown()
    rows = gr.Dataframe(label="Changed rows", interactive=False)
    download = gr.File(label="Imputed table (CSV)", interactive=False)

    def impute(name: str, path: str | None) -> tuple[Any, ...]:
        imputed = workbench.call(DenoiseTables.denoise_table, name, chosen(path))
        return *_changed_rows(imputed), str(imputed)

    button.click(impute, [weights, file], [summary, rows, download])


def _changed_rows(file: Path) -> tuple[str, dict[str, Any]]:
    """A summary in Markdown, and the changed rows with their numbers."""
    with file.open(newline="", encoding="utf-8") as lines:
        header, *rows = csv.reader(lines)
    changed = [[str(number), row[-1], *row[:-1]] for number, row in enumerate(rows, 1) if row[-1]]
    cells = sum(row[1].count(" -> ") for row in changed)
    cut = f"; the first {MAX_SHOWN_ROWS} are shown" if len(changed) > MAX_SHOWN_ROWS else ""
    summary = f"**{cells:,} cells** in {len(changed):,} of {len(rows):,} rows were imputed or corrected{cut}."
    return summary, {"headers": ["row", "changes", *header[:-1]], "data": changed[:MAX_SHOWN_ROWS]}
