"""A few-shot prompt that grows example by example: its tokens, and which of them are to be learned."""

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
    """Tokens, and the weight of each as a target."""

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

    def choices(self, labels: list[np.ndarray], around: tuple[np.ndarray, ...], rng: np.random.Generator) -> None:
        self.add(around[0], 0)
        for place, which in enumerate(rng.permutation(len(labels))):
            if place:
                self.add(around[1], 0)
            self.add(labels[which], 0)
        self.add(around[2], 0)

    def example(
        self, form: TokenTemplate, text: np.ndarray, label: np.ndarray, text_weight: float, label_weight: float
    ) -> None:
        self.add(form.before_text, 0)
        self.add(text, text_weight)
        self.add(form.before_label, 0)
        self.add(label, label_weight)
        self.add(form.after[:1], min(label_weight, 1.0))  # that the label ends here
        self.add(form.after[1:], 0)

    def segment(self, room: int) -> Segment:
        ids, weights = np.concatenate(self.ids)[: room + 1], np.concatenate(self.weights)[: room + 1]
        return Segment(ids[:-1], np.where(weights > 0, ids, UNLABELLED)[1:].astype(np.int32), weights[1:])
