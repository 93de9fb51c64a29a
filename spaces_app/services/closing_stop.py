"""The last stop of the tour, which asks two families: a classifier beside a language model, on the same text."""

from __future__ import annotations

import random

from plugins._drawing import bars, paragraph, percent_bars, side_by_side
from plugins._tour import Call, Link, Stop, Text
from plugins.bert_finetune import starter
from plugins.bert_finetune.classify.endpoints import Classify
from plugins.gpt_prompting.models import STARTER
from plugins.gpt_prompting.prompting.endpoints import Prompting
from training.errors import UserError

BERT, GPT = "bert_finetune", "gpt_prompting"
LEAST_WORDS = 3
WRITTEN_TOKENS, TEMPERATURE, TOP_P, MIN_P, REPETITION_PENALTY, SEED = 24, 0.6, 1.0, 0.1, 1.2, 1


def two_kinds(call: Call, text: str) -> str:
    """A text and its words in disorder: the classifier's labels, the language model's perplexity and continuation."""
    texts = {"the text": text, "its words in disorder": in_disorder(text)}
    labels = {name: call(BERT, Classify.classify, starter.SENTIMENT.name, each) for name, each in texts.items()}
    perplexities = {name: call(GPT, Prompting.score, STARTER.name, each)["perplexity"] for name, each in texts.items()}
    most = max(perplexities.values())
    sampling = (WRITTEN_TOKENS, TEMPERATURE, 0, TOP_P, MIN_P, REPETITION_PENALTY, [], SEED)
    written = call(GPT, Prompting.generate, STARTER.name, text, *sampling)["text"]
    return paragraph(f"In disorder: {texts['its words in disorder']}", "aside") + side_by_side(
        "<h3>Discriminative: BERT, p(label | text)</h3>"
        + "".join(percent_bars(name.capitalize(), _sorted(each["probabilities"])) for name, each in labels.items()),
        "<h3>Generative: GPT, p(text)</h3>"
        + bars(
            "Perplexity: the lower, the more probable", [(n, v / most, f"{v:,.0f}") for n, v in perplexities.items()]
        )
        + paragraph(f"It can write on: … {written.lstrip(' .')}", "prompt"),
    )


def _sorted(probabilities: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(probabilities.items(), reverse=True)


def in_disorder(text: str) -> str:
    """The words of a text in another order, the same each time.

    Raises:
        UserError: If there are fewer than three different words.
    """
    words = text.split()
    if len(set(words)) < LEAST_WORDS:
        raise UserError("Film review: write three different words or more, since their order is changed.")
    mixed = list(words)
    rng = random.Random(0)
    while mixed == words:
        rng.shuffle(mixed)
    return " ".join(mixed)


CLOSING = Stop(
    "two-kinds",
    "Discriminative beside generative",
    "A discriminative model learns only what tells labels apart, p(label | text). A generative model learns the data "
    "themselves, p(text): it knows what is a likely text, and can write one.",
    "The classifier is just as sure of words in disorder: they hold what it needs, and whether they are a text is "
    "nothing to it. The language model finds them much less probable. But it would need far more weights to name the "
    "sentiment as well as the classifier does.",
    "Is the classifier taken in by praise that is meant badly?",
    ("a film so good that i fell asleep after ten minutes",),
    (Text("Film review", "it is a beautiful and touching story , and i was happy to see it again"),),
    two_kinds,
    (BERT, GPT),
    (Link("Fine-tune a classifier", BERT, "classify", {"sample": "reviews"}), Link("Prompt a language model", GPT)),
    "Ask both",
)
