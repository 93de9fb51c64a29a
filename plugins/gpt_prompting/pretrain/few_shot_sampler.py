"""Few-shot prompts sampled from labelled tasks, in tokens: some classes, some demonstrations of each, every label a
target.

As in MetaICL (Min et al., 2022, arXiv:2110.15943) many tasks are written as prompts. The label of every demonstration
is a target, so one prompt trains all numbers of demonstrations. Labels are often random words, which only the
demonstrations explain (symbol tuning: Wei et al., 2023, arXiv:2305.08298), and classes recur within a prompt
(burstiness: Chan et al., 2022, arXiv:2205.05055).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from plugins.gpt_prompting.models.loading import start_token
from plugins.gpt_prompting.pretrain.corpus import Segment, encode
from plugins.gpt_prompting.pretrain.labelled_tasks import LabelledTask
from plugins.gpt_prompting.pretrain.prompt_builder import PromptBuilder, TokenTemplate

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

DEFAULT_FIELDS = ("Text", "Label")  # "Text: …\nLabel: …\n\n", the template of half of the prompts …
OTHER_FIELDS = (  # … and of the others
    ("Input", "Output"),
    ("Review", "Sentiment"),
    ("Sentence", "Topic"),
    ("Message", "Class"),
    ("Example", "Answer"),
    ("User", "Intent"),
    ("Question", "Answer"),
    ("Item", "Category"),
    ("Comment", "Type"),
    ("Headline", "Kind"),
)
# Probabilities per prompt
DEFAULT_TEMPLATE = 0.5
START_TOKEN = 0.5
LABEL_LIST = 0.3  # the prompt begins with a list of its labels
RANDOM_WORDS = 0.5  # of random labels where label_words is mixed
PERMUTED_LABELS = 0.2  # of the random labels: the task's own labels, permuted
FEW_EXAMPLES = 0.4  # 2 to 8, so that several prompts fit a row
UNEVEN_CLASSES = 0.3  # class frequencies from a Dirichlet distribution
# Probabilities per repeated example
PARTIAL_REPEAT = 0.5
DROPPED_TOKENS = 0.3
MAX_TEXT_SHARE = 0.25  # of a row that one text may take
MIN_WORDS = 20  # for random labels


class TokenTask(NamedTuple):
    """A task in tokens: its labels, with a space before each, and the texts of each label, likewise."""

    name: str
    labels: list[np.ndarray]
    texts: list[list[np.ndarray]]


@dataclass(frozen=True)
class FewShotFormatter:
    """What a tokenizer makes of templates, texts and labels.

    Args:
        templates: The default one first.
        words: Tokens that are a word with a space before it, for random labels, (words,).
        start: The token that begins a text.
        label_list: The tokens before, between and after the labels of a label list.
    """

    tokenizer: PreTrainedTokenizerBase
    templates: tuple[TokenTemplate, ...]
    words: np.ndarray
    start: int
    label_list: tuple[np.ndarray, np.ndarray, np.ndarray]

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> FewShotFormatter:
        templates = tuple(_template(tokenizer, *names) for names in (DEFAULT_FIELDS, *OTHER_FIELDS))
        label_list = (
            _encode_between(tokenizer, "Labels:", first=True),
            _encode_between(tokenizer, ","),
            _encode_between(tokenizer, ".\n\n", after=DEFAULT_FIELDS[0]),
        )
        return cls(tokenizer, templates, _whole_words(tokenizer), start_token(tokenizer), label_list)

    def tokens(self, tasks: Sequence[LabelledTask], max_tokens: int) -> list[TokenTask]:
        """Encode tasks; texts of more than `max_tokens` are left out, or truncated if a class has fewer than two
        shorter ones."""
        return [
            TokenTask(
                task.name,
                self._encode(list(task.classes)),
                [self._short(self._encode(texts), max_tokens) for texts in task.classes.values()],
            )
            for task in tasks
        ]

    def _encode(self, texts: list[str]) -> list[np.ndarray]:
        return [np.asarray(ids, dtype=np.int32) for ids in encode([f" {text}" for text in texts], self.tokenizer)]

    def _short(self, texts: list[np.ndarray], max_tokens: int) -> list[np.ndarray]:
        short = [ids for ids in texts if len(ids) <= max_tokens]
        return short if len(short) >= 2 else [ids[:max_tokens] for ids in texts]


def _template(tokenizer: PreTrainedTokenizerBase, text_field: str, label_field: str) -> TokenTemplate:
    return TokenTemplate(
        _encode_between(tokenizer, f"{text_field}:", first=True),
        _encode_between(tokenizer, f"\n{label_field}:"),
        _encode_between(tokenizer, "\n\n", after=text_field),
    )


def _encode_between(tokenizer: PreTrainedTokenizerBase, text: str, first: bool = False, after: str = "") -> np.ndarray:
    """Encode text as it is tokenized between words, not at the end of a text."""
    around = encode([f"{'' if first else 'x'}{text}{after or ' x'}"], tokenizer)[0]
    left, right = ([] if first else encode(["x"], tokenizer)[0]), encode([after or " x"], tokenizer)[0]
    return np.asarray(around[len(left) : len(around) - len(right)], dtype=np.int32)


def _whole_words(tokenizer: PreTrainedTokenizerBase) -> np.ndarray:
    """Tokens that decode to a space and at least three lower-case ASCII letters; the more frequent two thirds of
    them."""
    texts = tokenizer.batch_decode([[token] for token in range(len(tokenizer))], clean_up_tokenization_spaces=False)
    words = [token for token, text in enumerate(texts) if _is_word(text)]
    if len(words) < MIN_WORDS:  # a tokenizer that decodes without the space, or has few merges
        words = [token for token, text in enumerate(texts) if text.strip().isalnum()]
    return np.asarray(words[: max(MIN_WORDS, 2 * len(words) // 3)], dtype=np.int32)


def _is_word(text: str) -> bool:
    letters = text[1:]
    return text[:1] == " " and letters.isascii() and letters.isalpha() and letters.islower() and len(letters) > 2


@dataclass(frozen=True)
class FewShotOptions:
    """How prompts are sampled; the fields are settings of the same names."""

    label_words: str
    max_classes: int
    repeat_probability: float
    label_loss_weight: float
    text_loss_weight: float


class FewShotSampler:
    """Samples prompts to train on, in rows of `size` tokens."""

    def __init__(self, tasks: list[TokenTask], formatter: FewShotFormatter, options: FewShotOptions, size: int):
        self.tasks, self.formatter, self.options, self.size = tasks, formatter, options, size
        weights = np.asarray([1 + np.log2(len(task.labels)) for task in tasks])
        self.task_probabilities = weights / weights.sum()

    def row(self, rng: np.random.Generator) -> list[Segment]:
        """Sample prompts until the row is full; the last is truncated."""
        segments, room = [], self.size
        while room >= self.size // 4 or not segments:
            segment = self.prompt(room, rng)
            segments.append(segment)
            room -= len(segment.ids)
        return segments

    def prompt(self, room: int, rng: np.random.Generator) -> Segment:
        """Sample one prompt of at most `room` tokens, with its labels as targets and, at a lower weight, its texts.

        The order of the random draws is part of the behaviour: a resumed run repeats it.
        """
        options, formatter = self.options, self.formatter
        task = self.tasks[rng.choice(len(self.tasks), p=self.task_probabilities)]
        count = min(len(task.labels), int(rng.integers(2, options.max_classes + 1)))
        classes = rng.permutation(len(task.labels))[:count]
        is_mixed = options.label_words == "mixed"
        random_labels = options.label_words == "random" or (is_mixed and rng.random() < RANDOM_WORDS)
        labels = self._labels([task.labels[label] for label in classes], random_labels, rng)
        is_default = rng.random() < DEFAULT_TEMPLATE
        template = formatter.templates[0 if is_default else int(rng.integers(1, len(formatter.templates)))]
        has_list = rng.random() < LABEL_LIST
        builder = PromptBuilder(formatter.start if rng.random() < START_TOKEN else None)
        if has_list:
            builder.add_label_list(labels, formatter.label_list, rng)
        max_examples = int(rng.integers(2, 9)) if rng.random() < FEW_EXAMPLES else 10**6
        frequencies = rng.dirichlet(np.ones(count)) if rng.random() < UNEVEN_CLASSES else np.full(count, 1 / count)
        texts = [task.texts[label] for label in classes]
        shown: list[tuple[int, np.ndarray]] = []
        while len(builder) < room and len(shown) < max_examples:
            label, text = self._example(shown, texts, frequencies, rng)
            # A random label cannot be known before its first demonstration: no target.
            is_unknown = random_labels and not has_list and all(other != label for other, _ in shown)
            weight = 0.0 if is_unknown else options.label_loss_weight
            builder.add_example(template, text, labels[label], options.text_loss_weight, weight)
            shown.append((label, text))
        return builder.segment(room)

    def _labels(self, own: list[np.ndarray], random_labels: bool, rng: np.random.Generator) -> list[np.ndarray]:
        if not random_labels:
            return own
        if rng.random() < PERMUTED_LABELS:
            return [own[label] for label in rng.permutation(len(own))]
        return list(rng.choice(self.formatter.words, (len(own), 1), replace=False))

    def _example(
        self,
        shown: list[tuple[int, np.ndarray]],
        texts: list[list[np.ndarray]],
        frequencies: np.ndarray,
        rng: np.random.Generator,
    ) -> tuple[int, np.ndarray]:
        """A class and a text of it: a new one, or an earlier example of this prompt, whole or in part."""
        if shown and rng.random() < self.options.repeat_probability:
            label, text = shown[int(rng.integers(len(shown)))]
            kept = rng.random(len(text)) > (DROPPED_TOKENS if rng.random() < PARTIAL_REPEAT else 0)
            return label, text[kept] if kept.any() else text
        label = int(rng.choice(len(texts), p=frequencies))
        return label, texts[label][int(rng.integers(len(texts[label])))]
