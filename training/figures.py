"""The main figures of an evaluation: what each number means, and whether it beats a baseline on the same data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

TITLE = "Result"  # of the figures' table in a report
COLUMNS = ["figure", "value", "baselines", "meaning", "verdict"]
BEFORE = "before training"
NOT_A_NUMBER = "It is not a number: training went wrong. Lower the learning rate."
ADVICE = "Train longer, or give more data."
LEAST_SHARE = 0.005  # of the baseline: two runs that differ by their seed differ by as much
Z_95 = 1.96  # standard errors in a 95 % interval


@dataclass(frozen=True)
class Baseline:
    """What another predictor reaches on the same held-out rows: "always the most frequent label", 0.52."""

    name: str
    value: float


@dataclass(frozen=True)
class Figure:
    """A number that says how good a run is.

    Args:
        metric: Its key among the metrics of the evaluation.
        name: What a person calls it.
        value: As measured on the held-out rows.
        meaning: What it measures and which way is better, one sentence.
        baselines: Of the same rows; the strongest decides the verdict.
        higher_is_better: Which way is better; None where neither is by itself, and `reading` says what the value means.
        unit: "%" shows a share of 1 in percent, another is written behind the number.
        tolerance: The difference that chance alone explains; a smaller one is no difference.
        reading: The verdict where there is nothing to compare with.
        advice: What to do where it is not better than the baselines.
    """

    metric: str
    name: str
    value: float
    meaning: str
    baselines: tuple[Baseline, ...] = field(default=())
    higher_is_better: bool | None = True
    unit: str = ""
    tolerance: float = 0.0
    reading: str = ""
    advice: str = ADVICE

    def with_baseline(self, name: str, value: float | None) -> Figure:
        """The figure with one baseline more; the same without a value."""
        if value is None:
            return self
        return replace(self, baselines=(*self.baselines, Baseline(name, value)))

    def strongest(self) -> Baseline | None:
        """The best of the baselines that are numbers."""
        known = [baseline for baseline in self.baselines if math.isfinite(baseline.value)]
        if self.higher_is_better is None:
            return None
        choose = max if self.higher_is_better else min
        return choose(known, key=lambda baseline: baseline.value, default=None)

    def is_better(self) -> bool | None:
        """Whether it beats the strongest baseline by more than chance; None where there is nothing to compare with."""
        best = self.strongest()
        if best is None:
            return None
        gain = (self.value - best.value) * (1 if self.higher_is_better else -1)
        return bool(gain > self._least(best))  # never of NaN

    def _least(self, baseline: Baseline) -> float:
        """The smallest difference that counts."""
        return max(self.tolerance, LEAST_SHARE * abs(baseline.value))

    def verdict(self) -> str:
        """The comparison with the strongest baseline in words; without one what `reading` says."""
        best = self.strongest()
        if best is None:
            return self.reading if math.isfinite(self.value) else NOT_A_NUMBER
        difference = abs(self.value - best.value)
        beside = f"{best.name} ({self.shown(best.value)})"
        if self.is_better():
            return f"Better than {beside} by {self.shown(difference, difference=True)}."
        if self.unit == "%" and self.higher_is_better and self.value == best.value == 1:
            return f"As good as {beside}: on these held-out data nothing is left to gain."
        if difference <= self._least(best):
            return f"About as good as {beside}: no difference beyond chance. {self.advice}"
        if not math.isfinite(self.value):
            return NOT_A_NUMBER
        return f"Worse than {beside} by {self.shown(difference, difference=True)}. {self.advice}"

    def shown(self, value: float, difference: bool = False) -> str:
        """A value of this figure as text."""
        if not math.isfinite(value):
            return "not a number"
        if self.unit == "%":
            return f"{100 * value:.1f} {'points' if difference else '%'}"
        digits = 1 if abs(value) >= 100 else 2 if abs(value) >= 10 else 3
        number = f"{value:,.{digits}f}"
        return f"{number} {self.unit}".strip()

    def record(self) -> dict[str, Any]:
        """For an artifact's record, JSON-ready."""
        known = [{"name": each.name, "value": float(each.value)} for each in self.baselines]
        shown = {"shown": self.shown(self.value), "verdict": self.verdict()}
        return {
            **asdict(self),
            "value": float(self.value),
            "baselines": known,
            "tolerance": float(self.tolerance),
            **shown,
        }


def plain(metric: str, value: float, higher_is_better: bool) -> Figure:
    """The figure of a task that says nothing else of its metric."""
    way = "higher" if higher_is_better else "lower"
    name = metric.replace("_", " ").capitalize()
    return Figure(metric, name, value, f"Of rows that were not trained on; {way} is better.", (), higher_is_better)


def share(
    metric: str, name: str, value: float, meaning: str, rows: int, baselines: Sequence[Baseline] = (), **more: Any
) -> Figure:
    """A figure that is a share of 1, such as accuracy or F1, of so many rows.

    Two shares of the same rows differ by chance: the tolerance is half of the 95 % interval of one, which for paired
    predictions is on the careful side.
    """
    spread = max(value * (1 - value), 1 / max(rows, 1) / 4)
    tolerance = Z_95 * math.sqrt(spread / max(rows, 1)) if math.isfinite(value) else 0.0
    return Figure(metric, name, value, meaning, tuple(baselines), unit="%", tolerance=tolerance, **more)


def with_start(figures: Sequence[Figure], start: Mapping[str, float]) -> tuple[Figure, ...]:
    """The figures beside what the same weights measured before training, as far as that is known."""
    return tuple(figure.with_baseline(BEFORE, start.get(figure.metric)) for figure in figures)


def figure_table(figures: Sequence[Figure]) -> dict[str, dict[str, list]]:
    """The report's first table, by its title; nothing without figures."""
    if not figures:
        return {}
    rows = [
        [each.name, each.shown(each.value), baselines_shown(each), each.meaning, each.verdict()] for each in figures
    ]
    return {TITLE: {"columns": list(COLUMNS), "rows": rows, "better": [each.is_better() for each in figures]}}


def baselines_shown(figure: Figure) -> str:
    """The baselines as one text."""
    return "; ".join(f"{baseline.name}: {figure.shown(baseline.value)}" for baseline in figure.baselines)
