"""Try a masked language model: fill mask, next sentence, and files."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.answer_label import AnswerLabel
from plugins._ui.chart import Chart, Panel, bars, chart_value
from plugins._ui.events import LATEST, message_area, on_box
from plugins._ui.examples import render_examples
from plugins.bert_finetune.pretrain.endpoints import FillMask
from plugins.bert_finetune.ui.file_box import render_file_box

MASKED = [
    "The president of the United [MASK] lives in Washington.",
    "She was born in New [MASK] City.",
    "She shook her [MASK] and smiled.",
    "The [MASK] orbits the [MASK].",
]
PAIRS = [
    ["The war ended in 1945.", "Millions of soldiers returned home."],
    ["The river rises in the mountains.", "It flows south for 200 kilometres to the sea."],
    ["The war ended in 1945.", "Enzymes are proteins that speed up reactions."],
]
PAIR_NAMES = ["war, then soldiers", "river, then its course", "war, then enzymes"]
TOP_WORDS = 8


def render_fill_mask(workbench: Workbench) -> None:
    """Render predictions for every mask, optionally of two models side by side, and the file box."""
    gr.Markdown("What pre-training teaches: guess the word behind each `[MASK]` from the words on both sides of it.")
    bench = workbench.on(FillMask)
    with gr.Row():
        weights = bench.weights_picker()
        other = bench.weights_picker("Compare with (optional)", starter="")
    text = gr.Textbox(MASKED[0], label="Text with [MASK]", lines=2)
    message = message_area("Write a text with [MASK] in place of a word, then press Fill mask.")
    button = gr.Button("Fill mask", variant="primary")
    words = Chart("Words at every mask", "The most probable words appear here.")

    def fill(name: str, compared: str, sentence: str) -> list[str]:
        names = [name, *([compared] if compared and compared != name else [])]
        results = [bench.call(FillMask.fill_mask, model, sentence, TOP_WORDS)["masks"] for model in names]
        masks = range(min(map(len, results)))
        of_model = [f" by {model}" if len(names) > 1 else "" for model in names]
        panels = [_panel(masks_of[mask], mask, of_model[i]) for mask in masks for i, masks_of in enumerate(results)]
        return [chart_value(panels)]

    inputs, outputs = [weights, other, text], [words]
    render_examples([[example] for example in MASKED], [text], fill, inputs, outputs, message)
    file_label = "A table of texts with [MASK]"
    render_file_box(bench, FillMask.fill_mask_file, "Fill masks in a file", "Fill every row", [weights], file_label)
    events = [button.click, text.submit, weights.change, other.change, message.play]
    on_box(events, fill, inputs, outputs, message, **LATEST)


def _panel(words: list[dict[str, Any]], mask: int, by: str) -> Panel:
    items = [(word["word"], word["probability"], "") for word in words]
    return bars(f"Word at mask {mask + 1}{by}", items, "percent")


def render_next_sentence(workbench: Workbench) -> None:
    """Render next sentence prediction for a pair, and the file box."""
    gr.Markdown("The second task of pre-training: does sentence B follow sentence A in the text they come from?")
    bench = workbench.on(FillMask)
    weights = bench.weights_picker()
    with gr.Row():
        first = gr.Textbox(PAIRS[0][0], label="A", lines=2, min_width=280)
        second = gr.Textbox(PAIRS[0][1], label="B", lines=2, min_width=280)
    message = message_area("Write two sentences, then press the button.")
    button = gr.Button("Does B follow A?", variant="primary")
    label = AnswerLabel(label="Next sentence")

    def predict(name: str, a: str, b: str) -> list[dict[str, float]]:
        follows = bench.call(FillMask.next_sentence, name, a, b)["probability"]
        return [{"B follows A": follows, "B comes from elsewhere": 1 - follows}]

    inputs, outputs = [weights, first, second], [label]
    render_examples(PAIRS, [first, second], predict, inputs, outputs, message, PAIR_NAMES)
    title, file_label = "Predict for a file", "A table with two text columns"
    render_file_box(bench, FillMask.next_sentence_file, title, "Predict every row", [weights], file_label)
    events = [button.click, first.submit, second.submit, weights.change, message.play]
    on_box(events, predict, inputs, outputs, message, **LATEST)
