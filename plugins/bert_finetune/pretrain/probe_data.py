"""Labelled texts for a linear probe of the frozen sentence vectors during pre-training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from training.data.column_guess import guess_text_columns
from training.data.table import read_table
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.bert_finetune.pretrain.settings import PretrainSettings


class ProbeText(NamedTuple):
    """A labelled text of the probe; it is not masked."""

    ids: np.ndarray
    label: str


def read_probe_texts(settings: PretrainSettings, tokenizer: Any, max_length: int) -> list[ProbeText]:
    """Read the first labelled texts of `probe_data`, of classes with at least five rows; empty without such a file.

    Raises:
        UserError: If fewer than two classes are left.
    """
    if not settings.probe_data:
        return []
    table = read_table(Path(settings.probe_data))
    columns = guess_text_columns(table)
    texts, labels = table.strings(columns.text), table.strings(columns.label or "")
    rows = [(text, label) for text, label in zip(texts, labels, strict=True) if text and label][: settings.probe_rows]
    counts = {label: sum(label == other for _, other in rows) for _, label in rows}
    rows = [(text, label) for text, label in rows if counts[label] >= 5]
    if len({label for _, label in rows}) < 2:
        raise UserError(f"{Path(settings.probe_data).name}: the probe needs two classes with at least 5 texts each.")
    texts, limit = [text for text, _ in rows], max_length - 2
    ids = tokenizer(texts, add_special_tokens=False, truncation=True, max_length=limit)["input_ids"]
    return [ProbeText(np.asarray(own, dtype=np.int32), label) for own, (_, label) in zip(ids, rows, strict=True)]
