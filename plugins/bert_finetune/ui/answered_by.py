"""Which weights answered, how good they are, and how to get better ones: a line under the answers of a box."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from plugins.bert_finetune import starter
from training.artifact.store import read_record

ENCODER_MB = 91  # of all-MiniLM-L6-v2


@dataclass(frozen=True)
class Starters:
    """The starters of a box.

    Args:
        small: Always there.
        adapted: Adapters of all-MiniLM-L6-v2, which need that.
        metric: Of held-out rows, in their records.
        called: What a person calls the metric.
        caveat: What the small one is bad at, a sentence.
    """

    small: Path
    adapted: Path
    metric: str
    called: str
    caveat: str

    def answered_by(self, weights: str) -> str:
        """Markdown: the weights that answered; of the small starter, what a better one needs."""
        name = weights.strip() or (*starter.adapters_here(self.adapted), self.small)[0].name
        if name == self.adapted.name:
            return f"Answered by **{name}**: {self._score(self.adapted)}, on rows it was not trained on."
        if name != self.small.name:
            return ""
        text = f"Answered by **{name}**: {self._score(self.small)}, on rows it was not trained on. {self.caveat}"
        return f"{text} {self._better()}"

    def _better(self) -> str:
        better = f"{self.adapted.name} ({self._score(self.adapted)})"
        if starter.adapters_here(self.adapted):
            return f"Better: choose {better}."
        if starter.MINILM:
            return (
                f"Better: {better}. It belongs to another file of {starter.SENTENCES} than the one installed here: "
                "install that again by `make models`."
            )
        return f"Better: {better}, once {starter.SENTENCES} is installed: `make models`, {ENCODER_MB} MB."

    def _score(self, folder: Path) -> str:
        return f"{self.called} {read_record(folder)['metrics'][self.metric]:.2f}"


SENTIMENT = Starters(
    starter.SENTIMENT,
    starter.ADAPTED_SENTIMENT,
    "accuracy",
    "accuracy",
    "It is small, and often misreads a negation such as “not bad at all”.",
)
ENTITIES = Starters(starter.ENTITIES, starter.ADAPTED_ENTITIES, "f1", "F1", "It is small.")
QUESTIONS = Starters(
    starter.QUESTIONS,
    starter.ADAPTED_QUESTIONS,
    "f1",
    "F1",
    "It is very small, and often wrong, or right with words too many.",
)
