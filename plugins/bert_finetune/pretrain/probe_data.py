"""Labelled texts for a linear probe of the frozen sentence vectors during pre-training."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from training.data.column_guess import guess_text_columns
from training.data.table import read_table
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.bert_finetune.pretrain.settings import PretrainSettings

FOLDS = 5  # of the cross-validation that scores the probe


class ProbeText(NamedTuple):
    """A labelled text of the probe."""

    text: str
    label: str


def read_probe_texts(settings: PretrainSettings) -> list[ProbeText]:
    """Read the first labelled texts of `probe_data`, of classes with at least five rows; empty without such a file.

    Raises:
        UserError: If fewer than two classes are left.
    """
    if not settings.probe_data:
        return []
    table = read_table(Path(settings.probe_data))
    columns = guess_text_columns(table)
    texts, labels = table.strings(columns.text), table.strings(columns.label or "")
    rows = [ProbeText(text, label) for text, label in zip(texts, labels, strict=True) if text and label]
    counts = Counter(row.label for row in rows[: settings.probe_rows])
    rows = [row for row in rows[: settings.probe_rows] if counts[row.label] >= FOLDS]
    if len({row.label for row in rows}) < 2:
        raise UserError(
            f"{Path(settings.probe_data).name}: the probe needs two classes with at least {FOLDS} texts each."
        )
    return rows
