"""What fine-tuning an encoder on as many labels scored, out of the folder of a run that measured it."""

from __future__ import annotations

from typing import Any

from training.artifact import confidence_intervals
from training.errors import UserError
from training.fit.experiment import read_results
from training.runs.run import Runs

TRAINER = "label_efficiency"


def read_finetuning_results(run_id: str, runs: Runs | None = None) -> list[dict[str, Any]]:
    """Mean accuracy and interval of the run's best start, a record a number of labels: shots, mean, low, high, seeds.

    Raises:
        UserError: If it is no such run, or has no result yet.
    """
    run = (runs or Runs()).get(run_id.strip())
    if run.config().get("trainer") != TRAINER:
        raise UserError(f"fine_tuned_run: {run.id} is no run of {TRAINER}, which compares numbers of labels.")
    records = confidence_intervals.summary(read_results(run.folder))
    if not records:
        raise UserError(f"fine_tuned_run: {run.id} has no result yet.")
    most = max(record["labels"] for record in records)
    best = max((record for record in records if record["labels"] == most), key=lambda record: record["mean"])["arm"]
    chosen = [record for record in records if record["arm"] == best]
    return [{**record, "arm": f"fine-tuned: {best}", "shots": record["labels"]} for record in chosen]


def crossover(fine_tuned: list[dict[str, Any]], prompted: list[dict[str, Any]]) -> str:
    """With how many labels fine-tuning overtakes the best prompt, in words."""
    best = max(prompted, key=lambda record: record["mean"])
    over = sorted(record["labels"] for record in fine_tuned if record["mean"] > best["mean"])
    about = f"{best['mean']:.1%} with {best['shots']} examples in the prompt"
    if not over:
        return f"Fine-tuning does not reach the best prompt ({about}) with the {max(r['labels'] for r in fine_tuned):,} labels that were tried."
    return f"With {over[0]:,} labels or more, fine-tuning wins: the best prompt reaches {about}."
