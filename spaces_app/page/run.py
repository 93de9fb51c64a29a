"""The page of one run (`?run=…`): the live monitor, its report, and what to do next."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import gradio as gr

from plugins._ui.events import message_area, on_box
from spaces_app.events import UNLIMITED, UNQUEUED
from spaces_app.identity import hub_token, visitor
from spaces_app.page import routes
from spaces_app.page.routes import link
from spaces_app.panels.go_to import address_box, go_after
from spaces_app.panels.monitor import RunMonitor
from spaces_app.panels.tables import report_html, result_html
from spaces_app.services import Services
from training.errors import UserError

# Every press counts: an answer that a restarted server never sent must not block the buttons.
REPEATABLE: dict[str, Any] = {**UNLIMITED, "trigger_mode": "multiple"}
STOP = {"queued": "Cancel", "running": "Stop and keep the best"}
CONFIRM_DELETE = "(run) => confirm('Delete this run, its data and its weights?') ? run : null"
CLICK_DOWNLOAD = "() => document.querySelector('#download-ready a, a#download-ready, #download-ready').click()"


def render(services: Services, demo: gr.Blocks) -> None:
    """Render the content."""

    def poll(run_id: str, offset: int, request: Any) -> dict[str, Any]:
        try:
            return services.runs.page_events(run_id, visitor(request), offset)
        except UserError as error:
            return {"error": str(error)}

    with gr.Column(elem_classes="action-bar top"):
        links = gr.HTML(elem_classes="next-links", padding=False)
        with gr.Row():
            stop = _button(STOP["running"], "stop")
            resume = _button("Resume", "primary")
            download, delete = _button("Download"), _button("Delete")
        key = gr.Textbox(label="Key", type="password", max_lines=1, visible=False)
        message = message_area()
    result = gr.HTML(elem_classes="report", padding=False)
    monitor = RunMonitor(poll, elem_id="monitor")
    report = gr.HTML(elem_classes="report", padding=False)
    ready = gr.DownloadButton("Download", elem_id="download-ready", visible="hidden")
    shown = [links, stop, resume, download, delete, key, result, report]

    def show(run_id: str, request: gr.Request) -> list[Any]:
        """What applies to the run as it is now."""
        try:
            run = services.runs.status(run_id, visitor(request))
        except UserError:  # the monitor says so
            return [_elsewhere(), *[gr.Button(visible=False)] * 4, gr.Textbox(visible=False), "", ""]
        found = services.runs.report(run_id, visitor(request))
        can_end = run["status"] in ("queued", "running")
        secret = services.runs.secret(run_id, visitor(request)) if run["can_resume"] else ""
        return [
            next_links(services, {**run, "session": services.runs.session(run_id, visitor(request))}),
            gr.Button(STOP.get(run["status"], ""), visible=can_end),
            gr.Button(visible=run["can_resume"]),
            gr.Button(visible=run["has_weights"]),
            gr.Button(visible=not can_end),
            gr.Textbox(visible=bool(secret), info=secret),
            result_html(found, run["status"]),
            report_html(found),
        ]

    def opened(request: gr.Request) -> list[Any]:
        run_id = routes.query(request, "run") or services.runs.newest(visitor(request))
        return [run_id, *show(run_id, request)]

    def on_stop(run_id: str, request: gr.Request) -> list[Any]:
        if services.runs.cancel(run_id, visitor(request))["status"] == "running":
            gr.Info("Stopping: a checkpoint is written and the best weights are kept.")
        return show(run_id, request)

    def on_resume(run_id: str, secret: str, request: gr.Request, token: gr.OAuthToken | None) -> list[Any]:
        services.runs.resume(run_id, visitor(request), hub_token(services.settings, token), secret or "")
        return [run_id, *show(run_id, request)]

    delete_run, pack = _deleter(services), _packer(services)
    demo.load(opened, None, [monitor, *shown], **UNQUEUED)
    monitor.submit(show, monitor, shown, **UNQUEUED)  # type: ignore[attr-defined] - added at run time
    stopped = on_box(stop.click, on_stop, monitor, shown, message, keep=shown, **REPEATABLE)
    resumed = on_box(resume.click, on_resume, [monitor, key], [monitor, *shown], message, keep=shown, **REPEATABLE)
    prepared = on_box(download.click, pack, monitor, ready, message, **UNLIMITED)
    prepared.success(None, None, None, js=CLICK_DOWNLOAD)
    address = address_box()
    deleted = on_box(delete.click, delete_run, monitor, address, message, js=CONFIRM_DELETE, **UNLIMITED)
    go_after(deleted, address)
    for pressed in (stopped, resumed, prepared, deleted):  # in another tab the run may have ended, or gone
        pressed.then(show, monitor, shown, **UNQUEUED)


def _deleter(services: Services) -> Callable[..., str]:
    def on_delete(run_id: str | None, request: gr.Request) -> str:
        """Delete the run; where to go then."""
        return link(routes.RUNS) if run_id and services.runs.delete(run_id, visitor(request)) else ""

    return on_delete


def _packer(services: Services) -> Callable[..., str]:
    def on_download(run_id: str, request: gr.Request) -> str:
        """The weights as a zip."""
        return str(services.runs.archive(run_id, visitor(request)))

    return on_download


def _button(text: str, variant: Any = "secondary") -> gr.Button:
    return gr.Button(text, variant=variant, size="md", scale=0, min_width=140, visible=False)


def next_links(services: Services, run: dict[str, Any]) -> str:
    """Links to what can be done with a run as it is, the most likely first."""
    plugin, kind, run_id = run["plugin"], run["trainer"], run["id"]
    form = routes.trainer(plugin, kind)
    answers = services.plugins.answers(plugin, kind)
    offered = [
        ("Try it", link(plugin, weights=run_id), run["has_weights"] and answers),
        ("Go on labelling", link(plugin, labels=run.get("session", "")), bool(run.get("session"))),
        ("Publish", link(routes.HUB, run=run_id), run["has_weights"]),
        ("Train on", link(form, model=run_id), run["has_weights"] and services.plugins.starts_from(plugin, kind)),
        ("Run again with other settings", link(form, **{"from": run_id}), run["status"] != "broken"),
        ("Compare", link(routes.RUNS, chosen=run_id), run["status"] != "broken"),
    ]
    is_over = run["status"] not in ("queued", "running")
    held = [(text, address) for text, address, holds in offered if holds]
    first = is_over and not run["can_resume"]  # else Resume is what one is here for
    links = [_anchor(text, address, main=first and not place) for place, (text, address) in enumerate(held)]
    uses = [_anchor(title, address) for title, address in _uses(services, run)] if run["has_weights"] else []
    first = f'<nav aria-label="Next">{"".join(links)}</nav>' if links else ""
    return first + (
        f'<nav aria-label="Use the weights in"><span>Use the weights in</span>{"".join(uses)}</nav>' if uses else ""
    )


def _elsewhere() -> str:
    """Where to go on from a page that has no run to show."""
    links = [_anchor("Train on sample data", link(routes.HOME), main=True), _anchor("Your runs", link(routes.RUNS))]
    return f'<nav aria-label="Next">{"".join(links)}</nav>'


def _anchor(text: str, address: str, main: bool = False) -> str:
    css = ' class="primary"' if main else ""
    return f'<a href="{html.escape(address, quote=True)}"{css}>{html.escape(text)}</a>'


def _uses(services: Services, run: dict[str, Any]) -> list[tuple[str, str]]:
    """Title and address of the training forms of other kinds that these weights can be used in."""
    plugin, kind = run["plugin"], run["trainer"]
    uses = (use.split(".") for use in services.plugins.feeds(plugin, kind))
    return [
        (services.plugins.title(plugin, other), link(routes.trainer(plugin, other), **{field: run["id"]}))
        for other, field in uses
    ]
