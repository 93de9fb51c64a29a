"""Read, check and split the table of `tables`, and fit its encoder. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from training.data.array_files import joined, row_numbers
from training.data.column_guess import describe_columns
from training.data.splits import split_column, split_rows
from training.data.table_stream import read_rows, read_training_rows
from training.data.tabular.column_findings import columns_found
from training.data.tabular.column_types import guess_column_types, parse_column_types
from training.data.tabular.encoder import TableEncoder, fitted_rows, sample_findings
from training.data.tabular.missing import parse_literal_columns
from training.errors import UserError
from training.preflight.sheet import Finding, Sheet

if TYPE_CHECKING:
    from plugins.denoising_ae.tables.settings import TablesSettings
    from training.data.table import Table
    from training.data.tabular.features import Encoded

MIN_ROWS, USEFUL_ROWS = 20, 200


@dataclass(frozen=True, eq=False)
class TableRows:
    """A table with its split, and the encoder fitted on the training rows.

    Args:
        train, evaluation: Rows of `table`; of `eval_table`, where that is given, evaluation has all.
    """

    table: Table
    train: np.ndarray
    evaluation: np.ndarray
    eval_table: Table | None
    encoder: TableEncoder
    sheet: Sheet

    def encoded(self, encoder: TableEncoder) -> tuple[Encoded, Encoded]:
        """Training and evaluation rows as an encoder reads them."""
        rows = encoder.encode_in_order(self.table, joined([self.train, self.evaluation]))
        train, held_out = (rows.select(part) for part in (slice(0, len(self.train)), slice(len(self.train), None)))
        return train, held_out if self.eval_table is None else encoder.encode(self.eval_table)


def read(settings: TablesSettings) -> TableRows:
    """Read the table, split it, guess the columns' types and fit the encoder.

    Raises:
        UserError: If the file cannot be read, or has too few rows or no usable column.
    """
    table = read_training_rows(settings)
    if len(table) < MIN_ROWS:
        raise UserError(
            f"{table.source} has {len(table)} rows: at least {MIN_ROWS} are needed, {USEFUL_ROWS} or more are useful."
        )
    eval_table = read_rows(Path(settings.eval_data)) if settings.eval_data else None
    train, evaluation = row_numbers(len(table)), row_numbers(0)
    if eval_table is None:
        train, evaluation = split_rows(None, len(table), eval_share=settings.eval_share, seed=settings.seed)
    encoder = _fit_encoder(table.view(fitted_rows(train, settings.seed)), settings)
    findings = [
        *table.notices,
        *sample_findings(len(train)),
        *split_column(table),
        *columns_found(table, encoder),
        *_findings(encoder, len(train)),
    ]
    sheet = Sheet(tuple(findings), describe_columns(table), tuple(table.head(5)))
    return TableRows(table, np.asarray(train), np.asarray(evaluation), eval_table, encoder, sheet)


def _fit_encoder(table: Table, settings: TablesSettings) -> TableEncoder:
    literal = parse_literal_columns(settings.literal_columns, table.names)
    types = guess_column_types(table, parse_column_types(settings.columns, table.names), literal=literal)
    return TableEncoder.fit(table, types, scaling=settings.scaling, min_count=2, max_categories=settings.max_categories)


def _findings(encoder: TableEncoder, rows: int) -> list[Finding]:
    findings = []
    if len(encoder.columns) - len(encoder.constants) < 2:
        title = "Fewer than two columns to learn from"
        findings.append(Finding("red", title, "A cell is predicted from the others of its row; there are none."))
    if rows < USEFUL_ROWS:
        findings.append(Finding("amber", f"Only {rows} rows to train on", f"{USEFUL_ROWS} or more are useful."))
    return findings
