"""One kind's form: its settings, the preflight check, the start, and the same run as Python, command or YAML."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.components import Component

from plugins._contract import Kind, Plugin
from spaces_app.events import CHECK_QUEUE, UNLIMITED, UNQUEUED
from spaces_app.identity import hub_token, visitor
from spaces_app.panels import copy_as
from spaces_app.panels.run_view import REMEMBER_RUN, RunView, run_choices
from spaces_app.panels.settings_form import settings_form, settings_values
from spaces_app.panels.tables import sheet_html
from spaces_app.services import Services
from spaces_app.services.run_request import RunRequest


def render(
    services: Services, plugin: Plugin, kind: Kind, models: list[Component], secrets: dict[str, Component]
) -> Callable[[RunView], None]:
    """Render the form; returns the function that connects its buttons once the view of the run exists.

    Args:
        models: Extended by the components that choose weights, for the page to fill.
        secrets: Extended by the box of the kind's secret, such as an API key, where it takes one.
    """
    form = settings_form(kind.trained_by)
    models += [form[name] for name in kind.trained_by.weights_fields()]
    if kind.secret:
        secrets[kind.name] = gr.Textbox(label="Key", info=kind.secret, type="password", max_lines=1)
    with gr.Row():
        check = gr.Button("Check the data", elem_id=f"check-{plugin.name}-{kind.name}")
        start = gr.Button("Start training", variant="primary", elem_id=f"start-{plugin.name}-{kind.name}")
    sheet = gr.HTML(visible=False, elem_classes="preflight")
    with gr.Accordion("Copy as Python, command or YAML", open=False) as accordion:
        copies = [
            gr.Code(label="Python", language="python", interactive=False),
            gr.Code(label="Command", language="shell", interactive=False),
            gr.Code(label="run.yaml", language="yaml", interactive=False),
        ]
    names, inputs = list(form), list(form.values())

    def run_request(values: tuple[Any, ...]) -> RunRequest:
        settings, files = settings_values(kind.trained_by, dict(zip(names, values, strict=True)))
        return RunRequest(plugin.name, kind.name, settings, files)

    def on_check(request: gr.Request, *values: Any) -> Any:
        return gr.HTML(sheet_html(services.checks.check(run_request(values), visitor(request))), visible=True)

    def on_start(request: gr.Request, token: gr.OAuthToken | None, *values: Any) -> tuple[str, Any, str]:
        asked, key = run_request(values[: len(names)]), values[len(names) :]
        run = services.runs.train(asked, visitor(request), hub_token(services.settings, token), *key)
        return run["id"], run_choices(services, plugin, request, run["id"]), ""

    def on_copy(request: gr.Request, *values: Any) -> tuple[str, str, str]:
        asked, url = run_request(values), request.headers.get("origin") or copy_as.LOCAL_URL
        return copy_as.as_python(asked, url), copy_as.as_command(asked), copy_as.as_yaml(asked)

    def connect(view: RunView) -> None:
        check.click(on_check, inputs, sheet, **CHECK_QUEUE)
        key = [secrets[kind.name]] if kind.secret else []
        started = start.click(on_start, [*inputs, *key], [view.monitor, view.chosen, view.report], **UNLIMITED)
        started.success(None, view.monitor, None, js=REMEMBER_RUN)
        accordion.expand(on_copy, inputs, copies, **UNQUEUED)
        for component in inputs:
            component.change(  # type: ignore[attr-defined] - every input has it; gradio adds events to the classes at run time
                on_copy, inputs, copies, trigger_mode="always_last", **UNQUEUED
            )

    return connect
