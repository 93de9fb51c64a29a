"""Tables as HTML: the preflight sheet and the report of an evaluation. All text is escaped."""

from __future__ import annotations

import html
from typing import Any


def sheet_html(sheet: dict[str, Any]) -> str:
    """The preflight sheet, and what is known of each column."""
    findings = "".join(map(_finding_html, sheet["findings"]))
    table = f'<table class="sheet" data-verdict="{sheet["verdict"]}">{findings}</table>'
    if not sheet["columns"]:
        return table
    columns = table_html(list(sheet["columns"][0]), [list(column.values()) for column in sheet["columns"]])
    return f"{table}<details><summary>Columns</summary>{columns}</details>"


def _finding_html(finding: dict[str, Any]) -> str:
    level, title, detail = (html.escape(finding[name]) for name in ("level", "title", "detail"))
    light = f'<td><span class="light">{level}</span></td>'
    return f'<tr class="{level}">{light}<td>{title}<br><small>{detail}</small></td></tr>'


def report_html(report: dict[str, Any]) -> str:
    """The tables of the best evaluation."""
    if not report:
        return "<p>No report yet: it is written at the first evaluation.</p>"
    return "".join(
        f"<h4>{html.escape(title)}</h4>{table_html(table['columns'], table['rows'])}" for title, table in report.items()
    )


def table_html(columns: list[Any], rows: list[list[Any]]) -> str:
    """A plain table."""
    head = "".join(f"<th>{html.escape(str(column))}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(_text(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table class="plain"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _text(cell: object) -> str:
    return ", ".join(map(str, cell)) if isinstance(cell, list | tuple) else "" if cell is None else str(cell)
