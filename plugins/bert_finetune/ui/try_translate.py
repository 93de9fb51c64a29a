"""What a translator is tried with: a text, its translation and the next best, and a file."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.bert_finetune import endpoints
from plugins.bert_finetune.ui.file_box import render_file_box

EXAMPLES = ["A man is riding a bicycle.", "Two children play in the snow."]


def render_translate(workbench: Workbench) -> None:
    """A text, its translation and alternatives, and a file."""
    gr.Markdown(
        "No starter translates: no text that may be passed on was at hand. Train `translate` on pairs of your own, or name a "
        "translator of the Hub, such as Helsinki-NLP/opus-mt-en-de."
    )
    weights = workbench.weights_picker(starter="")
    with gr.Row():
        with gr.Column():
            text = gr.Textbox(EXAMPLES[0], label="Text", lines=3)
            beams = gr.Slider(
                1,
                16,
                4,
                step=1,
                label="Beams",
                info="Translations followed at once: more find better ones and more alternatives. 1 takes the best word each time.",
            )
            button = gr.Button("Translate", variant="primary")
            gr.Examples(EXAMPLES, text, label="Examples", api_visibility="private")
        with gr.Column():
            said = gr.Textbox(label="Translation", lines=3, interactive=False)
            others = gr.Dataframe(headers=["also", "log-probability a token"], label="Alternatives", interactive=False)
    render_file_box(workbench, endpoints.translate_file, "Translate a file", "Translate every row", [weights, beams])

    def translate(name: str, words: str, followed: float) -> tuple[str, list[list[Any]]]:
        if not name:
            raise gr.Error("Choose weights that translate: a run of `translate`, or a translator of the Hub.", print_exception=False)  # fmt: skip
        found = workbench.call(endpoints.translate, name, words, int(followed), 3)
        return found["translation"], [[one["translation"], one["score"]] for one in found["alternatives"]]

    gr.on([button.click, text.submit], translate, [weights, text, beams], [said, others], api_visibility="private")
