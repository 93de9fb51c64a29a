"""The Publish tab, the same for every plugin: push, pull, the files that are pushed, and HF Jobs."""

from __future__ import annotations

import gradio as gr

from plugins._contract import Plugin
from spaces_app.panels import hf_jobs, pull, push
from spaces_app.services import Services


def render(services: Services, plugin: Plugin) -> tuple[gr.Dropdown, gr.Dropdown]:
    """Render the tab's content; returns two dropdowns for the page to fill: of runs with weights, and of all runs."""
    with gr.Row():
        with gr.Column():
            pushed_run, preview = push.render(services)
        with gr.Column():
            pull.render(services, plugin)
    with gr.Accordion("What is pushed", open=True):
        preview.render()
    with gr.Accordion("Train on HF Jobs", open=False):
        job_run = hf_jobs.render(services)
    return pushed_run, job_run
