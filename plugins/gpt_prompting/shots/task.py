"""The few-shot experiment: accuracy, macro F1 and calibration error against the number of demonstrations; nothing is
trained."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plugins.gpt_prompting.models import STARTER
from plugins.gpt_prompting.models.interface import LanguageModel
from plugins.gpt_prompting.models.openai_model import HostedModel
from plugins.gpt_prompting.models.transformers_model import TransformersModel
from plugins.gpt_prompting.prompting.demonstrations import nearest_neighbours, select
from plugins.gpt_prompting.prompting.failures import Failures
from plugins.gpt_prompting.prompting.label_scoring import LabelScorer
from plugins.gpt_prompting.prompting.metrics import classification_metrics, confusion
from plugins.gpt_prompting.prompting.prompts import LABEL, PROMPT_FILE, Row
from plugins.gpt_prompting.shots import card, report
from plugins.gpt_prompting.shots.data import ShotsData
from plugins.gpt_prompting.shots.finetuning_baseline import read_finetuning_results
from plugins.gpt_prompting.shots.report import PROMPT_ARM, RANDOM_LABELS_ARM
from plugins.gpt_prompting.shots.response_cache import CachedResponse, ResponseCache, label_rows, totals
from training.artifact import store
from training.figures import Figure
from training.fit.experiment import Experiment, Fit, Part
from training.hub.push import pushed_files
from training.preflight.sheet import Finding
from training.runs.queue import KEY
from training.settings import HOSTED

if TYPE_CHECKING:
    from plugins.gpt_prompting.shots.settings import ShotsSettings

SHEET_ROWS = 50  # from which the sheet estimates lengths


def build(data: ShotsData, settings: ShotsSettings) -> ShotsExperiment:
    """Lay out the parts.

    Raises:
        UserError: For a run of fine-tuning that cannot be compared.
    """
    return ShotsExperiment(data, settings)


class ShotsExperiment(Experiment):
    """Numbers of demonstrations x seeds x permutations, and once more with random labels in the demonstrations."""

    def __init__(self, data: ShotsData, settings: ShotsSettings):
        self.data, self.settings = data, settings
        run = settings.fine_tuned_run.strip()
        self.fine_tuned = read_finetuning_results(run) if run else []
        is_hosted = settings.model.startswith(HOSTED)
        self.hosted = HostedModel.connect(settings.model, os.environ.pop(KEY, ""), attempts=1) if is_hosted else None
        self.failures = Failures()
        self.folder = None if self.hosted else Path(settings.model or STARTER)
        self.parts = list(self._parts())
        self.facts = {
            "rows evaluated on": len(data.rows),
            "examples selected from": len(data.pool),
            "labels": data.prompt.names,
        }

    def _parts(self) -> Iterator[Part]:
        """One permutation of random labels is enough, and nearest neighbours have an order of their own."""
        settings, rows = self.settings, len(self.data.rows)
        for shots in self.data.counts:
            for seed in range(settings.seeds if shots else 1):
                for permutation in range(settings.permutations if shots > 1 and not self._is_nearest else 1):
                    has_random = settings.random_labels and shots and not permutation
                    for number, arm in enumerate((PROMPT_ARM, RANDOM_LABELS_ARM) if has_random else (PROMPT_ARM,)):
                        about = {"arm": arm, "shots": shots, "seed": seed, "permutation": permutation}
                        yield Part(f"{shots}-{seed}-{permutation}-{number}", {**about, "eval_rows": rows}, rows)

    @cached_property
    def model(self) -> LanguageModel:
        if self.folder:
            return TransformersModel.load(self.folder)
        assert self.hosted
        return self.hosted

    def run(self, part: Part, fit: Fit) -> dict[str, Any]:
        """Label the rows with one selection of demonstrations; hash the parameters before and after."""
        before = self.model.fingerprint()
        cache = ResponseCache(fit.folder)
        scorer = LabelScorer(self.model, self.data.prompt)
        label_rows(scorer, self.data.rows, self._examples(part.about), cache, fit, self.failures)
        return {**self._metrics(cache.responses), "sha256_before": before, "sha256_after": self.model.fingerprint()}

    def _metrics(self, responses: list[CachedResponse]) -> dict[str, Any]:
        """Of the rows that have a response."""
        truth = [row[LABEL] for row in self.data.rows[: len(responses)]]
        predicted = [response.label for response in responses]
        metrics = classification_metrics(truth, predicted, [response.confidence for response in responses])
        return {
            **{name: metrics[name] for name in ("accuracy", "macro_f1", "calibration_error")},
            "confusion": [row[1:] for row in confusion(truth, predicted, self.data.prompt.names)["rows"]],
            **totals(responses),
        }

    def unfinished(self, part: Part, folder: Path) -> dict[str, dict[str, list]]:
        """Table of the rows that have a response."""
        responses = ResponseCache(folder).responses
        return report.unfinished_table({**part.about, **self._metrics(responses)}, len(responses)) if responses else {}

    def _examples(self, about: dict[str, Any]) -> list[list[Row]]:
        """The demonstrations of each row."""
        shots, rows, names = about["shots"], self.data.rows, self.data.prompt.names
        seed = self.settings.seed + 1000 * about["seed"]
        is_random = about["arm"] == RANDOM_LABELS_ARM
        if not shots:
            return [[] for _ in rows]
        if self._is_nearest:
            pool = randomise_labels(self.data.pool, names, seed) if is_random else self.data.pool
            size = max(shots, len(pool) * 4 // 5)  # a part of the pool, or all seeds would select the same
            kept = np.random.default_rng([seed, 41]).permutation(len(pool))[:size].tolist()
            candidates = [pool[index] for index in kept]
            return nearest_neighbours(candidates, self.data.prompt.fields, self.settings.selection, self.model)(
                rows, shots
            )
        selected = select(self.data.pool, shots, self.settings.selection, seed)
        if is_random:
            selected = randomise_labels(selected, names, seed)
        permutation = about["permutation"]
        order = np.random.default_rng([seed, 43, permutation]).permutation(shots) if permutation else range(shots)
        return [[selected[index] for index in order]] * len(rows)

    @property
    def _is_nearest(self) -> bool:
        """Whether every row has demonstrations of its own."""
        return self.settings.selection.startswith("nearest")

    def metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
        """Return mean accuracy at each number of demonstrations, and the largest spread over permutations."""
        return report.metrics(results)

    def figures(self, results: list[dict[str, Any]]) -> list[Figure]:
        return report.figures(results, self.data)

    def tables(self, results: list[dict[str, Any]]) -> dict[str, dict[str, list]]:
        return report.tables(results, self.data, self.fine_tuned, self.hosted)

    def shown(self, results: list[dict[str, Any]]) -> list[dict]:
        return report.panel_items(results, self.data, self.fine_tuned)

    def save(self, folder: Path, about: dict[str, Any]) -> dict[str, Any]:
        """Copy the weights unchanged, so that what was evaluated can be loaded, called and published; of a hosted model
        there are none."""
        if self.hosted:
            about = {**about, "card": {**about["card"], **card.HOSTED}}
        if self.folder:
            _copy(self.folder, folder)
        return store.make_record(self.settings, {**about, "facts": self.facts})

    def finish(self, results: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
        """Save the best prompt and the figure; return what the artifact's record says of them."""
        best = report.best_result(results)
        examples = self._examples(best)[0] if best["shots"] and not self._is_nearest else []
        self.data.prompt.with_examples(examples).save(folder / PROMPT_FILE)
        (folder / report.FIGURE).write_bytes(report.plot_accuracy(results, self.data, self.fine_tuned))
        return {
            "studies": [report.study(results, self.data, self.fine_tuned, self.hosted)],
            "metrics": report.scores_of(best),
            "facts": {
                **self.facts,
                **report.proof(results, self.hosted),
                "evaluated": card.EVALUATED.format(best["shots"]),
            },
        }

    def findings(self) -> list[Finding]:
        counts, settings = ", ".join(map(str, self.data.counts)), self.settings
        title = (
            f"{len(self.parts)} parts: {counts} examples, {settings.seeds} seeds, {settings.permutations} permutations"
        )
        if self.hosted:
            return [Finding("green", title, report.NO_HASH.format(self.hosted.host)), *self._request_findings()]
        detail = "Nothing is trained: the parameters' SHA-256 is taken before and after each part."
        findings = [Finding("green", title, detail)]
        examples = self._examples(self.parts[-1].about)
        prompts = [self.data.prompt.text(row, examples[0]) for row in self.data.rows[:SHEET_ROWS]]
        longest = max(map(self.model.count, prompts))
        if longest > self.model.context:
            title = f"The longest prompt has about {longest:,} tokens; the context is {self.model.context:,}"
            findings.append(
                Finding("amber", title, "Examples that do not fit are dropped from the far end, and counted.")
            )
        return findings

    def _request_findings(self) -> list[Finding]:
        """How many requests a hosted model will get, before the first is sent."""
        assert self.hosted
        rows, count = self.data.rows[:SHEET_ROWS], len(self.data.rows)
        sizes = [
            np.mean(
                [
                    len(self.data.prompt.text(row, shown))
                    for row, shown in zip(rows, self._examples(part.about), strict=False)
                ]
            )
            for part in self.parts
        ]
        thousands = float(np.sum(sizes)) * count / 1000
        requests = f"{len(self.parts) * count:,} requests to {self.hosted.host}"
        advice = "Fewer: eval_rows, seeds, permutations, random_labels."
        findings = [
            Finding(
                "amber",
                f"{requests}, of about {thousands:,.0f} thousand characters in all",
                f"A server may charge for them. {report.LABELS_PARSED} {advice}",
            )
        ]
        if self.data.prompt.calibrate != "none":
            title = f"calibrate: {self.data.prompt.calibrate} is not applied"
            findings.append(Finding("amber", title, "It needs log-likelihoods, which a hosted model does not give."))
        if self.settings.selection == "nearest":
            title = "nearest is replaced by nearest_words"
            findings.append(Finding("amber", title, "A hosted model gives no embeddings of texts."))
        return findings


def randomise_labels(rows: list[Row], names: list[str], seed: int) -> list[Row]:
    """Replace each label by one that is sampled uniformly."""
    random = np.random.default_rng([seed, 47])
    return [{**row, LABEL: names[int(random.integers(len(names)))]} for row in rows]


def _copy(source: Path, folder: Path) -> None:
    """Copy the files that are published of an artifact, without its record, card and figures."""
    for path in pushed_files(source):
        if path.name in (store.RECORD, "README.md") or path.suffix == ".png":
            continue
        target = folder / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(path, target)


def _link(path: Path, target: Path) -> None:
    """Hard-link a file, or copy it if the disk cannot: weights are never written to."""
    try:
        os.link(path.resolve(), target)
    except OSError:
        shutil.copyfile(path, target)
