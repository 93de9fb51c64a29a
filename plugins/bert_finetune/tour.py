"""BERT's stops of the guided tour, and its live picture on Home. No torch here: the starters answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugins._drawing import bars, curves, paragraph, percent_bars, side_by_side, table
from plugins._tour import Call, Choice, Link, Range, Stop, Text
from plugins.bert_finetune import starter
from plugins.bert_finetune.pretrain.endpoints import FillMask

BERT, ENCODER = "bert_finetune", starter.ENCODER.name
SAMPLES = Path(__file__).parent / "samples"
FEW_LABELS = "plugins.bert_finetune.inspect.few_labels:fine_tuned_accuracies"
SOURCE = (
    "Measured with this app on 27 November 2026 (docs/experiments/bert_finetune.md, “The starter as it ships”): means "
    "of "
    "4 to 16 draws of the labels. These tasks were in view while the starter was developed: others may gain less."
)
SCRATCH, PRETRAINED, WORDS = "the same network from scratch", "pre-trained, then fine-tuned", "TF-IDF, no network"
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
DATA = {"Requests, ten topics": "requests", "Reviews, positive or negative": "reviews"}
MASKED = "The president of the United [MASK] lives in Washington."


def labels(call: Call, task: str, seconds: float) -> str:
    """The measured accuracy over the number of labels, and what those labels cost."""
    measured = MEASURED[task]
    names = (SCRATCH, PRETRAINED, WORDS)
    lines = {name: [(float(n), row[at]) for n, row in measured.items()] for at, name in enumerate(names)}
    rows = [
        [f"{n:,}", _hours(n * seconds), *(f"{accuracy:.3f}" for accuracy in accuracies)]
        for n, accuracies in measured.items()
    ]
    headers = ["labels", "time to label them", "from scratch", "pre-trained", "TF-IDF"]
    return (
        paragraph(_saving(measured), "answer")
        + side_by_side(curves(task, "labelled texts", "accuracy", lines), table("Accuracy", headers, rows))
        + paragraph(SOURCE, "source")
    )


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


def _hours(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


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


def few_labels(call: Call, data: str, count: float) -> str:
    """The network with pre-training, and without, fine-tuned on this many labels."""
    name = DATA[data]
    files = SAMPLES / f"{name}.csv", SAMPLES / f"{name}-eval.csv"
    found = call(BERT, FEW_LABELS, ENCODER, *files, int(count))
    items = [
        ("pre-trained", found["pretrained"]),
        ("the same network from scratch", found["untrained"]),
        ("guessing", found["chance"]),
    ]
    return bars(
        f"Accuracy on {found['tested']} held-out texts after {int(count)} labels",
        [(label, accuracy, f"{accuracy:.1%}") for label, accuracy in items],
    ) + paragraph(
        f"Computed just now: both networks were fine-tuned for {found['steps']} steps on the same labels. With other "
        "labels the numbers differ by a few per cent.",
        "source",
    )


def card(call: Call) -> str:
    """For Home: a hidden word, found."""
    masks = call(BERT, FillMask.fill_mask, ENCODER, MASKED, 3)["masks"]
    return paragraph(MASKED.replace("[MASK]", "▢"), "sentence") + _words("The hidden word", masks[0])


STOPS = (
    Stop(
        "labels",
        "Why labels cost",
        "A classifier learns from labelled examples, and a person has to write each label. A network that has first "
        "learned "
        "from text without labels needs fewer of them.",
        "Compare the lines from left to right: how many more labels does the network from scratch need to come as far "
        "as "
        "the pre-trained one? The plain method that counts words, TF-IDF, is a strong baseline; with many labels and "
        "few topics it is ahead.",
        "What if a label needs half a minute of an expert? Look at the hours of the last line.",
        (TASKS[0], 30),
        (Choice("Task", TASKS, TASKS[0]), Range("Seconds to label one text", 1, 60, 1, 10)),
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
        "over "
        "words that fit.",
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
        "place? "
        "To tell them apart, the network has to see what both are about.",
        "Swap the two and the probability hardly moves. The network judges whether they have one topic, not which "
        "comes "
        "first: later models left this exercise out, or asked for the order.",
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
        "Now use what was learned without labels: give the network 100 labelled texts, and test it on texts that it "
        "has "
        "not seen. Beside it stands the same network without pre-training.",
        "The untrained network is not at chance: even random vectors tell some words apart. What lies between the two "
        "bars is what reading has taught.",
        "How does the gap change with 20 labels, two of each topic?",
        ("Requests, ten topics", 20),
        (Choice("Data", tuple(DATA), "Requests, ten topics"), Range("Labels", 20, 400, 20, 100)),
        few_labels,
        (BERT,),
        (
            Link("Fine-tune on this data", BERT, "classify", {"sample": "requests"}),
            Link("Both, with every number of labels", BERT, "label_efficiency", {"sample": "requests"}),
        ),
        "Train and test",
    ),
)
