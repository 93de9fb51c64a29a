"""What a tagger is tried with: entities highlighted in the text, and a file."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.bert_finetune import endpoints, starter
from plugins.bert_finetune.file_box import draw_file_box

EXAMPLES = [
    "Marie Curie moved from Warsaw to Paris in 1891.",
    "play the new album by Radiohead on Spotify",
    "book a table for two at Noma in Copenhagen tomorrow",
]


def draw_tag(workbench: Workbench) -> None:
    """Entities of a text and of a file."""
    weights = workbench.weights_picker(starter=starter.ENTITIES)
    text = gr.Textbox(EXAMPLES[0], label="Text", lines=3)
    button = gr.Button("Find entities", variant="primary")
    marked = gr.HighlightedText(label="Entities", show_legend=True, combine_adjacent=False)
    gr.Examples(EXAMPLES, text, label="Examples", api_visibility="private")
    draw_file_box(workbench, endpoints.tag_file, "Tag a file", "Tag every row", [weights])

    def tag(name: str, words: str) -> dict[str, Any]:
        found = workbench.call(endpoints.tag, name, words)
        entities = [{"entity": one["label"], "start": one["start"], "end": one["end"]} for one in found["entities"]]
        return {"text": words, "entities": entities}

    gr.on([button.click, text.submit], tag, [weights, text], marked, api_visibility="private")
