"""Sampling defaults of the page, the API and MCP, chosen by `benchmarks/sampling_defaults.py`."""

from __future__ import annotations

import secrets

TEMPERATURE = 0.6
MIN_P = 0.1
REPETITION_PENALTY = 1.2
DRAWN_SEED = -1  # in place of a seed: draw one
MAX_DRAWN = 2**31  # that hosted models take, too


def seed_of(seed: int) -> int:
    """The seed, or a new one for `DRAWN_SEED`."""
    return secrets.randbelow(MAX_DRAWN) if seed == DRAWN_SEED else seed
