"""A user's table given back with what a model says of each row."""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from training.data.table import Table


def write_predictions(table: Table, names: Sequence[str], said: Mapping[int, Sequence[str]]) -> Path:
    """Write the table's columns and then those of `names`, as CSV in a new temporary folder.

    Args:
        said: Row number -> one cell a name; a row that is not there gets blanks.
    """
    target = Path(tempfile.mkdtemp(prefix="selfsup-")) / f"{Path(table.source).name.split('.')[0]}-scored.csv"
    columns = [table.strings(name) for name in table.names]
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*table.names, *names])
        for row, cells in enumerate(zip(*columns, strict=True)):
            writer.writerow([*map(_harmless, cells), *map(_harmless, said.get(row, [""] * len(names)))])
    return target


def _harmless(cell: str | None) -> str:
    """A cell that a spreadsheet would run as a formula gets an apostrophe; numbers stay as they are."""
    cell = cell or ""
    return (
        f"'{cell}"
        if cell[:1] in "=+-@\t\r" and cell and not re.fullmatch(r"[+-]?[\d.,]+([eE][+-]?\d+)?", cell)
        else cell
    )
