"""The table of runs: filtered, sorted and cut into pages; as CSV without spreadsheet formulas."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from training.errors import UserError
from training.runs.index import Row

MAX_PAGE = 500  # rows
COLUMNS = (
    "id", "name", "tags", "plugin", "trainer", "status", "data", "metric", "metric_value", "step", "steps", "seconds",
    "size_bytes", "created", "notes",
)  # fmt: skip
SORTS: dict[str, Callable[[Row], Any]] = {  # name -> what to sort by; None comes last
    "created": lambda row: row["made"],
    "name": lambda row: (row["name"] or row["id"]).casefold(),
    "kind": lambda row: (row["plugin"], row["trainer"]),
    "data": lambda row: row["data"].casefold() or None,
    "metric": lambda row: _goodness(row["metric"]),
    "seconds": lambda row: row["seconds"],
    "size": lambda row: row["size_bytes"],
    "status": lambda row: row["status"],
}


@dataclass(frozen=True)
class Filter:
    """Which rows.

    Args:
        text: Words that all occur in the id, name, tags, notes, data, kind or status, in any case.
        tag, plugin, trainer, status: One value each; empty for all.
    """

    text: str = ""
    tag: str = ""
    plugin: str = ""
    trainer: str = ""
    status: str = ""


@dataclass(frozen=True)
class Query(Filter):
    """Which rows, in which order, and which page of them.

    Args:
        sort: One of `SORTS`.
        descending: The greatest first; of metrics, the best.
        page: From 1.
        page_size: Rows; 0 for all.
    """

    sort: str = "created"
    descending: bool = True
    page: int = 1
    page_size: int = 0

    def __post_init__(self) -> None:
        if self.sort not in SORTS:
            raise UserError(f"sort: {self.sort[:40]!r} was given; it may be: {', '.join(SORTS)}.")
        if self.page < 1 or not 0 <= self.page_size <= MAX_PAGE:
            raise UserError(f"page counts from 1, and page_size is 0 (all) to {MAX_PAGE}.")


def select(rows: Sequence[Row], query: Query) -> list[Row]:
    """The rows that match, sorted; those without a value to sort by come last."""
    words = query.text.casefold().split()
    wanted = [row for row in rows if _matches(row, query, words)]
    key = SORTS[query.sort]
    keyed = [(key(row), row) for row in wanted]
    present = sorted(
        (pair for pair in keyed if pair[0] is not None), key=lambda pair: pair[0], reverse=query.descending
    )
    return [row for _, row in present] + [row for value, row in keyed if value is None]


def page_of(rows: Sequence[Row], query: Query) -> Sequence[Row]:
    """The rows of the query's page; the last page for a page beyond it."""
    if not query.page_size:
        return rows
    last = max(1, math.ceil(len(rows) / query.page_size))
    start = (min(query.page, last) - 1) * query.page_size
    return rows[start : start + query.page_size]


def to_csv(rows: Sequence[Row]) -> str:
    """The rows as CSV; text that a spreadsheet would run as a formula is marked with an apostrophe."""
    import pyarrow as pa

    from training.data.predictions_csv import harmless_text

    cells = [_cells(row) for row in rows]
    columns = [[line[place] for line in cells] for place in range(len(COLUMNS))]
    safe = [
        harmless_text(pa.array(column, pa.string())).to_pylist()
        if all(isinstance(cell, str) for cell in column)
        else column
        for column in columns
    ]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(zip(*safe, strict=True))
    return text.getvalue()


def _cells(row: Row) -> list[Any]:
    metric = row["metric"] or {"name": "", "value": None}
    given = {**row, "tags": ", ".join(row["tags"]), "metric": metric["name"], "metric_value": metric["value"]}
    return ["" if given[name] is None and name != "metric_value" else given[name] for name in COLUMNS]


def _matches(row: Row, query: Query, words: list[str]) -> bool:
    for name in ("plugin", "trainer", "status"):
        if (wanted := getattr(query, name)) and row[name] != wanted:
            return False
    if query.tag and query.tag not in row["tags"]:
        return False
    if not words:
        return True
    names = ("id", "name", "notes", "data", "plugin", "trainer", "status")
    text = " ".join([*(row[name] for name in names), *row["tags"]]).casefold()
    return all(word in text for word in words)


def _goodness(metric: dict[str, Any] | None) -> float | None:
    if metric is None:
        return None
    return -metric["value"] if metric["lower_is_better"] else metric["value"]
