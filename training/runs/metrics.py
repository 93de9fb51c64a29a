"""Which metric stands for a run, and in which direction it is better."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Errors, distances and codelengths; every other metric of the field is a score.
LOWER = re.compile(
    r"(?<![a-z])(loss|perplexity|bits|nll|errors?|r?mse|mae|[fk]id|[wct]er|divergence|distance|brier|ece)(?![a-z])",
    re.IGNORECASE,
)


def lower_is_better(name: str) -> bool:
    """Whether a metric of that name is an error, going by the words that the field uses for errors."""
    return LOWER.search(name) is not None


def main_metric(metrics: Mapping[str, float | None]) -> dict[str, Any] | None:
    """The first metric that is no loss, else the loss: name, value and whether lower is better; None without any."""
    names = [name for name, value in metrics.items() if value is not None]
    name = next((name for name in names if name not in ("loss", "eval_loss")), next(iter(names), None))
    if name is None:
        return None
    return {"name": name, "value": metrics[name], "lower_is_better": lower_is_better(name)}
