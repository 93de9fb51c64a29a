"""Invert the encoding of numbers and dates: from scaled values to text in the column's own unit."""

from __future__ import annotations

import numpy as np

from training.data.tabular.features import NumberFeature

SHOWN_DIGITS = 6
FIRST_DAY, LAST_DAY = -700_000, 2_900_000  # about the years 53 and 9909


def spelled_number(feature: NumberFeature, scaled: float) -> str:
    """Return the value of a scaled number with six digits; a date if the feature is a day."""
    value = float(feature.scaler.restored(np.asarray([scaled]))[0])
    if feature.part != "day":
        return f"{value:.{SHOWN_DIGITS}g}"
    return str(np.datetime64(int(np.clip(np.round(value), FIRST_DAY, LAST_DAY)), "D"))
