"""Look inside: attention of all heads with their induction scores, and attention from the answer to the examples'
labels."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np

from plugins._contract import Workbench
from plugins._ui.chart import Chart, bars, chart_value, heads, matrix, words
from plugins._ui.events import LATEST, message_area, on_box
from plugins._ui.examples import render_examples
from plugins.gpt_prompting.ui.prompt_form import prompt_of

ATTENTION = "plugins.gpt_prompting.inspect.attention"
TEXTS = [
    "the old man went to the river, the old man went to the river",
    "a warm film, a dull plot, a warm film, a dull plot",
]


def render_attention(workbench: Workbench) -> None:
    """Render all heads, the heat map of one, and the induction score of each."""
    gr.Markdown(
        "How much each token looks at each earlier one, in each head. Nothing is above the diagonal: a token cannot "
        "look ahead. **What to notice**: where the text repeats itself, an induction head looks at the token that came "
        "next the last time (Olsson et al., 2022), a line beside the diagonal."
    )
    weights = workbench.weights_picker()
    text = gr.Textbox(TEXTS[0], label="Text", lines=2)
    message = message_area("Write a text, then press Show.")
    button = gr.Button("Show", variant="primary")
    chart = Chart("Attention", "The attention of every head appears here.")

    def show(name: str, written: str) -> list[str]:
        tokens, probabilities, scores = workbench.call(f"{ATTENTION}:head_attention", name, written)
        best = np.unravel_index(int(scores.argmax()), scores.shape)
        notes = [[f"Induction score {score:.2f} of 1." for score in row] for row in scores.tolist()]
        note = "The share of a head's attention that goes to the token after the last occurrence, in random text."
        shown = [token.replace("\n", "⏎") for token in tokens]
        return [
            chart_value(
                [
                    heads(shown, probabilities, (int(best[0]), int(best[1])), notes),
                    matrix("Induction score of each head", scores, note=note),
                ]
            )
        ]

    inputs, outputs = [weights, text], [chart]
    render_examples([[each] for each in TEXTS], [text], show, inputs, outputs, message)
    on_box([button.click, text.submit, weights.change, message.play], show, inputs, outputs, message, **LATEST)


def render_attention_to_labels(workbench: Workbench, prompt: list[Any], query: Any) -> None:
    """Render the attention from where the answer begins to the label of each example.

    Args:
        prompt: Components of the prompt, in the order of `prompt_of`.
        query: Component of the text to classify.
    """
    gr.Markdown(
        "How a prompt's examples decide the answer: attention from where the answer begins to the label of each "
        "example, for the prompt and the text of *Few-shot prompt*. **What to notice**: one head looks at the label of "
        "the example that is most alike, and so copies it."
    )
    weights = workbench.weights_picker()
    message = message_area("Fill in Few-shot prompt under Try, then press Show.")
    button = gr.Button("Show", variant="primary")
    chart = Chart("Attention to labels", "The attention to the label of each example appears here.")

    def show(name: str, text: str, *values: Any) -> str:
        made = prompt_of(*values)
        return labels_value(workbench.call(f"{ATTENTION}:attention_to_labels", name, made, text), made.examples)

    events = [button.click, weights.change, message.play]
    on_box(events, show, [weights, query, *prompt], chart, message, **LATEST)


def labels_value(found: dict[str, Any], examples: Any) -> str:
    """The chart of what `attention_to_labels` found."""
    layer, head = found["head"]
    names = [next(iter(example.values())) for example in examples]
    items = [
        (f"{number}. {each['label']}", each["attention"], f"“{name}”")
        for number, (each, name) in enumerate(zip(found["by_example"], names, strict=True), 1)
    ]
    tokens = [
        {"text": token, "value": round(float(weight), 5)}
        for token, weight in zip(found["tokens"], found["weights"], strict=True)
    ]
    note = (
        f"The answer is “{found['answer']}”. Of all heads, this one tells the labels apart best, whichever example is "
        "the text."
    )
    return chart_value(
        [
            bars(f"Layer {layer}, head {head}: attention to each label", items, "percent", note),
            matrix(
                "Attention to labels that agree, less the others",
                found["heads"],
                note="With each example as the text. 1: only labels that agree; 0: no difference.",
            ),
            words("What that head looks at in the prompt", tokens, unit="percent", gap=1),
        ]
    )
