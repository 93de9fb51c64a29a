"""The page of the Hub: push a run's weights, pull a repository, and train on HF Jobs."""

from __future__ import annotations

from typing import Any

import gradio as gr

from spaces_app.events import UNQUEUED
from spaces_app.page import routes
from spaces_app.panels import hf_jobs, pull, push
from spaces_app.panels.run_choice import run_choices
from spaces_app.panels.stale import stale
from spaces_app.services import Services


def render(services: Services, demo: gr.Blocks) -> None:
    """Render the content; `?run=…` chooses what is pushed."""
    with gr.Row():
        with gr.Column(min_width=320):
            pushed_run, preview = push.render(services)
        with gr.Column(min_width=320):
            pull.render(services)
    with gr.Accordion("What is pushed", open=True):
        preview.render()
    with gr.Accordion("Train on HF Jobs", open=False):
        job_run = hf_jobs.render(services)

    def opened(request: gr.Request) -> list[Any]:
        chosen = routes.query(request, "run") or None
        return [
            run_choices(services, request, chosen, with_weights=True),
            run_choices(services, request, chosen),
        ]

    def refresh(request: gr.Request) -> list[Any]:
        return [run_choices(services, request, with_weights=True), run_choices(services, request)]

    demo.load(opened, None, [pushed_run, job_run], **UNQUEUED)
    gr.on([stale()], refresh, None, [pushed_run, job_run], **UNQUEUED)
