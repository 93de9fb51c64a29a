"""The Publish tab, the same for every plugin: push, pull, and what is pushed."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Plugin
from spaces_app import push_panel
from spaces_app.access import told
from spaces_app.api import hub_token
from spaces_app.studio import Studio
from spaces_app.train_panel import PRIVATE


def draw(studio: Studio, plugin: Plugin) -> gr.Dropdown:
    """Draw the tab's content; returns the dropdown of runs, for the shell to fill."""
    with gr.Row():
        with gr.Column():
            chosen, contents = push_panel.draw(studio, plugin)
        with gr.Column():
            _draw_pull(studio)
    with gr.Accordion("What is pushed", open=True):
        contents.render()
    return chosen


def _draw_pull(studio: Studio) -> None:
    gr.Markdown("### Pull\nSafetensors, JSON, text and card files only; nothing of a repository is ever run.")
    name = gr.Textbox(label="Repository", placeholder="owner/name or owner/name@revision", max_lines=1)
    pull = gr.Button("Pull from the Hub")
    pulled = gr.JSON(label="Pulled", visible=False)

    def on_pull(target: str, token: gr.OAuthToken | None) -> Any:
        return gr.JSON(studio.pull(target.strip(), hub_token(studio, token)), visible=True)

    pull.click(told(on_pull), name, pulled, **PRIVATE)
