"""Try a text classifier: label probabilities of a text, and a file."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.answer_label import AnswerLabel
from plugins._ui.events import LATEST, message_area, on_box
from plugins._ui.examples import render_examples
from plugins.bert_finetune.classify.endpoints import Classify
from plugins.bert_finetune.ui.answered_by import SENTIMENT
from plugins.bert_finetune.ui.file_box import render_file_box
from training.errors import UserError

EXAMPLES = [
    "a stirring , funny and finally transporting film",
    "dull , overlong and badly acted",
    "a film with a good cast but a dull plot",
    "a waste of time",
]


def render(workbench: Workbench) -> None:
    """Render the text, the label probabilities, and the file box."""
    gr.Markdown(
        "One label for a whole text. The starters were trained on reviews of films and know *positive* and *negative*."
    )
    bench = workbench.on(Classify)
    weights = bench.weights_picker()
    with gr.Row():
        with gr.Column(min_width=280):
            text = gr.Textbox(EXAMPLES[0], label="Text", lines=3, placeholder="Write a sentence, or choose an example.")
            pair = render_second_text(bench, weights)
            message = message_area("Write a text and press Classify.")
            button = gr.Button("Classify", variant="primary")
        with gr.Column(min_width=280):
            label = AnswerLabel(label="Label", num_top_classes=8)
            source = gr.Markdown()

    def classify(name: str, first: str, second: str) -> list[Any]:
        found = bench.call(Classify.classify, name, first, second)
        return [found["probabilities"], SENTIMENT.answered_by(name)]

    inputs, outputs = [weights, text, pair], [label, source]
    render_examples([[example] for example in EXAMPLES], [text], classify, inputs, outputs, message)
    render_file_box(bench, Classify.classify_file, "Classify a file", "Classify every row", [weights])
    events = [button.click, text.submit, pair.submit, weights.change, message.play]
    on_box(events, classify, inputs, outputs, message, **LATEST)


def render_second_text(bench: Workbench, weights: Any) -> gr.Textbox:
    """Render the field of a pair's second text, which is in sight for weights that may take pairs."""
    pair = gr.Textbox(label="Second text", lines=2, visible=False, placeholder="This model compares two texts.")

    def show(name: str) -> gr.Textbox:
        try:
            takes_pairs = bench.call("plugins.bert_finetune.inspect.pairs:takes_pairs", name)
        except UserError:  # the box itself says what is wrong with the weights
            takes_pairs = False
        return gr.Textbox(visible=True) if takes_pairs else gr.Textbox(value="", visible=False)

    weights.change(show, weights, pair, show_progress="hidden")
    return pair
