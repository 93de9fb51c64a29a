"""Labels of a table: which column has them, and which of its values mean an anomaly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.data.column_names import plain_name
from training.data.table import Table
from training.data.tabular.missing import UNKNOWN
from training.errors import UserError

NAMES = (  # compared by `plain_name`
    "isanomaly", "anomaly", "isoutlier", "outlier", "anomalie", "istanomalie", "ausreisser",
    "ausreißer", "anomalía", "anomalia", "esanomalia",
)  # fmt: skip
MAY_SAY = (  # names of columns that often say which rows are anomalies, compared by `plain_name`
    "fraud", "isfraud", "fraudulent", "attack", "isattack", "intrusion", "malicious", "abnormal", "isabnormal", "isanomalous",
    "anomalous", "anomalylabel", "outlierlabel", "fault", "faulty", "isfault", "defect", "defective", "isdefect", "failure", "machinefailure",
    "label", "labels", "class", "target", "groundtruth", "y", "diagnosis", "disease",
)  # fmt: skip
MAX_LABELS = 50  # values of a column that may say so
NORMAL = (
    "0", "0.0", "no", "false", "f", "n", "normal", "negative", "benign", "inlier", "ok", "good", "none", "nominal",
    "nein", "falsch", "non", "faux", "falso", "nee", "nej", "nie",
)  # fmt: skip
SAY_NORMAL = (  # words that mark no anomaly where they stand alone, compared in lower case
    "legit", "legitimate", "genuine", "regular", "clean", "healthy", "standard", "pass", "passed", "valid", "safe",
    "intact", "correct", "usual", "typical", "expected", "okay", "fine", "success", "gut", "unauffällig", "gesund",
    "fehlerfrei", "in ordnung", "i.o.", "negativ", "bon", "bien", "bueno", "sano", "buono", "goed", "correcto",
    "normale", "normaal", "légitime", "régulier", "legítimo",
)  # fmt: skip
MAX_MARKED = 0.2  # share of the rows that a single value, which marks the anomalies, may have
SHOWN = 6


def find_label(table: Table, given: str) -> str:
    """The label's column: as given, else by its name, else empty.

    Raises:
        UserError: If the given one is not there.
    """
    if given:
        table.column(given)
        return given
    return next((name for known in NAMES for name in table.names if plain_name(name) == known), "")


def possible_labels(table: Table) -> list[str]:
    """Columns that by name and number of values may say which rows are anomalies."""
    named = [name for name in table.names if plain_name(name) in MAY_SAY]
    return [name for name in named if 2 <= len(table.columns[name].drop_null().unique()) <= MAX_LABELS]


def read_labels(cells: Sequence[str | None], column: str, normal_value: str, source: str) -> np.ndarray:
    """Whether each row is an anomaly, bool (rows,); an empty cell counts as normal, and where one value stands in few
    rows and the others are empty, that value is the mark of anomalies.

    Args:
        cells: Of the label's column.
        column: Its name, for the message, as `source`, the file's.
        normal_value: The label of normal rows; empty: one of the usual words.

    Raises:
        UserError: If it cannot be told which value is normal.
    """
    values = ["" if cell is None else cell.strip() for cell in cells]
    seen = sorted({value for value in values if value})
    normal = {normal_value} if normal_value else {value for value in seen if value.lower() in NORMAL}
    is_mark = not normal_value and len(seen) == 1 and _is_mark(seen[0], values.count(seen[0]) / len(values))
    if not normal & set(seen) and set(seen) != {"1"} and not is_mark:
        more = ", …" if len(seen) > SHOWN else ""
        raise UserError(
            f"Label column {column!r} of {source} has the values {', '.join(seen[:SHOWN])}{more}: "
            f"set Normal value (normal_value; on the page under More settings) to the one that is normal"
            f"{f', {normal_value!r} is none of them' if normal_value else ''}."
        )
    return np.asarray([bool(value) and value not in normal for value in values])


def _is_mark(value: str, share: float) -> bool:
    """Whether a column's only value, in a share of the rows, may mark the anomalies."""
    word = value.lower()
    return share <= MAX_MARKED and word not in UNKNOWN and word not in SAY_NORMAL
