"""Try translation: a text, its translation and alternatives, and a file."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.events import LATEST, message_area, on_box
from plugins._ui.examples import render_examples
from plugins.bert_finetune.suggestions import T5_SMALL
from plugins.bert_finetune.translate.endpoints import Translate
from plugins.bert_finetune.ui.file_box import render_file_box
from training.errors import UserError

PHRASE = "Monday, June 1, 2026"  # as in the sample data
SENTENCE = "A man is riding a bicycle."
EXAMPLES = [PHRASE, SENTENCE, f"translate English to German: {SENTENCE}"]  # the last as T5 wants it
LABELS = [PHRASE, SENTENCE, f"T5: {SENTENCE}"]
HEADERS = ["alternative", "log-probability per token"]
NO_WEIGHTS = "Choose weights above: train a translation model, or write the name of one on the Hub."


def render(workbench: Workbench) -> None:
    """Render the text, its translations, and the file box."""
    gr.Markdown(
        "No starter translates. Train a small model [on the sample](./bert_finetune-translate?sample=dates) (dates, "
        "amounts and countries from English to German: 2 million weights, a few minutes), or "
        "[on your own sentence pairs](./bert_finetune-translate): it is then in this menu. Or write the name of one on "
        f"the Hub, such as `{T5_SMALL.name}` ({T5_SMALL.download_mb} MB), whose texts begin with the task, as the last "
        "example does."
    )
    bench = workbench.on(Translate)
    weights = bench.weights_picker()
    with gr.Row():
        with gr.Column(min_width=280):
            text = gr.Textbox(EXAMPLES[0], label="Text", lines=3)
            info = "Beam size: larger finds better translations and more alternatives; 1 is greedy decoding."
            beams = gr.Slider(1, 16, 4, step=1, label="Beams", info=info)
            message = message_area("Choose weights first: the button works as soon as there are some.")
            button = gr.Button("Translate", variant="primary", interactive=False)
        with gr.Column(min_width=280):
            translation = gr.Textbox(label="Translation", lines=3, interactive=False)
            alternatives = gr.Dataframe(headers=HEADERS, label="Alternatives", interactive=False)

    def translate(name: str, sentence: str, size: float) -> list[Any]:
        if not name:
            raise UserError(NO_WEIGHTS)
        result = bench.call(Translate.translate, name, sentence, int(size), 3)
        return [result["translation"], [[row["translation"], row["score"]] for row in result["alternatives"]]]

    inputs, outputs = [weights, text, beams], [translation, alternatives]
    render_examples([[example] for example in EXAMPLES], [text], translate, inputs, outputs, message, LABELS)
    render_file_box(bench, Translate.translate_file, "Translate a file", "Translate every row", [weights, beams])
    weights.change(lambda name: gr.Button(interactive=bool(name)), weights, button, queue=False, show_progress="hidden")
    on_box([button.click, text.submit], translate, inputs, outputs, message, **LATEST)
