"""The Publish tab, the same for every plugin: push, pull, and what is pushed."""

from __future__ import annotations

import gradio as gr

from plugins._contract import Plugin
from spaces_app import pull_panel, push_panel
from spaces_app.studio import Studio


def draw(studio: Studio, plugin: Plugin) -> gr.Dropdown:
    """Draw the tab's content; returns the dropdown of runs, for the shell to fill."""
    with gr.Row():
        with gr.Column():
            chosen, contents = push_panel.draw(studio, plugin)
        with gr.Column():
            pull_panel.draw(studio, plugin)
    with gr.Accordion("What is pushed", open=True):
        contents.render()
    return chosen
