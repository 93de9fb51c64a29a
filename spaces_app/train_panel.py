"""The Train tab, the same for every plugin: form, preflight sheet, start, stop, resume, the live monitor, the report."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
from gradio.components import Component

from plugins._contract import Plugin, Trainer
from spaces_app import recipe
from spaces_app.access import told, visitor
from spaces_app.api import CHECKS, hub_token
from spaces_app.monitor import RunMonitor
from spaces_app.settings import Settings
from spaces_app.studio import Studio
from spaces_app.widgets import settings_form, settings_values
from training.errors import UserError

# The run's id goes into the address, so that a reload, a second tab and a restarted server show the same run.
REMEMBER = "(run) => { const url = new URL(location); run ? url.searchParams.set('run', run) : url.searchParams.delete('run'); history.replaceState(null, '', url); }"
ASK = "(run) => run && !confirm('Delete this run, its data and its weights?') ? null : run"
PRIVATE: dict[str, Any] = {"api_visibility": "private"}
QUICK: dict[str, Any] = {**PRIVATE, "queue": False, "show_progress": "hidden"}
# For what can fail or has something to say: Gradio 6.31 shows no message of an event outside the queue.
SPOKEN: dict[str, Any] = {**PRIVATE, "concurrency_limit": None, "show_progress": "hidden"}


@dataclass
class TrainPanel:
    """The components that the shell fills when the page opens."""

    monitor: RunMonitor
    which: gr.Radio
    chosen: gr.Dropdown
    report: gr.HTML
    models: list[Component] = field(default_factory=list)  # the "start from" boxes


def draw(studio: Studio, plugin: Plugin) -> TrainPanel:
    """Draw the tab's content."""
    if limits := _limits(studio.settings):
        gr.Markdown(limits)
    models: list[Component] = []
    keys: dict[str, Component] = {}  # trainer -> the box of its key, where it takes one
    forms: list[Callable[[TrainPanel], None]] = []
    with gr.Row():
        with gr.Column(scale=5, min_width=340):
            titles = [trainer.title for trainer in plugin.trainers]
            which = gr.Radio(titles, value=titles[0], label="What to train", visible=len(titles) > 1)
            columns = []
            for number, trainer in enumerate(plugin.trainers):
                with gr.Column(visible=not number) as column:
                    forms.append(_form(studio, plugin, trainer, models, keys))
                columns.append(column)
            which.change(
                lambda chosen: (
                    [gr.Column(visible=title == chosen) for title in titles] if len(titles) > 1 else gr.Column()
                ),
                which,
                columns,
                **QUICK,
            )
        with gr.Column(scale=6, min_width=340):
            panel = _runs(studio, plugin, which, keys)
    panel.models = models
    for connect in forms:
        connect(panel)
    return panel


def _limits(settings: Settings) -> str:
    """What this server allows, as far as it is less than everything."""
    lines = [f"A run here has at most {settings.max_steps} steps."] if settings.max_steps else []
    lines += (
        [f"It is stopped, with its best weights, after {settings.max_seconds} seconds."] if settings.max_seconds else []
    )
    if settings.zero_gpu:
        lines += ["It trains on the CPU: ZeroGPU lends its GPU to single calls, not to a process of its own."]
    if settings.training == "signed-in":
        lines += ["Sign in to train."]
    return "Training is switched off here." if settings.training == "off" else " ".join(lines)


def _form(
    studio: Studio, plugin: Plugin, trainer: Trainer, models: list[Component], keys: dict[str, Component]
) -> Callable[[TrainPanel], None]:
    """Draw one trainer's form; returns what connects its buttons once the monitor is there."""
    form = settings_form(trainer.settings)
    models += [form[name] for name in trainer.settings.weights_fields()]
    if trainer.key:
        keys[trainer.name] = gr.Textbox(label="Key", info=trainer.key, type="password", max_lines=1)
    with gr.Row():
        check = gr.Button("Check the data", elem_id=f"check-{plugin.name}-{trainer.name}")
        start = gr.Button("Start training", variant="primary", elem_id=f"start-{plugin.name}-{trainer.name}")
    sheet = gr.HTML(visible=False, elem_classes="preflight")
    with gr.Accordion("Copy as Python, command or YAML", open=False) as copy_as:
        boxes = [
            gr.Code(label="Python", language="python", interactive=False),
            gr.Code(label="Command", language="shell", interactive=False),
            gr.Code(label="run.yaml", language="yaml", interactive=False),
        ]
    names, inputs = list(form), list(form.values())

    def read(values: tuple[Any, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
        return settings_values(trainer.settings, dict(zip(names, values, strict=True)))

    def on_check(request: gr.Request, *values: Any) -> Any:
        settings, files = read(values)
        sheet = studio.check(plugin.name, trainer.name, settings, files, visitor(request))
        return gr.HTML(sheet_html(sheet), visible=True)

    def on_start(request: gr.Request, token: gr.OAuthToken | None, *values: Any) -> tuple[str, Any, str]:
        (settings, files), key = read(values[: len(names)]), values[len(names) :]
        given = plugin.name, trainer.name, settings, files
        run = studio.train(*given, visitor(request), hub_token(studio, token), *key)
        return run["id"], run_choices(studio, plugin, request, run["id"]), ""

    def on_copy(request: gr.Request, *values: Any) -> tuple[str, str, str]:
        given = (plugin.name, trainer.name, *read(values))
        url = request.headers.get("origin") or recipe.LOCAL
        return recipe.as_python(*given, url), recipe.as_command(*given), recipe.as_yaml(*given)

    def connect(panel: TrainPanel) -> None:
        check.click(told(on_check), inputs, sheet, **CHECKS, **PRIVATE)
        started = [panel.monitor, panel.chosen, panel.report]
        secret = [keys[trainer.name]] if trainer.key else []
        start.click(told(on_start), [*inputs, *secret], started, **SPOKEN).success(
            None, panel.monitor, None, js=REMEMBER
        )
        copy_as.expand(told(on_copy), inputs, boxes, **QUICK)
        for component in inputs:
            component.change(  # type: ignore[attr-defined] - every input has it; gradio adds events to the classes as it runs
                told(on_copy), inputs, boxes, trigger_mode="always_last", **QUICK
            )

    return connect


def _runs(studio: Studio, plugin: Plugin, which: gr.Radio, keys: dict[str, Component]) -> TrainPanel:
    """Draw the right half: which run, the monitor, the buttons, the report."""

    def fetch(run_id: str, offset: int) -> dict[str, Any]:
        # An unguessable id is the right to look: a monitor's poll carries no session.
        try:
            return studio.events(studio.runs.get(run_id), offset)
        except UserError as error:
            return {"error": str(error)}

    # Any value is let through, since a restarted server has forgotten what it offered; `find` checks it.
    chosen = gr.Dropdown(
        [],
        label="Run",
        info="Your runs, the newest first.",
        elem_id=f"run-{plugin.name}",
        allow_custom_value=True,
    )
    monitor = RunMonitor(fetch, elem_id=f"monitor-{plugin.name}")
    with gr.Row():
        stop = gr.Button("Stop and keep the best", variant="stop", scale=2, min_width=200)
        resume = gr.Button("Resume", min_width=90)
        delete = gr.Button("Delete", min_width=90)
    report = gr.HTML(elem_classes="report")

    def find(run_id: str | None, request: gr.Request) -> Any:
        if not run_id:
            raise UserError("Choose a run first.")
        return studio.run(run_id, visitor(request))

    def on_stop(run_id: str, request: gr.Request) -> None:
        studio.cancel(find(run_id, request))
        gr.Info("Stopping: a checkpoint is written and the best weights are kept.")

    def on_resume(run_id: str, request: gr.Request, token: gr.OAuthToken | None, *given: str) -> str:
        run = find(run_id, request)
        key = dict(zip(keys, given, strict=True)).get(run.config()["trainer"], "")
        studio.resume(run, visitor(request), hub_token(studio, token), key or "")
        return run_id

    def on_choose(run_id: str | None, request: gr.Request) -> tuple[str, Any, str]:
        return run_id or "", form_of(studio, plugin, request, run_id or ""), ""

    def on_news(run_id: str, request: gr.Request) -> str:
        return report_html(studio.report(find(run_id, request)))

    def on_delete(run_id: str | None, request: gr.Request) -> tuple[Any, Any, Any]:
        if run_id is None:  # thought better of it
            return gr.skip(), gr.skip(), gr.skip()
        find(run_id, request).delete()
        return "", run_choices(studio, plugin, request, None), ""

    chosen.input(on_choose, chosen, [monitor, which, report], **QUICK).then(None, monitor, None, js=REMEMBER)
    monitor.submit(told(on_news), monitor, report, **QUICK)  # type: ignore[attr-defined] - added as gradio runs
    # The buttons act on the run that is shown, at every press: an answer that a restarted server never sent must not block them.
    again: dict[str, Any] = {**SPOKEN, "trigger_mode": "multiple"}
    stop.click(told(on_stop), monitor, None, **again)
    resume.click(told(on_resume), [monitor, *keys.values()], monitor, **again)
    delete.click(told(on_delete), monitor, [monitor, chosen, report], js=ASK, **SPOKEN).success(
        None, monitor, None, js=REMEMBER
    )
    return TrainPanel(monitor, which, chosen, report)


def form_of(studio: Studio, plugin: Plugin, request: gr.Request, run_id: str) -> Any:
    """The choice of what to train, moved to what made this run, so that its form stands beside it."""
    try:
        trainer = studio.run(run_id, visitor(request)).config()["trainer"]
        return gr.Radio(value=plugin.trainer(trainer).title)
    except UserError:  # no such run: the monitor says so
        return gr.skip()


def run_choices(
    studio: Studio, plugin: Plugin, request: gr.Request, chosen: str | None, *, with_weights: bool = False
) -> Any:
    """The dropdown of one's own runs of this plugin, the chosen one kept."""
    runs = studio.own_runs(visitor(request), plugin, with_weights=with_weights)
    choices = [(_run_label(run.describe()), run.id) for run in runs]
    return gr.Dropdown(choices, value=chosen if chosen in [value for _, value in choices] else None)


def _run_label(about: dict[str, Any]) -> str:
    best = next(iter(about["best"].items()), None)
    score = f" · {best[0]} {best[1]:.3f}" if best and best[1] is not None else ""
    return f"{about['trainer']} {about['id'][-6:]} · {about['status']}{score} · {about['size_bytes'] / 2**20:.1f} MB"


def sheet_html(sheet: dict[str, Any]) -> str:
    """The preflight sheet as a table; every text in it is escaped."""
    rows = "".join(
        f'<tr class="{row["level"]}"><td><span class="light">{row["level"]}</span></td><td>{html.escape(row["title"])}<br><small>{html.escape(row["detail"])}</small></td></tr>'
        for row in sheet["findings"]
    )
    columns = (
        table_html(list(sheet["columns"][0]), [list(column.values()) for column in sheet["columns"]])
        if sheet["columns"]
        else ""
    )
    return f'<table class="sheet" data-verdict="{sheet["verdict"]}">{rows}</table>' + (
        f"<details><summary>Columns</summary>{columns}</details>" if columns else ""
    )


def report_html(report: dict[str, Any]) -> str:
    """The tables of the best evaluation."""
    if not report:
        return "<p>No report yet: it is written at the first evaluation.</p>"
    return "".join(
        f"<h4>{html.escape(title)}</h4>{table_html(table['columns'], table['rows'])}" for title, table in report.items()
    )


def table_html(columns: list[Any], rows: list[list[Any]]) -> str:
    """A plain table; every cell is escaped."""
    head = "".join(f"<th>{html.escape(str(column))}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(_cell(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table class="plain"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(cell: Any) -> str:
    return ", ".join(map(str, cell)) if isinstance(cell, list | tuple) else "" if cell is None else str(cell)
