"""PromptBuilder: the tokens of a few-shot prompt, added part by part, each with its loss weight."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from plugins.gpt_prompting.pretrain.corpus import UNLABELLED, Segment


class TokenTemplate(NamedTuple):
    """The tokens around text and label."""

    before_text: np.ndarray  # "Text:"
    before_label: np.ndarray  # "\nLabel:"
    after: np.ndarray  # "\n\n"


class PromptBuilder:
    """Tokens, and the loss weight of each as a target.

    Args:
        start: The token that begins the prompt, if any.
    """

    def __init__(self, start: int | None):
        self.ids: list[np.ndarray] = [] if start is None else [np.asarray([start], dtype=np.int32)]
        self.weights: list[np.ndarray] = [] if start is None else [np.zeros(1, dtype=np.float32)]
        self.length = len(self.ids)

    def __len__(self) -> int:
        return self.length

    def add(self, ids: np.ndarray, weight: float) -> None:
        self.ids.append(ids)
        self.weights.append(np.full(len(ids), weight, dtype=np.float32))
        self.length += len(ids)

    def add_label_list(
        self, labels: list[np.ndarray], around: tuple[np.ndarray, ...], rng: np.random.Generator
    ) -> None:
        """Add "Labels: a, b, c." in random order."""
        before, comma, after = around
        self.add(before, 0)
        for position, label in enumerate(rng.permutation(len(labels))):
            if position:
                self.add(comma, 0)
            self.add(labels[label], 0)
        self.add(after, 0)

    def add_example(
        self, template: TokenTemplate, text: np.ndarray, label: np.ndarray, text_weight: float, label_weight: float
    ) -> None:
        self.add(template.before_text, 0)
        self.add(text, text_weight)
        self.add(template.before_label, 0)
        self.add(label, label_weight)
        self.add(template.after[:1], min(label_weight, 1.0))  # teaches where the label ends
        self.add(template.after[1:], 0)

    def segment(self, room: int) -> Segment:
        """The prompt as a training segment of at most `room` tokens."""
        ids, weights = np.concatenate(self.ids)[: room + 1], np.concatenate(self.weights)[: room + 1]
        return Segment(ids[:-1], np.where(weights > 0, ids, UNLABELLED)[1:].astype(np.int32), weights[1:])
