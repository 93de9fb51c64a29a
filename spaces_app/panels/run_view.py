"""The run that is shown: the choice of runs, the live monitor, Stop, Resume and Delete, and the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from plugins._contract import Plugin
from spaces_app.events import UNLIMITED, UNQUEUED
from spaces_app.identity import hub_token, visitor
from spaces_app.panels.monitor import RunMonitor
from spaces_app.panels.tables import report_html
from spaces_app.services import Services
from training.errors import UserError

# The run's id goes into the address, so that a reload, a second tab and a restarted server show the same run.
REMEMBER_RUN = (
    "(run) => { const url = new URL(location); run ? url.searchParams.set('run', run) : url.searchParams.delete('run');"
    " history.replaceState(null, '', url); }"
)
CONFIRM_DELETE = "(run) => run && !confirm('Delete this run, its data and its weights?') ? null : run"


@dataclass
class RunView:
    """The components that a form writes to and the page fills."""

    chosen: gr.Dropdown
    monitor: RunMonitor
    report: gr.HTML


def render(services: Services, plugin: Plugin, kind: gr.Radio, secrets: dict[str, Component]) -> RunView:
    """Render the view.

    Args:
        kind: The choice of what to train; it follows the chosen run.
        secrets: Kind -> the box of its secret, such as an API key.
    """

    def poll(run_id: str, offset: int, request: Any) -> dict[str, Any]:
        try:
            return services.runs.events(run_id, visitor(request), offset)
        except UserError as error:
            return {"error": str(error)}

    # Any value is let through, since a restarted server has forgotten what it offered; the services check it.
    chosen = gr.Dropdown(
        [], label="Run", info="Your runs, the newest first.", elem_id=f"run-{plugin.name}", allow_custom_value=True
    )
    monitor = RunMonitor(poll, elem_id=f"monitor-{plugin.name}")
    with gr.Row():
        stop = gr.Button("Stop and keep the best", variant="stop", scale=2, min_width=200)
        resume = gr.Button("Resume", min_width=90)
        delete = gr.Button("Delete", min_width=90)
    report = gr.HTML(elem_classes="report")

    def on_stop(run_id: str, request: gr.Request) -> None:
        services.runs.cancel(_given(run_id), visitor(request))
        gr.Info("Stopping: a checkpoint is written and the best weights are kept.")

    def on_resume(run_id: str, request: gr.Request, token: gr.OAuthToken | None, *values: str) -> str:
        name = services.runs.status(_given(run_id), visitor(request))["trainer"]
        key = dict(zip(secrets, values, strict=True)).get(name) or ""
        services.runs.resume(run_id, visitor(request), hub_token(services.settings, token), key)
        return run_id

    def on_choose(run_id: str | None, request: gr.Request) -> tuple[str, Any, str]:
        return run_id or "", kind_of(services, plugin, request, run_id or ""), ""

    def on_news(run_id: str, request: gr.Request) -> str:
        return report_html(services.runs.report(_given(run_id), visitor(request)))

    def on_delete(run_id: str | None, request: gr.Request) -> tuple[Any, Any, Any]:
        if run_id is None:  # the dialog was dismissed
            return gr.skip(), gr.skip(), gr.skip()
        services.runs.delete(_given(run_id), visitor(request))
        return "", run_choices(services, plugin, request, ""), ""

    choose = chosen.input(on_choose, chosen, [monitor, kind, report], **UNQUEUED)
    choose.then(None, monitor, None, js=REMEMBER_RUN)
    monitor.submit(on_news, monitor, report, **UNQUEUED)  # type: ignore[attr-defined] - added at run time
    # Every press counts: an answer that a restarted server never sent must not block the buttons.
    repeatable: dict[str, Any] = {**UNLIMITED, "trigger_mode": "multiple"}
    stop.click(on_stop, monitor, None, **repeatable)
    resume.click(on_resume, [monitor, *secrets.values()], monitor, **repeatable)
    deleted = delete.click(on_delete, monitor, [monitor, chosen, report], js=CONFIRM_DELETE, **UNLIMITED)
    deleted.success(None, monitor, None, js=REMEMBER_RUN)
    return RunView(chosen, monitor, report)


def kind_of(services: Services, plugin: Plugin, request: gr.Request, run_id: str) -> Any:
    """The choice of what to train, set to the kind of this run, so that its form stands beside it."""
    try:
        name = services.runs.status(run_id, visitor(request))["trainer"]
        return gr.Radio(value=plugin.kind(name).title)
    except UserError:  # no such run: the monitor says so
        return gr.skip()


def run_choices(
    services: Services, plugin: Plugin, request: gr.Request, chosen: str | None, *, with_weights: bool = False
) -> Any:
    """The dropdown of the visitor's runs of this plugin.

    Args:
        chosen: The run to show, where it still exists. None leaves what the page shows, which a visitor may have chosen
            by the time the answer arrives.
    """
    runs = services.runs.descriptions(visitor(request), plugin, with_weights=with_weights)
    choices = [(_run_label(run), run["id"]) for run in runs]
    if chosen is None:
        return gr.Dropdown(choices)
    return gr.Dropdown(choices, value=chosen if chosen in [run["id"] for run in runs] else None)


def _run_label(run: dict[str, Any]) -> str:
    best = next(iter(run["best"].items()), None)
    score = f" · {best[0]} {best[1]:.3f}" if best and best[1] is not None else ""
    return f"{run['trainer']} {run['id'][-6:]} · {run['status']}{score} · {run['size_bytes'] / 2**20:.1f} MB"


def _given(run_id: str | None) -> str:
    if not run_id:
        raise UserError("Choose a run first.")
    return run_id
