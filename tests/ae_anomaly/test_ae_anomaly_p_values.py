"""Conformal p-values (Bates et al., 2023, eq. 2): the rank among clean rows, never 0, valid at every level."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from plugins.ae_anomaly.detector.calibration import Calibration

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
