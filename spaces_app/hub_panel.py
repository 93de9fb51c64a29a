"""The Publish tab, the same for every plugin: push, pull, what is pushed, and machines to rent."""

from __future__ import annotations

import gradio as gr

from plugins._contract import Plugin
from spaces_app import jobs_panel, pull_panel, push_panel
from spaces_app.studio import Studio


def draw(studio: Studio, plugin: Plugin) -> tuple[gr.Dropdown, gr.Dropdown]:
    """Draw the tab's content; returns two dropdowns for the shell to fill: of runs with weights, and of all runs."""
    with gr.Row():
        with gr.Column():
            chosen, contents = push_panel.draw(studio, plugin)
        with gr.Column():
            pull_panel.draw(studio, plugin)
    with gr.Accordion("What is pushed", open=True):
        contents.render()
    with gr.Accordion("Train on HF Jobs", open=False):
        sent = jobs_panel.draw(studio)
    return chosen, sent
