"""The scikit-learn estimator, on real weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from plugins.ae_anomaly.sklearn_estimator import AnomalyAutoencoder
from training.errors import UserError

SAMPLE = Path(__file__).parents[2] / "plugins" / "ae_anomaly" / "starter" / "sample.csv"


def test_it_fits_in_a_pipeline_and_finds_what_breaks_a_rule() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 1))
    normal, odd = np.c_[x, 2 * x, random.normal(size=(400, 1))], random.normal(size=(60, 3)) * [1, 2, 1]
    small = AnomalyAutoencoder("fast", steps=200, latent_size=2)
    pipe = make_pipeline(StandardScaler(), clone(small)).fit(normal[:300])
    rows, labels = np.r_[normal[300:], odd], np.r_[np.zeros(100), np.ones(60)]
    assert (
        roc_auc_score(labels, -pipe.score_samples(rows)) > 0.75
    )  # chance: 0.5; measured 0.84, and some odd rows fall near the rule by luck
    assert set(np.unique(pipe.predict(rows))) == {-1, 1} and pipe.transform(rows).shape == (160, 2)


def test_pretrained_weights_score_a_frame() -> None:
    detector = AnomalyAutoencoder.from_pretrained("hypothyroid")
    frame = pd.read_csv(SAMPLE)
    assert roc_auc_score(frame["is_anomaly"], -detector.score_samples(frame)) > 0.85


def test_an_unknown_preset_is_named() -> None:
    with pytest.raises(UserError, match="preset: 'slow' was given"):
        AnomalyAutoencoder("slow").fit(np.zeros((30, 2)))


@pytest.mark.slow
@pytest.mark.timeout(900)  # on two busy cores
def test_it_passes_the_checks_of_scikit_learn() -> None:
    check_estimator(AnomalyAutoencoder("fast", steps=8, latent_size=2), on_skip=None)
