"""Fine-tuning baseline: accuracy of an encoder fine-tuned on as many labels, from the run of a label-efficiency
experiment."""

from __future__ import annotations

from typing import Any

from training.artifact import confidence_intervals
from training.errors import UserError
from training.fit.experiment import read_results
from training.runs.registry import Runs

EXPERIMENT = "label_efficiency"
PROMPTED = "prompted"  # how the names of its arms begin that are not fine-tuned


def read_finetuning_results(run_id: str, runs: Runs | None = None) -> list[dict[str, Any]]:
    """Read mean accuracy and interval of the run's best arm.

    Returns:
        One record per number of labels: shots (= labels), arm, mean, low, high, seeds.

    Raises:
        UserError: If it is no such run, or has no result yet.
    """
    run = (runs or Runs()).get(run_id.strip())
    if run.config().get("trainer") != EXPERIMENT:
        raise UserError(f"fine_tuned_run: {run.id} is not a run of {EXPERIMENT}, which compares numbers of labels.")
    records = confidence_intervals.summary(read_results(run.folder))
    records = [record for record in records if not record["arm"].startswith(PROMPTED)]
    if not records:
        raise UserError(f"fine_tuned_run: {run.id} has no result yet.")
    most_labels = max(record["labels"] for record in records)
    candidates = [record for record in records if record["labels"] == most_labels]
    best_arm = max(candidates, key=lambda record: record["mean"])["arm"]
    best = [record for record in records if record["arm"] == best_arm]
    return [{**record, "arm": f"fine-tuned: {best_arm}", "shots": record["labels"]} for record in best]


def describe_crossover(fine_tuned: list[dict[str, Any]], prompted: list[dict[str, Any]]) -> str:
    """Say from how many labels on fine-tuning is better than the best prompt."""
    best = max(prompted, key=lambda record: record["mean"])
    better = sorted(record["labels"] for record in fine_tuned if record["mean"] > best["mean"])
    about = f"{best['mean']:.1%} with {best['shots']} examples in the prompt"
    if better:
        return f"With {better[0]:,} labels or more, fine-tuning wins: the best prompt reaches {about}."
    most_labels = max(record["labels"] for record in fine_tuned)
    return f"Fine-tuning does not reach the best prompt ({about}) with up to {most_labels:,} labels."
