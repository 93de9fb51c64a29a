"""Conformal p-values (Bates et al., 2023, eq. 2): the rank among clean rows, never 0, valid at every level."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from plugins.ae_anomaly.detector.calibration import Calibration
from plugins.ae_anomaly.detector.row_errors import RowErrors
from plugins.ae_anomaly.sklearn_estimator import AnomalyAutoencoder

# Few values, so that there are ties; a new row may be above, below or equal to all clean ones.
scores = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=30)


def p_values(clean: list[float], new: list[float]) -> np.ndarray:
    nothing = np.zeros(1)
    return Calibration(nothing, nothing, nothing, np.sort(clean), np.zeros((1, 1))).p_values(np.asarray(new))


@given(scores, scores)
def test_p_value_is_the_rank_among_the_clean_rows(clean: list[float], new: list[float]) -> None:
    expected = [(1 + sum(each >= score for each in clean)) / (1 + len(clean)) for score in new]
    assert p_values(clean, new).tolist() == expected


@given(scores)
def test_p_value_is_never_0(clean: list[float]) -> None:
    assert p_values(clean, [1e9]).tolist() == [1 / (1 + len(clean))]
    assert p_values(clean, [-1e9]).tolist() == [1.0]


@given(scores.filter(lambda rows: len(rows) > 1), st.integers(1, 20))
def test_p_values_of_exchangeable_rows_are_super_uniform(rows: list[float], percent: int) -> None:
    """Any of n + 1 exchangeable rows may be the new one: at most a share `level` of them has p <= level."""
    level = percent / 20
    called = [p_values(rows[:at] + rows[at + 1 :], [row])[0] <= level for at, row in enumerate(rows)]
    assert sum(called) <= level * len(rows) + 1e-9


def flags(rows: int, seed: int, broken: float = 0.0) -> pd.DataFrame:
    """Eight two-valued columns that are copies of two hidden ones, one in twenty wrong; `broken` of the rows random."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, 2, (rows, 2)).repeat(4, 1) ^ (rng.random((rows, 8)) < 0.05)
    random = rng.random(rows) < broken
    cells[random] = rng.integers(0, 2, (int(random.sum()), 8))
    return pd.DataFrame(np.where(cells, "yes", "no"), columns=pd.Index([f"flag {place}" for place in range(8)]))


@pytest.fixture(scope="module")
def of_flags() -> AnomalyAutoencoder:
    return AnomalyAutoencoder(settings={"steps": 150}).fit(flags(1500, 0))


def test_a_table_of_categories_alone_is_scored_by_the_tails_of_its_columns(of_flags: AnomalyAutoencoder) -> None:
    inner = of_flags.detector_
    assert inner.calibration.by_tails
    fresh, odd = (-of_flags.score_samples(flags(1000, seed, share)) for seed, share in ((1, 0), (2, 1)))
    p_values = inner.calibration.p_values(fresh)
    for level in (0.05, 0.1, 0.3):  # of a tie all rows are called or none: there may be fewer
        assert (p_values <= level).mean() <= level + 0.05
    assert roc_auc_score(np.arange(2000) >= 1000, np.concatenate([fresh, odd])) > 0.85


def test_weights_of_before_score_as_before(of_flags: AnomalyAutoencoder) -> None:
    inner = of_flags.detector_
    before = replace(inner.calibration, by_tails=False)
    found = inner.probe(inner.encoder.encode(of_flags._table(flags(50, 3))))
    wanted = ((found.parts - before.mean) / before.scale) @ before.weights
    assert np.allclose(before.score(found), wanted) and not np.allclose(inner.calibration.score(found), wanted)


@given(st.integers(2, 12), st.integers(1, 3), st.integers(0, 99))
def test_a_clean_row_surprises_as_one_that_the_others_are_compared_with(rows: int, columns: int, seed: int) -> None:
    errors = np.random.default_rng(seed).integers(0, 4, (rows, columns)).astype(float)
    whole = Calibration.of(RowErrors(errors, errors, errors), np.ones(columns))
    found = whole.column_surprise(RowErrors(errors, errors, errors), among=True)
    for row in range(rows):
        others, one = np.delete(errors, row, 0), errors[row : row + 1]
        wanted = -np.log((1 + (others >= one).sum(0)) / rows)
        inside = one[0] <= others.max(0)
        assert np.allclose(found[row][inside], wanted[inside])
        assert (found[row][~inside] > np.log(rows) - 1e-9).all()
