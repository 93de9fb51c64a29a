"""The report's table of the most anomalous rows: where each begins in its file, its score, and the cells that stand out."""

from __future__ import annotations

import numpy as np

from plugins.ae_anomaly.detector.calibration import Calibration
from plugins.ae_anomaly.detector.row_errors import RowErrors
from plugins.ae_anomaly.detector.scored_file import NO_CELL
from plugins.ae_anomaly.fit.data import AnomalyData

TITLE = "Most anomalous held-out rows"
ROWS, CELLS = 10, 3
LEAST_SHARE = 0.15  # of what is anomalous in a row: a cell below it says little
MAX_CELL = 60  # characters


def worst_rows(
    data: AnomalyData, calibration: Calibration, found: RowErrors, scores: np.ndarray
) -> dict[str, dict[str, list]]:
    """The rows with the highest scores, by the table's title.

    Args:
        found: What was measured of the evaluation rows.
        scores: Theirs, (rows,); ordinary rows have about 0.
    """
    worst = np.argsort(-scores, kind="stable")[:ROWS]
    shares = calibration.shares(found.select(worst))
    cells = {name: data.evaluated.select(worst).strings(name) for name in data.encoder.columns}
    rows = []
    for place, row in enumerate(worst):
        stands_out = {name: cells[name][place] for name in _names(data.encoder.columns, shares[place])}
        labelled = [] if data.anomalous is None else ["anomaly" if data.anomalous[row] else "normal"]
        line = int(data.evaluated.lines[row])
        rows.append([line, f"{scores[row]:.2f}", *labelled, _spelled(stands_out)])
    label = [] if data.anomalous is None else ["label"]
    return {TITLE: {"columns": ["line", "anomaly score (usual: 0)", *label, "what stands out"], "rows": rows}}


def _names(columns: tuple[str, ...] | list[str], shares: np.ndarray) -> list[str]:
    """The columns that a row is anomalous for, the foremost first."""
    return [columns[place] for place in np.argsort(-shares, kind="stable")[:CELLS] if shares[place] >= LEAST_SHARE]


def _spelled(cells: dict[str, str | None]) -> str:
    shown = {name: "empty" if cell is None else cell[:MAX_CELL] for name, cell in cells.items()}
    return ", ".join(f"{name}: {cell}" for name, cell in shown.items()) or NO_CELL
