"""Try translation: a text, its translation and alternatives, and a file."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.bert_finetune.translate.endpoints import Translate
from plugins.bert_finetune.ui.file_box import render_file_box

EXAMPLES = ["A man is riding a bicycle.", "Two children play in the snow."]
HEADERS = ["alternative", "log-probability per token"]
NO_WEIGHTS = "Choose weights: a run of `translate`, or a translation model of the Hub."


def render(workbench: Workbench) -> None:
    """Render the text, its translations, and the file box."""
    gr.Markdown(
        "There is no starter for translation: no parallel corpus with a free licence was available. Train "
        "`translate` on your own "
        "pairs, or choose a translation model of the Hub, such as Helsinki-NLP/opus-mt-en-de."
    )
    bench = workbench.on(Translate)
    weights = bench.weights_picker()
    with gr.Row():
        with gr.Column():
            text = gr.Textbox(EXAMPLES[0], label="Text", lines=3)
            info = "Beam size: larger finds better translations and more alternatives; 1 is greedy decoding."
            beams = gr.Slider(1, 16, 4, step=1, label="Beams", info=info)
            button = gr.Button("Translate", variant="primary")
            gr.Examples(EXAMPLES, text, label="Examples", api_visibility="private")
        with gr.Column():
            translation = gr.Textbox(label="Translation", lines=3, interactive=False)
            alternatives = gr.Dataframe(headers=HEADERS, label="Alternatives", interactive=False)
    render_file_box(bench, Translate.translate_file, "Translate a file", "Translate every row", [weights, beams])

    def translate(name: str, sentence: str, size: float) -> tuple[str, list[list[Any]]]:
        if not name:
            raise gr.Error(NO_WEIGHTS, print_exception=False)
        result = bench.call(Translate.translate, name, sentence, int(size), 3)
        return result["translation"], [[row["translation"], row["score"]] for row in result["alternatives"]]

    events = [button.click, text.submit]
    gr.on(events, translate, [weights, text, beams], [translation, alternatives])
