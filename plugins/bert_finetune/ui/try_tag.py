"""Try a token classifier: entities highlighted in a text, and a file."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.events import LATEST, message_area, on_box
from plugins._ui.examples import render_examples
from plugins.bert_finetune.tag.endpoints import Tag
from plugins.bert_finetune.ui.answered_by import ENTITIES
from plugins.bert_finetune.ui.file_box import render_file_box

EXAMPLES = [
    "play the new album by Radiohead on Spotify",
    "book a table for two at Noma in Copenhagen tomorrow",
    "rate The Great Gatsby five out of six stars",
    "will it snow in Berlin next week",
]  # the starters were trained on voice commands
HEADERS = ["entity", "label", "probability"]


def render(workbench: Workbench) -> None:
    """Render the text with its entities, and the file box."""
    gr.Markdown(
        "The starters know voice commands: music, restaurants, films, books, weather. For people, places and "
        "companies, train on texts that are annotated with those, or choose a token classifier of the Hub."
    )
    bench = workbench.on(Tag)
    weights = bench.weights_picker()
    text = gr.Textbox(EXAMPLES[0], label="Text", lines=2)
    message = message_area("Write a text, then press Find entities.")
    button = gr.Button("Find entities", variant="primary")
    highlighted = gr.HighlightedText(label="Entities", combine_adjacent=False)
    table = gr.Dataframe(headers=HEADERS, label="Probabilities", interactive=False)
    source = gr.Markdown()

    def tag(name: str, sentence: str) -> list[Any]:
        entities = bench.call(Tag.tag, name, sentence)["entities"]
        spans = [{"entity": entity["label"], "start": entity["start"], "end": entity["end"]} for entity in entities]
        rows = [[entity["text"], entity["label"], f"{entity['probability']:.0%}"] for entity in entities]
        shown = {"text": sentence, "entities": spans}
        return [shown, rows or [["no entity found", "", ""]], ENTITIES.answered_by(name)]

    inputs, outputs = [weights, text], [highlighted, table, source]
    render_examples([[example] for example in EXAMPLES], [text], tag, inputs, outputs, message)
    formats = "CSV, TSV, JSONL, Parquet or CoNLL"
    render_file_box(bench, Tag.tag_file, "Find entities in a file", "Find entities in every row", [weights], formats)
    on_box([button.click, text.submit, weights.change, message.play], tag, inputs, outputs, message, **LATEST)
