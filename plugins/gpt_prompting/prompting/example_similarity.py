"""How similar a text is to each label's examples and words, by embeddings and by TF-IDF over words.

A small language model reads from its prompt what the labels are, but copies the label of a similar example less often
than similarity itself would. Adding the two is kNN-Prompt (Shi et al., 2022, arXiv:2205.13792): p(label) is
proportional to p_LM(label) times a term of the nearest examples. Here that term is the exponential of the mean cosine
to the label's examples, in place of a softmax over a datastore, since there are only a few examples of each label.

Weights with vectors of words (see `word_vectors`) compare by these; then the words of a label count as well, with no
example, too. Others compare examples by the mean of their last hidden states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from plugins.gpt_prompting.models.interface import LanguageModel
from plugins.gpt_prompting.prompting.prompts import LABEL, Row

# Nats for a cosine of 1, chosen on tasks that the starter was trained on:
# docs/experiments/gpt_prompting.md#what-fails-in-context and #vectors-of-words
HIDDEN_WEIGHT, WORDS_WEIGHT = 5.0, 15.0
VECTORS_WEIGHT, LABEL_WEIGHT = 15.0, 15.0
TOKENS = r"\w+|[^\w\s]"  # words, and punctuation marks and emoji one by one


class ExampleSimilarity:
    """Scores the labels of rows by their examples; the embedding of an example is computed once.

    Args:
        fields: Variables of a row, whose values are its text.
        words: Label -> the words that stand for it in the prompt, in the order of the scores.
    """

    def __init__(self, model: LanguageModel, fields: Sequence[str], words: Mapping[str, str]):
        self.fields, self.labels, vectors = fields, list(words), model.word_vectors
        self.embed, self.weight = (vectors.embed, VECTORS_WEIGHT) if vectors else (model.embed, HIDDEN_WEIGHT)
        self._named = _unit(self.embed(list(words.values()))) if vectors else np.zeros((len(words), 0))
        self._embedded: dict[str, np.ndarray] = {}

    def __call__(self, row: Row, examples: Sequence[Row]) -> np.ndarray:
        """Return what to add to the labels' log-likelihoods in nats, (labels,)."""
        text = self._text(row)
        scores = LABEL_WEIGHT * self._label_cosines(text)
        return scores + self._of_examples(text, examples) if examples else scores

    def _of_examples(self, text: str, examples: Sequence[Row]) -> np.ndarray:
        """The mean over each label's examples, (labels,); a label without one gets the mean of the others."""
        texts = [self._text(example) for example in examples]
        weighted = self.weight * self._embedding_cosines(text, texts) + WORDS_WEIGHT * _word_cosines(text, texts)
        owners = np.asarray([self.labels.index(example[LABEL]) for example in examples])
        counts = np.bincount(owners, minlength=len(self.labels))
        return _filled(np.bincount(owners, weighted, len(self.labels)) / np.maximum(counts, 1), counts > 0)

    def _label_cosines(self, text: str) -> np.ndarray:
        """Of a text and the words of each label, (labels,); a label without a known word gets the mean of the
        others."""
        known = np.asarray(self._named.any(1))
        return _filled(self._named @ _unit(self.embed([text])[0]), known) if known.any() else np.zeros(len(known))

    def _embedding_cosines(self, text: str, texts: Sequence[str]) -> np.ndarray:
        """Of embeddings centred at the examples' mean, (examples,); 0 where there is a single example."""
        for new in dict.fromkeys(each for each in texts if each not in self._embedded):
            self._embedded[new] = self.embed([new])[0]
        examples, query = np.stack([self._embedded[each] for each in texts]), self.embed([text])[0]
        centre = examples.mean(0)
        return _unit(examples - centre) @ _unit(query - centre)

    def _text(self, row: Row) -> str:
        return " ".join(str(row[name]) for name in self.fields)


def _filled(scores: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Scores of labels, (labels,), with the mean of the known ones in place of the others."""
    return np.where(known, scores, scores[known].mean())


def _word_cosines(text: str, texts: Sequence[str]) -> np.ndarray:
    """Of TF-IDF over the words of the examples, (examples,)."""
    if not any(each.strip() for each in texts):
        return np.zeros(len(texts))
    words = TfidfVectorizer(sublinear_tf=True, token_pattern=TOKENS)
    examples = words.fit_transform(texts)
    return (examples @ words.transform([text]).T).toarray()[:, 0]  # type: ignore[union-attr]


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)
