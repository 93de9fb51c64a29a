"""Plot the learning curves of a run, for its model card."""

from __future__ import annotations

from pathlib import Path

from training.data_url import figure_png
from training.thinned_events import read_thinned

DECAY = 0.9  # of the running mean of the training loss
MAX_POINTS = 2000  # of the training loss
Curve = tuple[list[int], list[float]]


def plot(events: Path) -> bytes | None:
    """Plot training loss, evaluation loss and other metrics over steps as PNG; None if nothing was evaluated."""
    losses, scores = _curves(events)
    others = {name: curve for name, curve in scores.items() if name != "loss"}
    if not losses[0] or not scores:
        return None
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 2.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    thin = max(1, len(losses[0]) // MAX_POINTS)
    left.plot(losses[0][::thin], losses[1][::thin], color="#99d5cf", linewidth=0.8, label="training, per step")
    left.plot(losses[0][::thin], _running_mean(losses[1])[::thin], color="#0f766e", label="training, running mean")
    if "loss" in scores:
        left.plot(*scores["loss"], "o-", color="#b45309", markersize=3, label="evaluation")
    left.set(xlabel="step", ylabel="loss")
    for name, curve in others.items():
        right.plot(*curve, "o-", markersize=3, label=name)
    right.set(xlabel="step", ylabel="evaluation")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=8)
    return figure_png(figure, dpi=100)


def _curves(events: Path) -> tuple[Curve, dict[str, Curve]]:
    """Return the last value of each step: values computed again after a resume replace earlier ones."""
    losses: dict[int, float] = {}
    scores: dict[str, dict[int, float]] = {}
    for event in read_thinned(events)[0]:
        if event["event"] == "step" and event["loss"] is not None:
            losses[event["step"]] = event["loss"]
        elif event["event"] == "eval":
            for name, value in event["metrics"].items():
                if value is not None:
                    scores.setdefault(name, {})[event["step"]] = value
    return _sorted(losses), {name: _sorted(curve) for name, curve in scores.items()}


def _sorted(curve: dict[int, float]) -> Curve:
    steps = sorted(curve)
    return steps, [curve[step] for step in steps]


def _running_mean(values: list[float]) -> list[float]:
    """Exponential running mean with bias correction (Kingma & Ba, 2015, §3)."""
    mean, out = 0.0, []
    for number, value in enumerate(values, 1):
        mean = DECAY * mean + (1 - DECAY) * value
        out.append(mean / (1 - DECAY**number))
    return out
