"""Projection of rows to two dimensions: principal components, UMAP, or two latent features as they are."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from plugins.ae_anomaly.detector.file_scores import Reasons
from plugins.ae_anomaly.detector.records import first_rows
from plugins.ae_anomaly.detector.thresholds import parse_threshold
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.ae_anomaly.fit.predictor import AnomalyPredictor

MAX_PROJECTED_ROWS = 3000
PROJECTIONS = ("PCA", "UMAP", "latent 1 and 2")
MOST_COLOURS = 12
LEAST_FOR_UMAP = 10
NUMBERS = 0.95  # share of a column's filled cells that must be numbers to be coloured on a scale


def project_rows(model: AnomalyPredictor, file: Path, way: str = "PCA", colour: str = "verdict") -> pd.DataFrame:
    """The first rows of a file, at most 3,000.

    Args:
        way: One of WAYS.
        colour: "verdict" (anomaly or normal at the 99th percentile of normal rows), "score", "label" (the label's
            column), or any column of the file.

    Returns:
        Columns x, y, colour, row (from 1), score, reasons.

    Raises:
        UserError: If there is no such way or column, or UMAP is not installed.
    """
    table = first_rows(file, MAX_PROJECTED_ROWS)
    rows = model.encoder.encode(table)
    found = model.probe(rows)
    scores = model.calibration.score(found)
    reasons = Reasons.of(model.calibration.shares(found), rows.unseen)
    places = _places(found.latent, way)
    return pd.DataFrame(
        {
            "x": places[:, 0],
            "y": places[:, 1],
            "colour": _score_colours(model, scores, colour) or _colours(model, table, colour),
            "row": np.arange(1, len(table) + 1),
            "score": np.round(scores, 3),
            "reasons": reasons.words(model.encoder.columns).to_pylist(),
        }
    )


def _places(latent: np.ndarray, way: str) -> np.ndarray:
    """(rows, latent) -> (rows, 2)."""
    if way == "UMAP":
        return _umap(latent)
    if way not in PROJECTIONS:
        raise UserError(f"Map: {way!r} was given; there are: {', '.join(PROJECTIONS)}.")
    if way == "PCA":
        centred = latent - latent.mean(0)
        latent = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    return np.pad(latent[:, :2], ((0, 0), (0, max(0, 2 - latent.shape[1]))))


def _umap(latent: np.ndarray) -> np.ndarray:
    """McInnes, Healy & Melville, 2018; seeded, so that the same rows give the same map."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it would like TensorFlow
            import umap
    except ImportError as error:
        raise UserError("The map UMAP needs the package umap-learn (pip install umap-learn); choose PCA.") from error
    if len(latent) < LEAST_FOR_UMAP:
        raise UserError(f"UMAP needs {LEAST_FOR_UMAP} rows or more; the file has {len(latent)}. Choose PCA.")
    reducer: Any = umap.UMAP(n_neighbors=min(15, len(latent) - 1), random_state=0, n_jobs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its wishes for the next version of scikit-learn
        return np.asarray(reducer.fit_transform(latent))


def _score_colours(model: AnomalyPredictor, scores: np.ndarray, colour: str) -> list[Any]:
    """Verdicts or scores; empty where the colour is to be a column's."""
    if colour == "score":
        return np.round(scores, 3).tolist()
    if colour in ("", "verdict"):
        limit = parse_threshold("", model.calibration.scores, scores, scores)
        return ["anomaly" if score >= limit else "normal" for score in scores]
    return []


def _colours(model: AnomalyPredictor, table: Any, colour: str) -> list[Any]:
    """The cells of a column: as numbers where they are, else its most frequent values and "(other)"."""
    if colour == "label" and "label" not in table.names:
        if not model.label:
            raise UserError("Colour: these weights know no label column; give a column's name.")
        colour = model.label
    cells = [cell or "(missing)" for cell in table.strings(colour)]
    numbers = [_number(cell) for cell in cells]
    filled = [number for number, cell in zip(numbers, cells, strict=True) if cell != "(missing)"]
    if len(set(cells)) > MOST_COLOURS and sum(one is not None for one in filled) >= NUMBERS * len(filled):
        return numbers
    values, counts = np.unique(cells, return_counts=True)
    kept = set(values[np.argsort(-counts, kind="stable")][:MOST_COLOURS])
    return [cell if cell in kept else "(other)" for cell in cells]


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None
