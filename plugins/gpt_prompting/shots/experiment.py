"""Accuracy, macro F1 and calibration error against the number of examples, over draws and orders; nothing is trained."""

from __future__ import annotations

import os
import shutil
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from plugins.gpt_prompting.models.openai_model import connect
from plugins.gpt_prompting.prompting import demonstrations as choosing
from plugins.gpt_prompting.prompting.label_scoring import LabelScorer
from plugins.gpt_prompting.prompting.metrics import classification_metrics, confusion
from plugins.gpt_prompting.prompting.prompts import LABEL, PROMPT_FILE, Row
from plugins.gpt_prompting.shots import report
from plugins.gpt_prompting.shots.data import ShotsData, read
from plugins.gpt_prompting.shots.finetuning_baseline import read_finetuning_results
from plugins.gpt_prompting.shots.response_cache import CachedResponse, ResponseCache, label_rows, totals
from training.artifact import store
from training.errors import UserError
from training.fit.experiment import Experiment, Fit, Part
from training.hub.push import pushed_files
from training.preflight.sheet import Finding
from training.runs.queue import KEY
from training.settings import HOSTED

if TYPE_CHECKING:
    from plugins.gpt_prompting.models.interface import LanguageModel
    from plugins.gpt_prompting.shots.settings import ShotsSettings

PROMPT_ARM, RANDOM_LABELS_ARM = "prompt", "labels shuffled"
EVALUATED = (
    "Of the prompt in this repository, with {} examples: the best of all draws and orders, chosen by these very rows, "
    "which flatters it. The means over the draws are below."
)
HOSTED_SUMMARY = "A prompt with its examples, measured on labelled rows with a hosted model. There are no weights here."
HOSTED_USAGE = """
# prompt.json is the prompt: instruction, template, labels, examples. The studio opens it under Try, Prompt studio.
from huggingface_hub import hf_hub_download

print(open(hf_hub_download("{repo}", "prompt.json")).read())
"""


def build(settings: ShotsSettings) -> ShotsExperiment:
    """Read the data and lay out the parts.

    Raises:
        UserError: For data that cannot be used, or without a model.
    """
    if settings.processes > 1:
        raise UserError("processes: the parts of this experiment run one after the other in one process.")
    return ShotsExperiment(read(settings), settings)


class ShotsExperiment(Experiment):
    """Numbers of examples by draws by orders, and once more with the examples' labels shuffled."""

    def __init__(self, data: ShotsData, settings: ShotsSettings):
        self.data, self.settings = data, settings
        self.fine_tuned = read_finetuning_results(settings.fine_tuned_run) if settings.fine_tuned_run.strip() else []
        self.hosted = connect(settings.model, os.environ.pop(KEY, "")) if settings.model.startswith(HOSTED) else None
        self.folder = None if self.hosted else _weights_of(settings)
        self.parts = [
            Part(f"{count}-{draw}-{order}-{number}", {"arm": arm, "shots": count, "draw": draw, "order": order, "eval_rows": len(data.rows)}, len(data.rows))
            for count in data.counts
            for draw in range(settings.draws if count else 1)
            for order in range(settings.orders if count > 1 and not self._is_nearest else 1)
            for number, arm in enumerate((PROMPT_ARM, RANDOM_LABELS_ARM) if settings.shuffled_labels and count and not order else (PROMPT_ARM,))
        ]  # fmt: skip
        self.facts = {"rows measured on": len(data.rows), "examples from": len(data.pool), "labels": data.prompt.names}

    @cached_property
    def model(self) -> LanguageModel:
        if self.folder is None:
            assert self.hosted
            return self.hosted
        from plugins.gpt_prompting.models.transformers_model import TransformersModel

        return TransformersModel.load(self.folder)

    def run(self, part: Part, fit: Fit) -> dict[str, Any]:
        """Label the rows with one draw of examples; `fit` is not called, and the parameters' hash before and after is kept."""
        about = part.about
        before = self.model.fingerprint()
        answers = ResponseCache(fit.folder)
        label_rows(LabelScorer(self.model, self.data.prompt), self.data.rows, self._examples(about), answers, fit)
        return {**self._measured(answers.all), "sha256_before": before, "sha256_after": self.model.fingerprint()}

    def _measured(self, answers: list[CachedResponse]) -> dict[str, Any]:
        """Of the rows that have an answer."""
        truth, said = [row[LABEL] for row in self.data.rows[: len(answers)]], [answer.label for answer in answers]
        found = classification_metrics(truth, said, [answer.sure for answer in answers])
        return {
            **{name: found[name] for name in ("accuracy", "macro_f1", "calibration_error")},
            "confusion": [row[1:] for row in confusion(truth, said, self.data.prompt.names)["rows"]],
            **totals(answers),
        }

    def unfinished(self, part: Part, folder: Path) -> dict[str, dict[str, list]]:
        """What the rows that were answered say."""
        answers = ResponseCache(folder).all
        return report.unfinished_table({**part.about, **self._measured(answers)}, len(answers)) if answers else {}

    def _examples(self, about: dict[str, Any]) -> list[list[Row]]:
        """Those of each row."""
        count, draw, rows = about["shots"], about["draw"], self.data.rows
        seed = self.settings.seed + 1000 * draw
        pool = self._shuffled(seed) if about["arm"] == RANDOM_LABELS_ARM else self.data.pool
        if not count:
            return [[] for _ in rows]
        if self._is_nearest:
            some = np.random.default_rng([seed, 41]).permutation(len(pool))[: max(count, len(pool) * 4 // 5)]
            near = [pool[at] for at in some.tolist()]
            return choosing.nearest_neighbours(near, self.data.prompt.fields, self.settings.choice, self.model)(
                rows, count
            )
        chosen = choosing.select(self.data.pool, count, self.settings.choice, seed)
        if about["arm"] == RANDOM_LABELS_ARM:
            chosen = randomise_labels(chosen, self.data.prompt.names, seed)
        order = np.random.default_rng([seed, 43, about["order"]]).permutation(count) if about["order"] else range(count)
        return [[chosen[at] for at in order]] * len(rows)

    @property
    def _is_nearest(self) -> bool:
        """Whether every row has examples of its own."""
        return self.settings.choice.startswith("nearest")

    def _shuffled(self, seed: int) -> list[Row]:
        return randomise_labels(self.data.pool, self.data.prompt.names, seed)

    def metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
        """Mean accuracy at each number of examples, and how far the orders of one draw lie apart."""
        return report.metrics(results)

    def tables(self, results: list[dict[str, Any]]) -> dict[str, dict[str, list]]:
        return report.tables(results, self.data, self.fine_tuned, self.hosted)

    def shown(self, results: list[dict[str, Any]]) -> list[dict]:
        return report.panel_items(results, self.data, self.fine_tuned)

    def save(self, folder: Path, about: dict[str, Any]) -> dict[str, Any]:
        """The weights as they were, and the prompt beside them: what was measured can be loaded, called and published. Of a hosted model the prompt alone."""
        if self.hosted:
            about = {
                **about,
                "card": {**about["card"], "library_name": "", "summary": HOSTED_SUMMARY, "usage": HOSTED_USAGE},
            }
        if self.folder:
            _copy(self.folder, folder)
        return store.make_record(self.settings, {**about, "facts": self.facts})

    def finish(self, results: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
        best = report.best_examples(results)
        examples = self._examples(best)[0] if best["shots"] and not self._is_nearest else []
        self.data.prompt.with_examples(examples).save(folder / PROMPT_FILE)
        (folder / report.FIGURE).write_bytes(report.plot_accuracy(results, self.data, self.fine_tuned))
        return {
            "studies": [report.study(results, self.data, self.fine_tuned, self.hosted)],
            "metrics": report.scores_of(best),
            "facts": {**self.facts, **report.proof(results, self.hosted), "evaluated": EVALUATED.format(best["shots"])},
        }

    def findings(self) -> list[Finding]:
        words = f"{len(self.parts)} parts: examples {', '.join(map(str, self.data.counts))}; {self.settings.draws} draws, {self.settings.orders} orders"
        if self.hosted:
            return [Finding("green", words, report.NO_HASH.format(self.hosted.host)), *self._questions()]
        found = [
            Finding("green", words, "Nothing is trained: the parameters' SHA-256 is taken before and after each part.")
        ]
        prompts = [self.data.prompt.text(row, self._examples(self.parts[-1].about)[0]) for row in self.data.rows[:50]]
        longest = max(map(self.model.count, prompts))
        if longest > self.model.context:
            text = f"The longest prompt has about {longest:,} tokens; the model reads {self.model.context:,}"
            found.append(Finding("amber", text, "Examples that do not fit are dropped from the far end, and counted."))
        return found

    def _questions(self) -> list[Finding]:
        """What a hosted model will be asked, before it costs anything."""
        assert self.hosted
        rows = self.data.rows[:50]
        sizes = [np.mean([len(self.data.prompt.text(row, shown)) for row, shown in zip(rows, self._examples(part.about), strict=False)]) for part in self.parts]  # fmt: skip
        asked, letters = len(self.parts) * len(self.data.rows), float(np.sum(sizes)) * len(self.data.rows)
        title = (
            f"{asked:,} questions to {self.hosted.host}, of about {letters / 1000:,.0f} thousand characters together"
        )
        detail = (
            f"A server may charge for them. {report.LABELS_PARSED} Fewer: eval_rows, draws, orders, shuffled_labels."
        )
        calibrated = Finding("amber", f"calibrate: {self.data.prompt.calibrate} is not applied", "It needs log-likelihoods, which a hosted model does not give.")  # fmt: skip
        by_words = Finding(
            "amber", "nearest is taken by words (nearest_words)", "A hosted model gives no vectors of texts."
        )
        return [
            Finding("amber", title, detail),
            *([calibrated] if self.data.prompt.calibrate != "none" else []),
            *([by_words] if self.settings.choice == "nearest" else []),
        ]


def randomise_labels(rows: list[Row], names: list[str], seed: int) -> list[Row]:
    """The same texts with labels drawn at random, which only chance makes right."""
    random = np.random.default_rng([seed, 47])
    return [{**row, LABEL: names[int(random.integers(len(names)))]} for row in rows]


def _weights_of(settings: ShotsSettings) -> Path:
    if settings.model:
        return Path(settings.model)
    from plugins.gpt_prompting import PLUGIN

    if not PLUGIN.starters:
        raise UserError("model: choose the model to prompt; this plugin ships no starter.")
    return next(iter(PLUGIN.starters.values()))


def _copy(weights: Path, folder: Path) -> None:
    """All that is published of weights but what was said of them."""
    for path in pushed_files(weights):
        if path.name in (store.RECORD, "README.md") or path.suffix == ".png":
            continue
        target = folder / path.relative_to(weights)
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(path, target)


def _link(path: Path, target: Path) -> None:
    """A second name for the same bytes, where the disk allows it: weights are never written to."""
    try:
        os.link(path.resolve(), target)
    except OSError:
        shutil.copyfile(path, target)
