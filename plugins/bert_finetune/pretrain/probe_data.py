"""Labelled texts read beside the corpus, to see what a linear probe finds in the frozen vectors while it trains."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from training.data.column_guess import guess_text_columns
from training.data.table import read_table
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.bert_finetune.pretrain.settings import PretrainSettings


class Probe(NamedTuple):
    """A labelled text whose vector is probed: nothing of it is masked."""

    ids: np.ndarray
    label: str


def read_probes(settings: PretrainSettings, tokenizer: Any, max_length: int) -> list[Probe]:
    """The first labelled texts of `probe_data`, of classes that all five folds can have; none where it names no file.

    Raises:
        UserError: If too few classes are left.
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
        raise UserError(f"{Path(settings.probe_data).name}: a probe needs two classes of at least 5 texts each.")
    ids = tokenizer([text for text, _ in rows], add_special_tokens=False, truncation=True, max_length=max_length - 2)["input_ids"]  # fmt: skip
    return [Probe(np.asarray(each, dtype=np.int32), label) for each, (_, label) in zip(ids, rows, strict=True)]
