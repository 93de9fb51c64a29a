"""The box of "Try" for tables: holes filled, odd cells mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from plugins._boxes import PRIVATE, chosen
from plugins._contract import Workbench
from plugins.denoising_ae import endpoints

SAMPLE = Path(__file__).parents[1] / "starter" / "adult-sample.csv"
SHOWN = 200  # changed rows on the page


def draw_table(workbench: Workbench, starter: str) -> None:
    """A table in, the mended one out."""
    gr.Markdown(
        "Every cell is predicted from the others of its row. Empty cells are filled; numbers further off than any of training, and "
        "categories that training never had, are mended. The file has a column `changes` that says which."
    )
    weights = workbench.weights_picker(starter=starter)
    file = gr.File(str(SAMPLE) if SAMPLE.is_file() else None, label="Table with the columns of training: CSV, TSV, JSONL or Parquet", type="filepath", height=120)  # fmt: skip
    button = gr.Button("Mend the table", variant="primary")
    said = gr.Markdown()
    rows = gr.Dataframe(label="Changed rows", interactive=False)
    download = gr.File(label="Mended table (CSV)", interactive=False)

    def mend(name: str, path: str | None) -> tuple[Any, ...]:
        mended = workbench.call(endpoints.denoise_table, name, chosen(path))
        found = _changed(mended)
        return found["said"], {"headers": found["headers"], "data": found["data"]}, str(mended)

    button.click(mend, [weights, file], [said, rows, download], **PRIVATE)


def _changed(file: Path) -> dict[str, Any]:
    import csv

    with file.open(newline="", encoding="utf-8") as lines:
        header, *rows = csv.reader(lines)
    changed = [[str(number), row[-1], *row[:-1]] for number, row in enumerate(rows, 1) if row[-1]]
    cells = sum(row[1].count(" -> ") for row in changed)
    more = f"; the first {SHOWN} are shown" if len(changed) > SHOWN else ""
    said = f"**{cells:,} cells** in {len(changed):,} of {len(rows):,} rows were filled or mended{more}."
    return {"said": said, "headers": ["row", "changes", *header[:-1]], "data": changed[:SHOWN]}
