"""The operator's page: what the server carries, and buttons to end a run and to clear old ones."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._ui.events import message_area, on_box
from spaces_app.events import UNLIMITED, UNQUEUED
from spaces_app.identity import visitor
from spaces_app.services import Services
from training.errors import UserError

CONFIRM_CLEAR = (  # of nothing, or of what was not confirmed, no run is deleted
    "(days) => days === null || days < 0 || confirm(`Delete all runs that ended more than ${days} days ago, with their "
    "data and weights?`) ? days : -1"
)
COLUMNS = ["run", "owner", "status", "MB", "days since its last event"]


def render(services: Services, demo: gr.Blocks) -> None:
    """Render the page; who may not see it finds one sentence."""
    refused = gr.Markdown()
    with gr.Column(visible=False) as page:
        facts = gr.Markdown()
        runs = gr.Dataframe(headers=COLUMNS, interactive=False, label="Runs")
        with gr.Row():
            run = gr.Textbox("", label="Run", max_lines=1, scale=3)
            end = gr.Button("Stop this run", variant="stop", scale=1)
            days = gr.Number(7, label="Days", precision=0, scale=1)
            clear = gr.Button("Delete runs that ended before that", variant="stop", scale=2)
        with gr.Row():
            refresh = gr.Button("Refresh")
            clear_caches = gr.Button("Delete the caches of texts, tables, vectors and latents", variant="stop")
        message = message_area()

    def show(request: gr.Request) -> tuple[str, list[list[Any]]]:
        name = visitor(request)
        lines = [f"| {what} | {value} |" for what, value in services.operator.facts(name).items()]
        return "| server | now |\n| --- | --- |\n" + "\n".join(lines), services.operator.table(name)

    def on_end(run_id: str, request: gr.Request) -> tuple[str, list[list[Any]]]:
        services.operator.end(run_id, visitor(request))
        return show(request)

    def on_clear(age: float | None, request: gr.Request) -> tuple[str, list[list[Any]]]:
        if age is None:
            raise UserError("Days is empty: write after how many days a run is old.")
        if age < 0:
            return show(request)
        number, freed = services.operator.clear(age, visitor(request))
        gr.Info(f"{number} runs deleted, {freed / 2**20:.1f} MB freed.")
        return show(request)

    def on_clear_caches(request: gr.Request) -> tuple[str, list[list[Any]]]:
        freed = services.operator.clear_caches(visitor(request))
        gr.Info(f"{freed / 2**20:,.1f} MB freed. A run makes again what it needs.")
        return show(request)

    def opened(request: gr.Request) -> list[Any]:
        if not services.operator.may_operate(visitor(request)):
            return ["This page is for the account that runs the server.", gr.Column(visible=False), "", []]
        return ["", gr.Column(visible=True), *show(request)]

    shown = [facts, runs]
    demo.load(opened, None, [refused, page, *shown], **UNQUEUED)
    refresh.click(show, None, shown, **UNLIMITED)
    on_box(end.click, on_end, run, shown, message, keep=shown, **UNLIMITED)
    on_box(clear_caches.click, on_clear_caches, None, shown, message, keep=shown, **UNLIMITED)
    on_box(clear.click, on_clear, days, shown, message, keep=shown, js=CONFIRM_CLEAR, **UNLIMITED)
