"""Labelled texts for a linear probe of the frozen sentence vectors during pre-training."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from training.data.column_guess import guess_text_columns
from training.data.table_cache import read_training_table
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
    table = read_training_table(Path(settings.probe_data))
    columns = guess_text_columns(table)
    cells = zip(table.iter_strings(columns.text), table.iter_strings(columns.label or ""), strict=True)
    labelled = (ProbeText(text, label) for text, label in cells if text and label)
    rows = list(itertools.islice(labelled, settings.probe_rows))  # the others are never in memory
    counts = Counter(row.label for row in rows)
    rows = [row for row in rows if counts[row.label] >= FOLDS]
    if len({row.label for row in rows}) < 2:
        raise UserError(
            f"{Path(settings.probe_data).name}: the probe needs two classes with at least {FOLDS} texts each."
        )
    return rows
