"""BERT's stops of the guided tour, and its live picture on Home. No torch here: the starters answer."""

from __future__ import annotations

from typing import Any

from plugins._drawing import curves, paragraph, percent_bars, side_by_side, table
from plugins._tour import Call, Choice, Link, Range, Stop, Text
from plugins.bert_finetune import starter
from plugins.bert_finetune.pretrain.endpoints import FillMask
from training.wording import spell_seconds

BERT, ENCODER = "bert_finetune", starter.ENCODER.name
SOURCE = (
    "Measured with this app on 27 November 2026 (docs/experiments/bert_finetune.md, “The starter as it ships”): means "
    "of 4 to 16 draws of the labels. These tasks were in view while the starter was developed: others may gain less."
)
SCRATCH, PRETRAINED, WORDS = "network from scratch", "pre-trained, then fine-tuned", "TF-IDF, no network"
# Task -> labels -> accuracy from scratch, of the starter, of logistic regression on TF-IDF.
MEASURED = {
    "Intents of bank customers (77)": {
        90: (0.164, 0.274, 0.234),
        306: (0.346, 0.546, 0.473),
        999: (0.314, 0.726, 0.687),
    },
    "Topics of news (4)": {20: (0.318, 0.475, 0.417), 100: (0.487, 0.637, 0.607), 1000: (0.567, 0.769, 0.791)},
    "Sentiment of film reviews (2)": {
        21: (0.510, 0.540, 0.530),
        104: (0.579, 0.610, 0.584),
        311: (0.634, 0.668, 0.650),
        1003: (0.703, 0.732, 0.711),
    },
}  # fmt: skip
TASKS = tuple(MEASURED)
MASKED = "The president of the United [MASK] lives in Washington."


def labels(call: Call, task: str, seconds: float) -> str:
    """The measured accuracy without pre-training over the number of labels, and what those labels cost."""
    measured = MEASURED[task]
    few, most = min(measured), max(measured)
    verdict = (
        f"{few:,} labels take {spell_seconds(few * seconds)}, and a network from scratch is right "
        f"{measured[few][0]:.1%} of the time; {most:,} labels take {spell_seconds(most * seconds)}, and it is right "
        f"{measured[most][0]:.1%} of the time."
    )
    rows = [
        [f"{n:,}", spell_seconds(n * seconds), f"{scratch:.3f}", f"{words:.3f}"]
        for n, (scratch, _, words) in measured.items()
    ]
    return (
        paragraph(verdict, "answer")
        + side_by_side(
            _curves(task, {SCRATCH: 0, WORDS: 2}),
            table("Accuracy", ["labels", "time to label them", "from scratch", "TF-IDF"], rows),
        )
        + paragraph(SOURCE, "source")
    )


def few_labels(call: Call, task: str) -> str:
    """The measured accuracy with and without pre-training over the number of labels."""
    measured = MEASURED[task]
    rows = [[f"{n:,}", f"{pretrained:.3f}", f"{scratch:.3f}"] for n, (scratch, pretrained, _) in measured.items()]
    return (
        paragraph(_saving(measured), "answer")
        + side_by_side(
            _curves(task, {PRETRAINED: 1, SCRATCH: 0}),
            table("Accuracy", ["labels", "pre-trained", "from scratch"], rows),
        )
        + paragraph(SOURCE, "source")
    )


def _curves(task: str, columns: dict[str, int]) -> str:
    measured = MEASURED[task].items()
    lines = {name: [(float(n), row[at]) for n, row in measured] for name, at in columns.items()}
    return curves(task, "labelled texts", "accuracy", lines)


def _saving(measured: dict[int, tuple[float, ...]]) -> str:
    most = max(measured)
    fewer = min(n for n, row in measured.items() if row[1] >= measured[most][0])
    if fewer < most:
        return (
            f"With {fewer:,} labels the pre-trained network is right {measured[fewer][1]:.1%} of the time; without "
            f"pre-training {most:,} labels reach {measured[most][0]:.1%}."
        )
    scratch, pretrained, _ = measured[most]
    return f"With all {most:,} labels the pre-trained network is ahead: {pretrained:.1%} to {scratch:.1%}."


def hidden_word(call: Call, text: str) -> str:
    """The most probable words at every mask."""
    masks = call(BERT, FillMask.fill_mask, ENCODER, text, 6)["masks"]
    return side_by_side(*(_words(f"Hidden word {number}", words) for number, words in enumerate(masks[:6], 1)))


def _words(title: str, words: list[dict[str, Any]]) -> str:
    return percent_bars(title, [(word["word"], word["probability"]) for word in words])


def next_sentence(call: Call, first: str, second: str) -> str:
    """Probability that one follows the other, both ways round."""
    pairs = {"B follows A": (first, second), "A follows B": (second, first)}
    found = {name: call(BERT, FillMask.next_sentence, ENCODER, *pair)["probability"] for name, pair in pairs.items()}
    verdict = "B follows A" if found["B follows A"] > 0.5 else "B comes from elsewhere"
    return paragraph(f"The model says: {verdict}.", "answer") + percent_bars("Probability", list(found.items()))


def card(call: Call) -> str:
    """For Home: a hidden word, found."""
    masks = call(BERT, FillMask.fill_mask, ENCODER, MASKED, 3)["masks"]
    return paragraph(MASKED.replace("[MASK]", "▢"), "sentence") + _words("The hidden word", masks[0])


STOPS = (
    Stop(
        "labels",
        "Why labels cost",
        "A classifier learns from labelled examples, and a person has to write each label. How many it needs depends "
        "on the task; how long that takes, on the person.",
        "Ten times the labels are ten times the hours, and the lines go up slowly (each step to the right is a "
        "multiple). A network that starts from nothing is behind even a plain count of words, TF-IDF.",
        "What if a label needs half a minute of an expert?",
        (TASKS[1], 30),
        (Choice("Task", TASKS, TASKS[1]), Range("Seconds to label one text", 1, 60, 1, 10)),
        labels,
        (BERT,),
        (Link("Measure it on sample data", BERT, "label_efficiency", {"sample": "requests"}),),
        "Show",
    ),
    Stop(
        "hide-a-word",
        "Hide a word",
        "Hide a word of a sentence and let the network guess it from the words on both sides. No person labels "
        "anything: the text itself holds the answer, so that any book is training data.",
        "The network knows grammar and some of the world. It does not know one right word: it spreads its probability "
        "over words that fit.",
        "What becomes of the guess when only the words before the gap are left?",
        ("The president of the United [MASK]",),
        (Text("Sentence with [MASK]", MASKED),),
        hidden_word,
        (BERT,),
        (
            Link("More in BERT", BERT),
            Link("Pre-train on two novels", BERT, "pretrain", {"sample": "oz"}),
        ),
        "Guess the word",
    ),
    Stop(
        "next-sentence",
        "Does B follow A?",
        "BERT’s second exercise also makes its own labels: is B the sentence after A, or a sentence from another "
        "place? To tell them apart, the network has to see what both are about.",
        "Swap the two and the probability hardly moves. The network judges whether they have one topic, not which "
        "comes first: later models left this exercise out, or asked for the order.",
        "Does it believe that a sentence on chemistry follows one on a war?",
        ("The war ended in 1945.", "Enzymes are proteins that speed up reactions."),
        (
            Text("A", "The river rises in the mountains."),
            Text("B", "It flows south for 200 kilometres to the sea."),
        ),
        next_sentence,
        (BERT,),
        (Link("More in BERT", BERT),),
        "Does B follow A?",
    ),
    Stop(
        "few-labels",
        "Fine-tune with 100 labels",
        "Now use what was learned without labels. The same network is fine-tuned on the same few labels twice: once "
        "pre-trained on hidden words and following sentences, once from scratch.",
        "The pre-trained network is ahead at every number of labels, by more than ten points where there are many "
        "classes, and by three on sentiment: what its texts taught helps some tasks more than others.",
        "On which task does pre-training help least?",
        (TASKS[2],),
        (Choice("Task", TASKS, TASKS[1]),),
        few_labels,
        (BERT,),
        (
            Link("Fine-tune on sample data", BERT, "classify", {"sample": "requests"}),
            Link("Both, for several numbers of labels", BERT, "label_efficiency", {"sample": "requests"}),
        ),
        "Show",
    ),
)
