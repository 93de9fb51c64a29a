"""What a tagger is tried with: entities highlighted in the text, and a file."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.bert_finetune import endpoints, starter
from plugins.bert_finetune.ui.file_box import render_file_box

EXAMPLES = [
    "book a table for two at Noma in Copenhagen tomorrow",
    "play the new album by Radiohead on Spotify",
    "rate The Great Gatsby five out of six stars",
]  # what the starter was trained on: spoken commands
HEADERS = ["entity", "probability", "kind"]


def render_tag(workbench: Workbench) -> None:
    """Entities of a text and of a file."""
    gr.Markdown(
        "The starter knows spoken commands: music, restaurants, films, books, weather. For people, places and companies train on "
        "texts marked with those, or name a tagger of the Hub."
    )
    weights = workbench.weights_picker(starter=starter.ENTITIES)
    text = gr.Textbox(EXAMPLES[0], label="Text", lines=3)
    button = gr.Button("Find entities", variant="primary")
    marked = gr.HighlightedText(label="Entities", combine_adjacent=False)
    rows = gr.Dataframe(headers=HEADERS, label="How sure it is", interactive=False, wrap=True)
    gr.Examples(EXAMPLES, text, label="Examples", api_visibility="private")
    render_file_box(workbench, endpoints.tag_file, "Tag a file", "Tag every row", [weights])

    def tag(name: str, words: str) -> tuple[dict[str, Any], list[list[Any]]]:
        found = workbench.call(endpoints.tag, name, words)["entities"]
        entities = [{"entity": one["label"], "start": one["start"], "end": one["end"]} for one in found]
        sure = [[one["text"], round(one["probability"], 4), one["label"]] for one in found]
        return {"text": words, "entities": entities}, sure or [["none found", "", ""]]

    gr.on([button.click, text.submit], tag, [weights, text], [marked, rows], api_visibility="private")
