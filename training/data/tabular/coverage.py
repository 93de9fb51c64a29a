"""Coverage of a new table by the training data: unseen categories, missing cells, extra columns, chunk by chunk."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from training.data.tabular.cells import column_text
from training.data.tabular.features import ABSENT, Encoded
from training.errors import UserError
from training.preflight.sheet import Finding

if TYPE_CHECKING:
    from training.data.table import Table
    from training.data.tabular.encoder import TableEncoder

FEW_CELLS, MOSTLY = 20, 0.5
WARNING_SHARE = 0.05  # of unseen cells, from which on the finding is amber
MAX_MORE_MISSING = 0.2  # share of missing cells above that of training


class Tally:
    """Counts unseen and missing cells of each column over the chunks of a table."""

    def __init__(self, encoder: TableEncoder):
        self.encoder, self.rows, self.extra = encoder, 0, ()
        self.unseen = np.zeros(len(encoder.columns))
        self.unread: Counter[str] = Counter()
        self.holes = np.zeros(len(encoder.columns))

    def add(self, table: Table, encoded: Encoded) -> None:
        """Count one chunk.

        Raises:
            UserError: If a column holds something else than it did in training: of many filled cells none can be read.
        """
        known = {column.name for column in self.encoder.kinds}
        table = table.spelled_as(tuple(known))
        self.extra = tuple(name for name in table.names if name not in known)
        of_number, of_category = self.encoder.owners()
        holes = np.zeros((len(encoded), len(self.encoder.columns)), dtype=bool)
        for place, feature in zip(of_number, range(len(of_number)), strict=True):
            holes[:, place] |= np.isnan(encoded.numbers[:, feature])
        for place, feature in zip(of_category, range(len(of_category)), strict=True):
            holes[:, place] |= encoded.categories[:, feature] == ABSENT
        for place in set(of_number[holes[:, of_number].all(0)] if len(encoded) >= FEW_CELLS else ()):
            self._refuse_other_kind(table, self.encoder.columns[place])
        self.rows += len(encoded)
        self.unseen += encoded.unseen.sum(0)
        self.unread.update(encoded.unread)
        self.holes += holes.sum(0)

    def _refuse_other_kind(self, table: Table, name: str) -> None:
        column = next(column for column in self.encoder.kinds if column.name == name)
        text = column_text(table.column(name), column, self.encoder.missing)
        filled = 0 if text is None else len(text) - text.null_count
        if text is None or filled >= FEW_CELLS:
            kind = column.kind
            example = "" if text is None else f" (such as {text.drop_null()[0].as_py()[:40]!r})"
            raise UserError(
                f"Column {name!r} of {table.source} held {kind}s in training; "
                f"here none of {filled} filled cells is a {kind}{example}. Give it as it was."
            )

    def findings(self) -> list[Finding]:
        """Return findings about unknown columns, cells unlike any of training, and columns that are mostly empty."""
        findings, columns, rows = [], self.encoder.columns, max(1, self.rows)
        if self.extra:
            title = f"{len(self.extra)} columns that the model does not know are left alone"
            findings.append(Finding("green", title, ", ".join(self.extra[:10])))
        for name, count in self.unread.items():
            kind = next(column.kind for column in self.encoder.kinds if column.name == name)
            title = f"{count:,} cells of {name!r} are no {kind}s and count as missing"
            findings.append(Finding("amber", title, "Write them as in the training table."))
        for name, share in zip(columns, self.unseen / rows, strict=True):
            if share > 0:
                title = f"{share:.0%} of the cells of {name!r} are unlike any of training"
                findings.append(Finding("amber" if share > WARNING_SHARE else "green", title))
        before = self._missing_in_training()
        for name, share in zip(columns, self.holes / rows, strict=True):
            if share > max(MOSTLY, before.get(name, 0.0) + MAX_MORE_MISSING):
                findings.append(Finding("amber", f"{share:.0%} of the cells of {name!r} are missing"))
        return findings

    def _missing_in_training(self) -> dict[str, float]:
        """Return the share of missing cells in training, by column."""
        features = self.encoder.categories
        return {feature.column: feature.counts[ABSENT] / max(1, sum(feature.counts)) for feature in features}
