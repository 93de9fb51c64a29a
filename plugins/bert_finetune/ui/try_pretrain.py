"""Try a masked language model: fill mask, next sentence, and files."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.bert_finetune.pretrain.endpoints import FillMask
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
TOP_WORDS = 8
HEADERS = ["mask", "word", "probability"]


def render_fill_mask(workbench: Workbench) -> None:
    """Render predictions for every mask, optionally of two models side by side, and the file box."""
    bench = workbench.on(FillMask)
    with gr.Row():
        weights = bench.weights_picker()
        other = bench.weights_picker("Compare with (optional)", starter="")
    text = gr.Textbox(MASKED[0], label="Text with [MASK]", lines=2)
    button = gr.Button("Fill mask", variant="primary")
    gr.Examples(MASKED, text, label="Examples", api_visibility="private")
    words = gr.Dataframe(headers=HEADERS, label="Words at every mask", interactive=False)
    file_label = "A table of texts with [MASK]"
    render_file_box(bench, FillMask.fill_mask_file, "Fill masks in a file", "Fill every row", [weights], file_label)

    def fill(name: str, compared: str, sentence: str) -> gr.Dataframe:
        first = _rows(bench.call(FillMask.fill_mask, name, sentence, TOP_WORDS)["masks"])
        if not compared or compared == name:
            return gr.Dataframe(first, headers=HEADERS)
        second = _rows(bench.call(FillMask.fill_mask, compared, sentence, TOP_WORDS)["masks"])
        rows = [[*left, *right[1:]] for left, right in zip(first, second, strict=False)]
        return gr.Dataframe(rows, headers=[*HEADERS, "compared: word", "probability"])

    gr.on([button.click, text.submit], fill, [weights, other, text], words)


def render_next_sentence(workbench: Workbench) -> None:
    """Render next sentence prediction for a pair, and the file box."""
    bench = workbench.on(FillMask)
    weights = bench.weights_picker()
    with gr.Row():
        first = gr.Textbox(PAIRS[0][0], label="A", lines=2)
        second = gr.Textbox(PAIRS[0][1], label="B", lines=2)
    button = gr.Button("Does B follow A?", variant="primary")
    label = gr.Label(label="Next sentence")
    gr.Examples(PAIRS, [first, second], label="Examples", api_visibility="private")
    title, file_label = "Predict for a file", "A table with two text columns"
    render_file_box(bench, FillMask.next_sentence_file, title, "Predict every row", [weights], file_label)

    def predict(name: str, a: str, b: str) -> dict[str, float]:
        follows = bench.call(FillMask.next_sentence, name, a, b)["probability"]
        return {"B follows A": follows, "B comes from elsewhere": 1 - follows}

    button.click(predict, [weights, first, second], label)


def _rows(masks: list[list[dict[str, Any]]]) -> list[list[Any]]:
    return [
        [number, word["word"], round(word["probability"], 4)] for number, words in enumerate(masks, 1) for word in words
    ]
