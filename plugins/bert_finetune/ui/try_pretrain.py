"""What a pre-trained encoder is tried with: hidden words, before and after, and following sentences."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.bert_finetune import endpoints, starter
from plugins.bert_finetune.ui.file_box import render_file_box

MASKED = [
    "The [MASK] orbits the [MASK].",
    "She shook her [MASK] and smiled.",
    "The president of the United [MASK] lives in Washington.",
]
PAIRS = [
    ["The war ended in 1945.", "Millions of soldiers returned home."],
    ["The war ended in 1945.", "Enzymes are proteins that speed up reactions."],
]
SHOWN = 8


def render_fill_mask(workbench: Workbench) -> None:
    """Words for every mask; a second set of weights stands beside the first, as before and after pre-training."""
    with gr.Row():
        weights = workbench.weights_picker(starter=starter.ENCODER)
        other = workbench.weights_picker("Compare with (optional)", starter="")
    text = gr.Textbox(MASKED[0], label="Text with [MASK]", lines=2)
    button = gr.Button("Guess", variant="primary")
    gr.Examples(MASKED, text, label="Examples", api_visibility="private")
    words = gr.Dataframe(headers=["mask", "word", "probability"], label="Words at every mask", interactive=False)

    render_file_box(
        workbench,
        endpoints.fill_mask_file,
        "Guess in a file",
        "Guess in every row",
        [weights],
        "A table of texts with [MASK]",
    )

    def guess(name: str, beside: str, sentence: str) -> Any:
        first = workbench.call(endpoints.fill_mask, name, sentence, SHOWN)["masks"]
        if not beside or beside == name:
            return gr.Dataframe(_rows(first), headers=["mask", "word", "probability"])
        second = workbench.call(endpoints.fill_mask, beside, sentence, SHOWN)["masks"]
        rows = [[*left, *right[1:]] for left, right in zip(_rows(first), _rows(second), strict=False)]
        return gr.Dataframe(rows, headers=["mask", "word", "probability", "compared: word", "probability"])

    gr.on([button.click, text.submit], guess, [weights, other, text], words, api_visibility="private")


def render_next_sentence(workbench: Workbench) -> None:
    """Does B follow A?"""
    weights = workbench.weights_picker(starter=starter.ENCODER)
    with gr.Row():
        first = gr.Textbox(PAIRS[0][0], label="A", lines=2)
        second = gr.Textbox(PAIRS[0][1], label="B", lines=2)
    button = gr.Button("Does B follow A?", variant="primary")
    label = gr.Label(label="Answer")
    gr.Examples(PAIRS, [first, second], label="Examples", api_visibility="private")

    render_file_box(
        workbench,
        endpoints.next_sentence_file,
        "Ask of a file",
        "Ask of every row",
        [weights],
        "A table with two text columns",
    )

    def ask(name: str, a: str, b: str) -> dict[str, float]:
        follows = workbench.call(endpoints.next_sentence, name, a, b)["probability"]
        return {"B follows A": follows, "B comes from elsewhere": 1 - follows}

    button.click(ask, [weights, first, second], label, api_visibility="private")


def _rows(masks: list[list[dict[str, Any]]]) -> list[list[Any]]:
    return [
        [number, word["word"], round(word["probability"], 4)] for number, words in enumerate(masks, 1) for word in words
    ]
