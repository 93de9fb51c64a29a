"""How similar a text is to each label's examples, by the model's embeddings and by TF-IDF over words.

A small language model reads from its prompt what the labels are, but copies the label of a similar example less often
than similarity itself would. Adding the two is kNN-Prompt (Shi et al., 2022, arXiv:2205.13792): p(label) is
proportional to p_LM(label) times a term of the nearest examples. Here that term is the exponential of the mean cosine
to the label's examples, in place of a softmax over a datastore, since there are only a few examples of each label.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from plugins.gpt_prompting.models.interface import LanguageModel
from plugins.gpt_prompting.prompting.prompts import LABEL, Row

# Nats for a cosine of 1, chosen on tasks that the starter was trained on:
# docs/experiments/gpt_prompting.md#what-fails-in-context
EMBEDDING_WEIGHT, WORDS_WEIGHT = 5.0, 15.0
TOKENS = r"\w+|[^\w\s]"  # words, and punctuation marks and emoji one by one


class ExampleSimilarity:
    """Scores the labels of rows by their examples; the embedding of an example is computed once.

    Args:
        fields: Variables of a row, whose values are its text.
        labels: In the order of the scores.
    """

    def __init__(self, model: LanguageModel, fields: Sequence[str], labels: Sequence[str]):
        self.model, self.fields, self.labels = model, fields, labels
        self._embedded: dict[str, np.ndarray] = {}

    def __call__(self, row: Row, examples: Sequence[Row]) -> np.ndarray:
        """Return what to add to the labels' log-likelihoods in nats, (labels,); a label without an example gets the
        mean of the others."""
        if not examples:
            return np.zeros(len(self.labels))
        text, texts = self._text(row), [self._text(example) for example in examples]
        weighted = EMBEDDING_WEIGHT * self._embedding_cosines(text, texts) + WORDS_WEIGHT * _word_cosines(text, texts)
        owners = np.asarray([self.labels.index(example[LABEL]) for example in examples])
        counts = np.bincount(owners, minlength=len(self.labels))
        means = np.bincount(owners, weighted, len(self.labels)) / np.maximum(counts, 1)
        return np.where(counts > 0, means, means[counts > 0].mean())

    def _embedding_cosines(self, text: str, texts: Sequence[str]) -> np.ndarray:
        """Of embeddings centred at the examples' mean, (examples,); 0 where there is a single example."""
        for new in dict.fromkeys(each for each in texts if each not in self._embedded):
            self._embedded[new] = self.model.embed([new])[0]
        examples, query = np.stack([self._embedded[each] for each in texts]), self.model.embed([text])[0]
        centre = examples.mean(0)
        return _unit(examples - centre) @ _unit(query - centre)

    def _text(self, row: Row) -> str:
        return " ".join(str(row[name]) for name in self.fields)


def _word_cosines(text: str, texts: Sequence[str]) -> np.ndarray:
    """Of TF-IDF over the words of the examples, (examples,)."""
    if not any(each.strip() for each in texts):
        return np.zeros(len(texts))
    words = TfidfVectorizer(sublinear_tf=True, token_pattern=TOKENS)
    examples = words.fit_transform(texts)
    return (examples @ words.transform([text]).T).toarray()[:, 0]  # type: ignore[union-attr]


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)
