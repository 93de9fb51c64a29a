"""Few-shot prompts drawn from labelled tasks: a few classes, some examples of each, the label to be told after every text.

As in MetaICL (Min et al., 2022, arXiv:2110.15943) many tasks are written as prompts; the label of every example is learned, so one
prompt teaches all numbers of examples. Labels are often random words, which only the examples explain (symbol tuning: Wei et al.,
2023, arXiv:2305.08298), and classes recur within a prompt (bursty: Chan et al., 2022, arXiv:2205.05055).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from plugins.gpt_prompting.pretrain.corpus import Segment, encode, start_token
from plugins.gpt_prompting.pretrain.prompt_parts import PromptBuilder, TokenTemplate
from plugins.gpt_prompting.pretrain.tasks import LabelledTask

TEXT, LABEL = "Text", "Label"  # "Text: …\nLabel: …\n\n", the form of half of the prompts …
OTHER_NAMES = (  # … and of the others
    ("Input", "Output"), ("Review", "Sentiment"), ("Sentence", "Topic"), ("Message", "Class"), ("Example", "Answer"),
    ("User", "Intent"), ("Question", "Answer"), ("Item", "Category"), ("Comment", "Type"), ("Headline", "Kind"),
)  # fmt: skip
OWN_FORM = 0.5
WITH_CHOICES = 0.3  # share of the prompts that begin by naming the labels
SWAPPED = 0.2  # share of the prompts with random words whose words are the task's own labels in another order
FEW = 0.4  # share of the prompts with few examples, so that several fit a row
MAX_TEXT_SHARE = 0.25  # of the row that one text may take
DROPPED = 0.3  # of the tokens of a text that is repeated in part


class TokenTask(NamedTuple):
    """A task in tokens: its labels, with a space before, and the texts of each, likewise."""

    name: str
    labels: list[np.ndarray]
    texts: list[list[np.ndarray]]


@dataclass(frozen=True)
class FewShotFormatter:
    """Writes prompts with one tokenizer.

    Args:
        forms: The project's own first.
        words: Tokens that are a word with a space before, for random labels, (words,).
        start: The token that begins a text.
        choices: "Choose", "," and so on: what surrounds the labels where they are named first.
    """

    tokenizer: Any
    forms: tuple[TokenTemplate, ...]
    words: np.ndarray
    start: int
    choices: tuple[np.ndarray, np.ndarray, np.ndarray]

    @classmethod
    def of(cls, tokenizer: Any) -> FewShotFormatter:
        names = ((TEXT, LABEL), *OTHER_NAMES)
        forms = tuple(TokenTemplate(_inner(tokenizer, f"{a}:", first=True), _inner(tokenizer, f"\n{b}:"), _inner(tokenizer, "\n\n", after=a)) for a, b in names)  # fmt: skip
        choices = (_inner(tokenizer, "Labels:", first=True), _inner(tokenizer, ","), _inner(tokenizer, ".\n\n", after=TEXT))  # fmt: skip
        return cls(tokenizer, forms, _whole_words(tokenizer), start_token(tokenizer), choices)

    def tokens(self, tasks: list[LabelledTask], most: int) -> list[TokenTask]:
        """Tasks in tokens; texts of more than `most` tokens are left out unless a class has no shorter ones."""
        found = []
        for task in tasks:
            labels = [np.asarray(ids, dtype=np.int32) for ids in encode([f" {each}" for each in task.classes], self.tokenizer)]  # fmt: skip
            texts = []
            for each in task.classes.values():
                ids = [np.asarray(one, dtype=np.int32) for one in encode([f" {text}" for text in each], self.tokenizer)]
                short = [one for one in ids if len(one) <= most]
                texts.append(short if len(short) >= 2 else [one[:most] for one in ids])
            found.append(TokenTask(task.name, labels, texts))
        return found


def _inner(tokenizer: Any, text: str, first: bool = False, after: str = "") -> np.ndarray:
    """Tokens of what stands between words, as it is cut there and not at the end of a text."""
    around = encode([f"{'' if first else 'x'}{text}{after or ' x'}"], tokenizer)[0]
    left, right = ([] if first else encode(["x"], tokenizer)[0]), encode([after or " x"], tokenizer)[0]
    return np.asarray(around[len(left) : len(around) - len(right)], dtype=np.int32)


def _whole_words(tokenizer: Any) -> np.ndarray:
    """Tokens of a space and at least three small letters, by their decoded text, the more frequent half of them."""
    ids = np.arange(len(tokenizer))
    texts = tokenizer.batch_decode([[each] for each in ids], clean_up_tokenization_spaces=False)
    found = [i for i, text in zip(ids, texts, strict=True) if text[:1] == " " and text[1:].isascii() and text[1:].isalpha() and text[1:].islower() and len(text) > 3]  # fmt: skip
    if len(found) < 20:  # a tokenizer that decodes without the space, or of few merges
        found = [i for i, text in zip(ids, texts, strict=True) if text.strip().isalnum()]
    return np.asarray(found[: max(20, 2 * len(found) // 3)], dtype=np.int32)


@dataclass(frozen=True)
class FewShotOptions:
    """How prompts are drawn; the fields are those of the settings."""

    label_words: str
    most_classes: int
    repeats: float
    label_weight: float
    text_weight: float


class FewShotSampler:
    """Draws prompts to train on."""

    def __init__(self, tasks: list[TokenTask], writer: FewShotFormatter, options: FewShotOptions, size: int):
        self.tasks, self.writer, self.options, self.size = tasks, writer, options, size
        chances = np.asarray([1 + np.log2(len(task.labels)) for task in tasks])
        self.chances = chances / chances.sum()

    def row(self, rng: np.random.Generator) -> list[Segment]:
        """Prompts until the row is full; the last is cut."""
        segments, room = [], self.size
        while room >= self.size // 4 or not segments:
            segment = self.prompt(room, rng)
            segments.append(segment)
            room -= len(segment.ids)
        return segments

    def prompt(self, room: int, rng: np.random.Generator) -> Segment:
        """One prompt of at most `room` tokens, with its labels as targets and, less weighty, its words."""
        options = self.options
        task = self.tasks[rng.choice(len(self.tasks), p=self.chances)]
        count = min(len(task.labels), int(rng.integers(2, options.most_classes + 1)))
        chosen = rng.permutation(len(task.labels))[:count]
        random_words = options.label_words == "random" or (options.label_words == "mixed" and rng.random() < 0.5)
        labels = self._labels([task.labels[each] for each in chosen], random_words, rng)
        form = self.writer.forms[0 if rng.random() < OWN_FORM else int(rng.integers(1, len(self.writer.forms)))]
        named = rng.random() < WITH_CHOICES
        parts = PromptBuilder(self.writer.start if rng.random() < 0.5 else None)
        if named:
            parts.choices(labels, self.writer.choices, rng)
        most = int(rng.integers(2, 9)) if rng.random() < FEW else 10**6
        shares = rng.dirichlet(np.ones(count)) if rng.random() < 0.3 else np.full(count, 1 / count)
        told: list[tuple[int, np.ndarray]] = []
        while len(parts) < room and len(told) < most:
            which, text = self._example(told, [task.texts[each] for each in chosen], shares, rng)
            unheard = random_words and not named and all(other != which for other, _ in told)
            weight = 0.0 if unheard else options.label_weight
            parts.example(form, text, labels[which], options.text_weight, weight)
            told.append((which, text))
        return parts.segment(room)

    def _labels(self, own: list[np.ndarray], random_words: bool, rng: np.random.Generator) -> list[np.ndarray]:
        if not random_words:
            return own
        if rng.random() < SWAPPED:
            return [own[each] for each in rng.permutation(len(own))]
        return list(rng.choice(self.writer.words, (len(own), 1), replace=False))

    def _example(
        self, told: list[tuple[int, np.ndarray]], texts: list[list[np.ndarray]], shares: np.ndarray, rng: np.random.Generator
    ) -> tuple[int, np.ndarray]:  # fmt: skip
        """A class and a text of it: a new one, or now and then an earlier one, whole or in part."""
        if told and rng.random() < self.options.repeats:
            which, text = told[int(rng.integers(len(told)))]
            kept = rng.random(len(text)) > (DROPPED if rng.random() < 0.5 else 0)
            return which, text[kept] if kept.any() else text
        which = int(rng.choice(len(texts), p=shares))
        return which, texts[which][int(rng.integers(len(texts[which])))]
