"""Read lines of fastText (Joulin et al., 2017), `__label__sport __label__local The match ...`, as a table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from training.data.encoding import TextFile

if TYPE_CHECKING:
    from training.data.csv_table import Chunk

PREFIX = "__label__"
START = re.compile(rf"\s*{PREFIX}[^\s,;|\"]+[ \t]")  # of a file: no header of separated columns
LABELS = re.compile(rf"\s*((?:{PREFIX}\S+\s+)*{PREFIX}\S+)(?:\s+|$)")


def read_fasttext(file: TextFile) -> Chunk:
    """The columns `label` and `text`; a column of lists where a line has several labels.

    Blank lines are skipped; a line without a label has none, and its whole text.
    """
    labels, texts, numbers = [], [], []
    with file.open() as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                found = LABELS.match(line)
                labels.append([word.removeprefix(PREFIX) for word in found[1].split()] if found else [])
                texts.append(line[found.end() if found else 0 :].strip())
                numbers.append(number)
    several = any(len(own) > 1 for own in labels)
    column = pa.array(labels, pa.list_(pa.string())) if several else pa.array(["".join(own) or None for own in labels])
    return {"label": column, "text": pa.array(texts, pa.string())}, np.asarray(numbers, dtype=np.int64)
