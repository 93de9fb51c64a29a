"""The Publish tab, the same for every plugin: push, pull, the files that are pushed, and HF Jobs."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from plugins._contract import Plugin
from spaces_app.panels import hf_jobs, pull, push
from spaces_app.panels.pull import PullForm
from spaces_app.services import Services


@dataclass
class PublishPanel:
    """The components that the page fills and connects."""

    pushed_run: gr.Dropdown  # of runs with weights
    job_run: gr.Dropdown  # of all runs
    pull: PullForm


def render(services: Services, plugin: Plugin) -> PublishPanel:
    """Render the tab's content."""
    with gr.Row():
        with gr.Column():
            pushed_run, preview = push.render(services)
        with gr.Column():
            pull_form = pull.render(services, plugin)
    with gr.Accordion("What is pushed", open=True):
        preview.render()
    with gr.Accordion("Train on HF Jobs", open=False):
        job_run = hf_jobs.render(services)
    return PublishPanel(pushed_run, job_run, pull_form)
