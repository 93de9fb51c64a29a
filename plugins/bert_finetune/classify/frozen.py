"""A classifier of frozen vectors: the encoder stays as it is, and logistic regression on its vectors is the head.

There is no step to train, so it is an `Experiment` of one part that fits the head and scores the held-out rows; the
artifact is that of any classifier.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.artifact.store import make_record
from training.figures import Figure
from training.fit.accelerator import make_accelerator
from training.fit.evaluation import score
from training.fit.experiment import Experiment, Fit, Part
from training.preflight.sheet import Finding
from training.task import Study

if TYPE_CHECKING:
    from plugins.bert_finetune.classify.settings import ClassifySettings
    from plugins.bert_finetune.classify.task import ClassifyTask


class FrozenEncoder(Experiment):
    """A classifier whose head alone is fitted.

    Args:
        task: With `contrastive`, which fits the head on the vectors before each evaluation.
    """

    def __init__(self, task: ClassifyTask, settings: ClassifySettings):
        self.task, self.settings, self.facts = task, settings, {**task.facts, "encoder": "frozen"}
        self.study_title = task.study_title
        self.parts = [Part("head", {"rows": len(task.data.train)}, 0)]
        self.report: dict[str, dict[str, list]] = {}

    def run(self, part: Part, fit: Fit) -> dict[str, float]:
        accelerator = make_accelerator(self.settings, fit.folder)
        model = self.task.model.to(accelerator.device).eval()
        found = score(self.task, model, accelerator, self.settings)
        self.report = found.tables if found else {}
        return found.metrics if found else {}

    def metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
        names = {"part", *(name for part in self.parts for name in part.about)}
        return {name: value for result in results for name, value in result.items() if name not in names}

    def figures(self, results: list[dict[str, Any]]) -> list[Figure]:
        metrics = self.metrics(results)
        return [self.task.figure(metrics)] if metrics else []

    def tables(self, results: list[dict[str, Any]]) -> dict[str, dict[str, list]]:
        return self.report

    def save(self, folder: Path, about: dict[str, Any]) -> dict[str, Any]:
        """Fit the head, if that was before a stop, and write the classifier."""
        self.task.save(self.task.model, folder)
        return make_record(self.settings, {**about, "facts": self.facts})

    def finish(self, results: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
        return {"metrics": self.metrics(results)}

    def study_kept_weights(self, artifact: Path) -> list[Study]:
        return self.task.study_kept_weights(artifact)

    def findings(self) -> list[Finding]:
        title = "The encoder stays as it is: only the head is fitted, by logistic regression"
        return [Finding("green", title, "Steps and learning rate play no part."), *self.task.findings()]
