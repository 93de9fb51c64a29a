"""The page: a header, a tab a plugin with Try, Look inside, Train and Publish, and a tab for a plugin that failed."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._contract import Plugin, streams
from plugins._discovery import Found, discover
from spaces_app import api, hub_panel, train_panel
from spaces_app.access import told, visitor
from spaces_app.settings import Settings
from spaces_app.studio import Studio
from spaces_app.theme import CSS, HEAD, THEME
from spaces_app.train_panel import QUICK, SPOKEN, TrainPanel
from spaces_app.widgets import endpoint_form, endpoint_values, result_component
from spaces_app.workbench import Bench
from training.runs.run import RUN_ID

TITLE = "Selfsup Studio"
TRAIN = "train"  # the id of that tab in each plugin's tabs
HEADER = """<header class="studio-header"><h1>Selfsup Studio</h1>
<p>Self-supervised models: see what they do, train them on your own data, publish them, call them from anywhere.</p></header>"""


def build(settings: Settings | None = None, found: list[Found] | None = None) -> gr.Blocks:
    """Build the page. Its `studio` attribute holds the runs; `start` it to work the queue."""
    settings = settings or Settings.from_environment()
    studio = Studio(settings, discover() if found is None else found)
    pages = [_page(studio, one) for one in studio.found]
    rooms: dict[str, Room] = {}
    with gr.Blocks(title=TITLE, fill_width=False, analytics_enabled=False, delete_cache=(3600, 86_400)) as demo:
        api.publish(studio)  # first, so that no event of a tab takes an endpoint's name
        published = set(demo.fns)
        gr.HTML(HEADER)
        if settings.on_space:
            with gr.Row():
                gr.LoginButton(size="sm")
                gr.DuplicateButton(size="sm")
        with gr.Tabs() as tabs:
            for one, (page, room) in zip(studio.found, pages, strict=True):
                with gr.Tab(one.plugin.title if room and one.plugin else f"⚠ {one.name}", id=one.name):
                    page.render()
                rooms |= {one.name: room} if room else {}
        if not studio.found:
            gr.Markdown("No plugin was found. `SELFSUP_PLUGINS` may name none that is there.")
        _fill_on_load(demo, studio, tabs, rooms)
    for number, event in demo.fns.items():
        event.api_visibility = "public" if number in published else "private"
    demo.studio = studio  # type: ignore[attr-defined]
    return demo


def launch_options(settings: Settings | None = None) -> dict[str, Any]:
    """What `launch()` is called with; name and port come from Gradio's own variables."""
    settings = settings or Settings.from_environment()
    return {
        "theme": THEME,
        "css": CSS,
        "head": HEAD,
        "mcp_server": settings.mcp,
        "ssr_mode": False,
        "run_history": False,
        "show_error": False,
        "enable_monitoring": False,
        "max_file_size": settings.max_upload_mb * 2**20,
        "footer_links": ["api", "settings"],
        "state_session_capacity": 500,
        "_frontend": False,  # or Gradio asks its own page at once, and on a busy machine gives up after 3 s: no server at all
    }


class Room:
    """One plugin's tab: what the shell fills when the page opens."""

    def __init__(
        self,
        plugin: Plugin,
        bench: Bench,
        inner: gr.Tabs,
        panel: TrainPanel,
        published: tuple[gr.Dropdown, gr.Dropdown],
    ):
        self.plugin, self.bench, self.inner, self.panel = plugin, bench, inner, panel
        self.publish, self.sent = published

    def components(self) -> list[Any]:
        return [
            self.inner,
            self.panel.monitor,
            self.panel.which,
            self.panel.chosen,
            self.publish,
            self.sent,
            *self.panel.models,
            *self.bench.pickers,
        ]


def _page(studio: Studio, one: Found) -> tuple[gr.Blocks, Room | None]:
    """Draw a plugin's tab as a page of its own, so that one that fails leaves nothing behind but its reason."""
    reason = (one.error, one.details)
    if one.plugin:
        try:
            with gr.Blocks(analytics_enabled=False) as page:
                room = _draw(studio, one.plugin)
            return page, room
        except Exception as error:  # a stranger's code draws here
            reason = (f"{type(error).__name__}: {error}", traceback.format_exc())
            studio.drop(one.name, *reason)
    with gr.Blocks(analytics_enabled=False) as page:
        _failure(one.name, one.origin, *reason)
    return page, None


def _failure(name: str, origin: str, error: str, details: str) -> None:
    gr.Markdown(f"### {name} could not be loaded\nFrom `{origin}`. The rest of the page works without it.")
    gr.Textbox(error, label="Reason", interactive=False)
    with gr.Accordion("Traceback", open=False):
        gr.Code(details, language=None, interactive=False)


def _draw(studio: Studio, plugin: Plugin) -> Room:
    bench = Bench(studio, plugin)
    gr.Markdown(plugin.summary, elem_classes="studio-summary")
    with gr.Tabs() as inner:
        (plugin.tab or _plain_try)(bench)
        with gr.Tab("Train", id=TRAIN):
            panel = train_panel.draw(studio, plugin)
        with gr.Tab("Publish"):
            published = hub_panel.draw(studio, plugin)
    room = Room(plugin, bench, inner, panel, published)
    _refresh_on_change(studio, room)
    return room


def _plain_try(bench: Any) -> None:
    """The Try tab of a plugin that draws none: a form for each endpoint, from its signature."""
    with gr.Tab("Try"):
        weights = bench.weights_picker()
        for endpoint in bench.plugin.endpoints:
            with gr.Group():
                gr.Markdown(
                    f"**{endpoint.__name__.replace('_', ' ').capitalize()}**: {(endpoint.__doc__ or '').strip().splitlines()[0]}"
                )
                inputs, result = endpoint_form(endpoint), result_component(endpoint)
                gr.Button("Run", variant="primary").click(
                    _caller(bench, endpoint), [weights, *inputs], result, api_visibility="private"
                )


def _caller(bench: Any, endpoint: Callable[..., Any]) -> Callable[..., Any]:
    def call(weights: str, *values: Any) -> Any:
        result = bench.call(endpoint, weights, *endpoint_values(endpoint, values))
        return str(result) if isinstance(result, Path) else result

    def stream(weights: str, *values: Any) -> Iterator[Any]:
        yield from bench.stream(endpoint, weights, *endpoint_values(endpoint, values))

    return told(stream if streams(endpoint) else call)


def _fill_on_load(demo: gr.Blocks, studio: Studio, tabs: gr.Tabs, rooms: dict[str, Room]) -> None:
    """When the page opens: choices of weights and runs, and the run that the address names, or each plugin's newest; which are lost."""
    outputs = [tabs, *(component for room in rooms.values() for component in room.components())]

    def fill(request: gr.Request) -> list[Any]:
        wanted = request.query_params.get("run", "")
        run_id = wanted if RUN_ID.fullmatch(wanted) else ""
        owner = next((name for name in rooms if run_id.startswith(f"{name}-")), None)
        values: list[Any] = [gr.Tabs(selected=owner) if owner else gr.skip()]
        for name, room in rooms.items():
            values += _room_values(studio, room, request, run_id if name == owner else "")
        return values

    def announce(request: gr.Request) -> None:
        lost = [run.id for run in studio.own_runs(visitor(request)) if run.status() == "lost"]
        if lost:
            gr.Warning(
                f"{'A run' if len(lost) == 1 else f'{len(lost)} runs'} ended without a word: {', '.join(lost[:3])}. Resume goes on from the last checkpoint.",
                title="Lost",
            )

    demo.load(fill, None, outputs, **QUICK)
    demo.load(announce, None, None, **SPOKEN)


def _refresh_on_change(studio: Studio, room: Room) -> None:
    """When one goes from tab to tab: offer the weights that a run has made meanwhile, and keep what was chosen."""
    outputs = [room.publish, room.sent, *room.panel.models, *room.bench.pickers]

    def refresh(request: gr.Request, published: str | None, sent: str | None, *chosen: str | None) -> list[Any]:
        names = studio.weights_names(room.plugin, visitor(request))
        weights = [gr.Dropdown(choices=names) for _ in room.panel.models]
        pickers = zip(room.bench.pickers, chosen[len(weights) :], strict=True)
        return [
            train_panel.run_choices(studio, room.plugin, request, published, with_weights=True),
            train_panel.run_choices(studio, room.plugin, request, sent),
            *weights,
            *(room.bench.offer(picker, names, value) for picker, value in pickers),
        ]

    room.inner.change(refresh, outputs, outputs, **QUICK)


def _room_values(studio: Studio, room: Room, request: gr.Request, run_id: str) -> list[Any]:
    names = studio.weights_names(room.plugin, visitor(request))
    weights = [gr.Dropdown(choices=names) for _ in room.panel.models]
    pickers = [room.bench.offer(picker, names) for picker in room.bench.pickers]
    newest = next((run.id for run in studio.own_runs(visitor(request), room.plugin)), "")
    shown = run_id or newest
    choices = train_panel.run_choices(studio, room.plugin, request, shown or None)
    published = train_panel.run_choices(studio, room.plugin, request, None, with_weights=True)
    selected = gr.Tabs(selected=TRAIN) if run_id else gr.skip()
    form = train_panel.form_of(studio, room.plugin, request, run_id) if run_id else gr.skip()
    sent = train_panel.run_choices(studio, room.plugin, request, None)
    return [selected, shown, form, choices, published, sent, *weights, *pickers]
