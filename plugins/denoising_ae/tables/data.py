"""What `tables` trains and evaluates on: read, judged, encoded and split, with every finding in words. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from plugins.denoising_ae.models.artifact import read_about
from training.data.column_guess import describe_columns
from training.data.splits import split_rows
from training.data.table_stream import read_rows, read_training_rows
from training.data.tabular.column_findings import columns_found
from training.data.tabular.column_types import guess_column_types, parse_column_types
from training.data.tabular.encoder import TableEncoder
from training.errors import UserError
from training.preflight.sheet import Finding, Sheet

if TYPE_CHECKING:
    from plugins.denoising_ae.settings import TablesSettings
    from training.data.table import Table
    from training.data.tabular.features import Encoded

ARCHITECTURE = "TableDenoiser"
FEWEST, FEW = 20, 200


@dataclass(frozen=True, eq=False)
class TableData:
    """Rows to learn from and rows to score on, as the encoder has them."""

    encoder: TableEncoder
    train: Encoded
    evaluation: Encoded
    findings: tuple[Finding, ...]


def check(settings: TablesSettings) -> Sheet:
    """The preflight sheet; a file that cannot be read at all is a red row, not an error."""
    try:
        table = read_training_rows(settings)
        return Sheet(prepare(table, settings).findings, describe_columns(table), tuple(table.head(5)))
    except UserError as error:
        return Sheet((Finding("red", "The data cannot be used", str(error)),))


def prepare(table: Table, settings: TablesSettings) -> TableData:
    """Guess the columns, split, encode.

    Raises:
        UserError: If nothing can be learnt from the table.
    """
    if len(table) < FEWEST:
        raise UserError(f"{table.source} has {len(table)} rows: at least {FEWEST} are needed, {FEW} or more are useful.")  # fmt: skip
    rows, held_out = np.arange(len(table)), np.zeros(0, np.int64)
    if not settings.eval_data:
        rows, held_out = split_rows(None, len(table), eval_share=settings.eval_share, seed=settings.seed)
    encoder = _encoder(table.select(rows), settings)
    encoded = encoder.encode(table)
    evaluation = encoder.encode(read_rows(Path(settings.eval_data))) if settings.eval_data else encoded.select(held_out)
    found = [*table.notices, *columns_found(table, encoder)]
    if len(encoder.columns) - len(encoder.constants) < 2:
        found.append(Finding("red", "Fewer than two columns to learn from", "A cell is restored from the others of its row; there are none."))  # fmt: skip
    if len(rows) < FEW:
        found.append(Finding("amber", f"Only {len(rows)} rows to learn from", f"{FEW} or more are useful."))
    return TableData(encoder, encoded.select(rows), evaluation, tuple(found))


def _encoder(table: Table, settings: TablesSettings) -> TableEncoder:
    """Fitted on the training rows; where weights are trained on, theirs."""
    if settings.model:
        return TableEncoder.from_dict(read_about(Path(settings.model), ARCHITECTURE)["encoder"])
    kinds = guess_column_types(table, parse_column_types(settings.columns, table.names), skip=[])
    return TableEncoder.fit(table, kinds, scaling=settings.scaling, min_count=2, max_categories=settings.max_categories)
