"""Compare encoders from scratch and pre-trained, TF-IDF and a prompted GPT on the same labels and held-out rows."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins._prompted import Prompted, kind_to_prompt, load_prompted
from plugins.bert_finetune.classify.auto import choose
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
from training.preflight.auto import count_parameters
from training.preflight.sheet import Finding

if TYPE_CHECKING:
    from plugins.bert_finetune.label_efficiency.settings import LabelEfficiencySettings

IMAGE = "label_efficiency.png"
NOT_SHARED = {"shares", "seeds", "own_model", "scratch_learning_rate", "tfidf", "eval_rows", "contrastive"} | {
    *("prompted_model", "prompted_examples")
}


def build(data: ClassifyData, settings: LabelEfficiencySettings) -> LabelEfficiency:
    """Plan the training runs.

    Raises:
        UserError: If there are no evaluation rows, or what is to be prompted cannot be.
    """
    if settings.prompted_model:
        kind_to_prompt(Path(settings.prompted_model))
        if data.train.pairs is not None:
            raise UserError("prompted_model: prompts hold single texts, and these are pairs. Leave it out.")
    shared = {name: value for name, value in dict(settings).items() if name not in NOT_SHARED}
    classify = ClassifySettings(**{**shared, "eval_every": settings.steps, "time_limit": 0, "contrastive": "off"})
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
            *([arms.CONTRASTIVE] if settings.contrastive == "on" else []),
            *([arms.PROMPTED] if settings.prompted_model else []),
        ]
        self._check_contrastive()
        self.parts = [
            Part(
                f"{number}-{count}-{seed}",
                {"arm": arm, "labels": count, "seed": seed, "eval_rows": len(held)},
                self._steps(arm, count),
            )
            for count in self.counts
            for seed in range(settings.seed, settings.seed + settings.seeds)
            for number, arm in enumerate(self.arms)
        ]
        self.facts = {"rows": len(data.train), "eval_rows": len(held), "arms": self.arms}

    def _check_contrastive(self) -> None:
        if arms.CONTRASTIVE in self.arms and not self._encoder:
            raise UserError("contrastive: it starts from pre-trained weights. Choose model, or set it to off.")
        if arms.CONTRASTIVE in self.arms and self.settings.gradient_accumulation > 1:
            raise UserError("contrastive: it compares the rows of a whole batch. Set gradient_accumulation to 1.")

    def run(self, part: Part, fit: Fit) -> dict[str, float]:
        """Train one arm on one subset; only the last weights are scored, so evaluation rows select nothing."""
        about = part.about
        train = self.data.train.select(arms.nested_subset(self.data.train, about["labels"], about["seed"]))
        if about["arm"] == arms.TFIDF:
            return arms.tfidf_scores(train, self.data.evaluation)
        if about["arm"] == arms.PROMPTED:
            names, examples = self.data.label_names, self.settings.prompted_examples
            return arms.prompted_scores(self._prompted, names, train, self.data.evaluation, examples, about["seed"])
        settings, untrained = self._settings(part), about["arm"] == arms.SCRATCH
        folder = fit(build_classify(replace(self.data, train=train), settings, untrained), settings)
        metrics = json.loads((folder / RECORD).read_text(encoding="utf-8"))["metrics"]
        return {name: metrics[name] for name in ("accuracy", "macro_f1")}

    def _settings(self, part: Part) -> ClassifySettings:
        arm = part.about["arm"]
        changes: dict[str, Any] = {"model": self.settings.model, "seed": part.about["seed"]}
        if arm == arms.SCRATCH:
            changes["learning_rate"] = self.settings.scratch_learning_rate
        if arm == arms.SECOND:
            changes["model"] = self.settings.own_model
        if arm == arms.CONTRASTIVE:
            changes |= self._contrastive(part.about["labels"])
        return self.classify.model_copy(update=changes)

    @property
    def _encoder(self) -> str:
        """The weights of the contrastive arm: those that are the most pre-trained."""
        return self.settings.own_model or self.settings.model

    def _contrastive(self, labels: int) -> dict[str, Any]:
        """Settings of the contrastive arm: what `classify` chooses for so many labels."""
        open_settings = self.classify.model_copy(
            update={"model": self._encoder, "contrastive": "on", "steps": 0, "batch_size": 0, "learning_rate": 0}
        )
        train = self.data.train.select(range(labels))  # only their number matters
        choices = choose(replace(self.data, train=train), open_settings, count_parameters(Path(self._encoder)))
        chosen = {name: choices[name].value for name in ("steps", "batch_size", "learning_rate")}
        return {"model": self._encoder, "contrastive": "on", **chosen, "eval_every": chosen["steps"]}

    def _steps(self, arm: str, labels: int) -> int:
        if arm == arms.CONTRASTIVE:
            return int(self._contrastive(labels)["steps"])
        return 0 if arm in arms.UNTRAINED else self.settings.steps

    @cached_property
    def _prompted(self) -> Prompted:
        return load_prompted(Path(self.settings.prompted_model))

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
        gains = [record for record in gains if record["arm"] not in arms.UNTRAINED]
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
        if arms.PROMPTED in self.arms:
            text += f" The prompted GPT is shown at most {self.settings.prompted_examples} of the labelled rows."
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
    return arm.replace(",", "").replace(" ", "_").replace("-", "_").lower()
