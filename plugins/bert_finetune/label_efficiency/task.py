"""Compare classifiers from scratch, pre-trained models and TF-IDF on the same label subsets and evaluation rows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.bert_finetune.classify.data import ClassifyData
from plugins.bert_finetune.classify.labelled_texts import LabelledTexts
from plugins.bert_finetune.classify.settings import ClassifySettings
from plugins.bert_finetune.classify.task import build_task as build_classify
from plugins.bert_finetune.label_efficiency import arms
from plugins.bert_finetune.label_efficiency.shares import label_counts, parse_shares
from training.artifact import confidence_intervals
from training.artifact.store import RECORD
from training.data.splits import split_rows
from training.data_url import chart_item
from training.errors import UserError
from training.figures import Baseline, Figure, share
from training.fit.experiment import Experiment, Fit, Part
from training.preflight.sheet import Finding

if TYPE_CHECKING:
    from plugins.bert_finetune.label_efficiency.settings import LabelEfficiencySettings

IMAGE = "label_efficiency.png"
NOT_SHARED = {"shares", "seeds", "own_model", "scratch_learning_rate", "tfidf", "eval_rows"}


def build(data: ClassifyData, settings: LabelEfficiencySettings) -> LabelEfficiency:
    """Plan the training runs.

    Raises:
        UserError: If there are no evaluation rows.
    """
    shared = {name: value for name, value in dict(settings).items() if name not in NOT_SHARED}
    classify = ClassifySettings(**{**shared, "eval_every": settings.steps, "time_limit": 0})
    return LabelEfficiency(data, classify, settings)


class LabelEfficiency(Experiment):
    """One part per arm, number of labels and seed."""

    def __init__(self, data: ClassifyData, classify: ClassifySettings, settings: LabelEfficiencySettings):
        held = _subsample(data.evaluation, settings.eval_rows, settings.seed)
        if not len(held):
            raise UserError("There are no evaluation rows: raise eval_share, or give eval_data.")
        self.data, self.classify, self.settings = replace(data, evaluation=held), classify, settings
        self.counts = label_counts(parse_shares(settings.shares), len(data.train), len(data.label_names))
        self.arms = [
            *([arms.TFIDF] if settings.tfidf else []),
            arms.SCRATCH,
            *([arms.BASE] if settings.model else []),
            *([arms.SECOND] if settings.own_model else []),
        ]
        self.parts = [
            Part(
                f"{number}-{count}-{seed}",
                {"arm": arm, "labels": count, "seed": seed, "eval_rows": len(held)},
                0 if arm == arms.TFIDF else settings.steps,
            )
            for count in self.counts
            for seed in range(settings.seed, settings.seed + settings.seeds)
            for number, arm in enumerate(self.arms)
        ]
        self.facts = {"rows": len(data.train), "eval_rows": len(held), "arms": self.arms}

    def run(self, part: Part, fit: Fit) -> dict[str, float]:
        """Train one arm on one subset; only the last weights are scored, so evaluation rows select nothing."""
        about = part.about
        train = self.data.train.select(arms.nested_subset(self.data.train, about["labels"], about["seed"]))
        if about["arm"] == arms.TFIDF:
            return arms.tfidf_scores(train, self.data.evaluation)
        settings, untrained = self._settings(part), about["arm"] == arms.SCRATCH
        folder = fit(build_classify(replace(self.data, train=train), settings, untrained), settings)
        metrics = json.loads((folder / RECORD).read_text(encoding="utf-8"))["metrics"]
        return {name: metrics[name] for name in ("accuracy", "macro_f1")}

    def _settings(self, part: Part) -> ClassifySettings:
        arm = part.about["arm"]
        model = self.settings.own_model if arm == arms.SECOND else self.settings.model
        learning_rate = self.settings.scratch_learning_rate if arm == arms.SCRATCH else self.settings.learning_rate
        return self.classify.model_copy(
            update={"model": model, "learning_rate": learning_rate, "seed": part.about["seed"]}
        )

    def keeps(self, part: Part) -> bool:
        """Keep the weights of the most pre-trained arm with all labels."""
        return part.about == self.parts[0].about | {"arm": self._main_arm(), "labels": self.counts[-1]}

    def metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
        """Mean accuracy of each arm at the largest number of labels so far."""
        return {_metric_name(record["arm"]): record["mean"] for record in confidence_intervals.summary(results)}

    def tables(self, results: list[dict[str, Any]]) -> dict[str, dict[str, list]]:
        """Accuracy and macro F1, labels by arms."""
        return {
            f"{title} (mean, 95 % interval)": self._table(results, metric)
            for title, metric in (("Accuracy", "accuracy"), ("Macro F1", "macro_f1"))
        }

    def figures(self, results: list[dict[str, Any]]) -> list[Figure]:
        """Accuracy of the most pre-trained arm beside the others, with the fewest labels and with the most."""
        means = {(record["arm"], record["labels"]): record["mean"] for record in confidence_intervals.summary(results)}
        main = self._main_arm()
        done = [count for count in self.counts if all((arm, count) in means for arm in self.arms)]
        return [
            share(
                "accuracy",
                f"Accuracy with {count:,} labels, {main}",
                means[main, count],
                "Right labels among the held-out rows, after training on so few labelled rows.",
                self.facts["eval_rows"],
                [Baseline(arm, means[arm, count]) for arm in self.arms if arm != main],
            )
            for count in dict.fromkeys([*done[:1], *done[-1:]])
        ]

    def _main_arm(self) -> str:
        return next(arm for arm in (arms.SECOND, arms.BASE, arms.SCRATCH) if arm in self.arms)

    def _table(self, results: list[dict[str, Any]], metric: str) -> dict[str, list]:
        gains = confidence_intervals.gains(results, arms.SCRATCH, metric)
        gains = [record for record in gains if record["arm"] != arms.TFIDF]
        return confidence_intervals.table(confidence_intervals.summary(results, metric), gains, arms.SCRATCH)

    def shown(self, results: list[dict[str, Any]]) -> list[dict]:
        chart = confidence_intervals.plot(confidence_intervals.summary(results))
        return [chart_item(chart, "Accuracy against the number of labels, 95 % intervals")]

    def finish(self, results: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
        records = confidence_intervals.summary(results)
        (folder / IMAGE).write_bytes(confidence_intervals.plot(records))
        text = (
            "Accuracy on the same held-out rows after training on fewer labels; mean and 95 % interval over seeds. "
            "Gains are paired by labels and seed."
        )
        study = {
            "title": "Fewer labels",
            "text": text,
            "image": IMAGE,
            "records": records,
            **self._table(results, "accuracy"),
        }
        return {"studies": [study], "facts": {**self.facts, "labels": self.data.label_names}}

    def findings(self) -> list[Finding]:
        grid = f"{len(self.arms)} arms, {len(self.counts)} numbers of labels, {self.settings.seeds} seeds"
        findings = [
            Finding(
                "green",
                f"{len(self.parts)} parts: {grid}",
                f"Labels: {', '.join(f'{count:,}' for count in self.counts)}.",
            )
        ]
        if not self.settings.model:
            title = "No pre-trained weights to compare with"
            findings.append(Finding("amber", title, "Choose model: the pre-trained weights to evaluate."))
        return findings


def _subsample(rows: LabelledTexts, count: int, seed: int) -> LabelledTexts:
    """At most `count` rows, stratified by class."""
    if len(rows) <= count:
        return rows
    _, sampled = split_rows(rows.labels, len(rows), eval_share=count / len(rows), seed=seed)
    return rows.select(sampled.tolist())


def _metric_name(arm: str) -> str:
    return arm.replace(" ", "_").replace("-", "_").lower()
