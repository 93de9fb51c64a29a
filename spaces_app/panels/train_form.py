"""The training form of a kind, as a path: data, what was found, what to start from, how long; the rest folded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from plugins._contract import Kind, Plugin
from plugins._ui.events import boxed, message_area, on_box, sentence
from spaces_app.events import CHECK_QUEUE, UNLIMITED, UNQUEUED
from spaces_app.identity import hub_token, visitor
from spaces_app.page import routes
from spaces_app.panels import copy_as
from spaces_app.panels.data_source import HUB, OWN, SAMPLE, DataSource
from spaces_app.panels.settings_form import (
    HUB_DATA,
    initial_value,
    render_fields,
    render_file,
    sections,
    settings_values,
)
from spaces_app.panels.tables import columns_of, found_html
from spaces_app.services import Services
from spaces_app.services.run_request import RunRequest
from training.errors import UserError
from training.settings import AUTO, parse_settings

SHOW_WRONG = (  # the first field that is refused, once its sentence is there
    "() => { setTimeout(() => document.querySelector('.validation-error')"
    "?.scrollIntoView({ block: 'center', behavior: 'smooth' }), 600); }"
)
GO = "(address) => { if (address) location.href = address; }"
NOTHING = "<p>Choose data: what is found in them is shown here.</p>"
LOOK: dict[str, Any] = {"concurrency_limit": 2, "concurrency_id": "looks", "show_progress": "hidden"}


class TrainForm:
    """The form's components, and what they hold as a request to train."""

    def __init__(self, services: Services, plugin: Plugin, kind: Kind):
        self.services, self.plugin, self.kind = services, plugin, kind
        self.settings = kind.trained_by
        self.fields: dict[str, Component] = {}
        self._render()
        self._connect()

    # -- render ----------------------------------------------------------------------------------------------------

    def _render(self) -> None:
        parts, settings = sections(self.settings), self.settings
        more_files = parts.files[1:]
        gr.Markdown(_about(self.kind), elem_classes="studio-summary")
        with _step(1, "Data"):
            self.source = DataSource(self.kind, parts.files[:1])
            with gr.Accordion("More files", open=False, visible=bool(more_files)):
                files = {name: render_file(settings, name) for name in more_files}
            self.fields |= self.source.fields | files
        with _step(2, "What was found"):
            self.looked = message_area()
            self.found = gr.HTML(NOTHING, elem_classes="preflight")
            self.fields |= render_fields(settings, parts.columns)
        if parts.weights:
            with _step(3, "Start from"):
                self.fields |= render_fields(settings, parts.weights)
        self.in_sight = {*parts.columns, *parts.weights, *parts.length}
        self.secret = gr.Textbox(
            label="Key", info=self.kind.secret, type="password", max_lines=1, visible=bool(self.kind.secret)
        )
        if parts.length:
            with _step(4 if parts.weights else 3, "How long"):
                self.fields |= render_fields(settings, parts.length)
        with gr.Accordion("All settings", open=False):
            for title, names in (
                ("Model and objective", parts.main + parts.more),
                ("Optimiser, evaluation and machine", parts.training),
            ):
                if names:
                    gr.Markdown(f"**{title}**")
                    self.fields |= render_fields(settings, names)
        with gr.Accordion("Copy as Python, command or YAML", open=False) as self.copies:
            self.code = [
                gr.Code(label="Python", language="python", interactive=False),
                gr.Code(label="Command", language="shell", interactive=False),
                gr.Code(label="run.yaml", language="yaml", interactive=False),
            ]
        with gr.Column(elem_classes="action-bar"):
            self.message = message_area()
            with gr.Row():
                self.check = gr.Button("Check the data", elem_id="check")
                self.start = gr.Button("Start training", variant="primary", elem_id="start")
        self.address = gr.Textbox(visible=False)

    # -- what it holds ---------------------------------------------------------------------------------------------

    @property
    def inputs(self) -> list[Component]:
        """The components whose values `request` takes, in order."""
        return [*self.source.choices, *self.fields.values()]

    def request(self, values: tuple[Any, ...]) -> RunRequest:
        """What is asked for.

        Raises:
            UserError: If no data are chosen.
        """
        chosen, held = self._split(values)
        settings, files = settings_values(self.settings, held)
        settings, files = self.source.applied(chosen, settings, files)
        return RunRequest(self.plugin.name, self.kind.name, settings, files)

    def _split(self, values: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What the source of the data and the fields hold, of the values of `inputs`."""
        number = len(self.source.choices)
        return values[:number], dict(zip(self.fields, values[number:], strict=True))

    def filled(self, values: Mapping[str, Any]) -> list[Any]:
        """Updates of the fields: the given values, and for the rest their defaults."""
        return [
            component.__class__(value=values.get(name, initial_value(self.settings, name)))
            for name, component in self.fields.items()
        ]

    # -- events ----------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        columns = [name for name in self.fields if name.endswith("_column")]

        def look(request: gr.Request, *values: Any) -> Any:
            chosen, held = self._split(values)
            if self.source.is_empty(chosen, held):
                return [NOTHING, *[gr.skip()] * len(columns)]
            sheet = self.services.checks.look(self.request(values), visitor(request))
            choices = gr.Dropdown(choices=["", *columns_of(sheet)])
            return [found_html(sheet), *[choices] * len(columns)]

        def check(request: gr.Request, *values: Any) -> str:
            return found_html(self.services.checks.check(self.request(values), visitor(request)))

        def start(request: gr.Request, token: gr.OAuthToken | None, *values: Any) -> str:
            *held, key = values
            token_of_visitor = hub_token(self.services.settings, token)
            run = self.services.runs.train(self.request(tuple(held)), visitor(request), token_of_visitor, key or "")
            return routes.link(routes.RUN, run=run["id"])

        def copy(request: gr.Request, *values: Any) -> tuple[str, ...]:
            try:
                asked, url = self.request(values), request.headers.get("origin") or copy_as.LOCAL_URL
            except UserError as error:
                return (f"# {error}",) * 3
            return copy_as.as_python(asked, url), copy_as.as_command(asked), copy_as.as_yaml(asked)

        self.look, self.looked_at = look, [self.found, *(self.fields[name] for name in columns)]
        looks = [self.fields[name].change for name in self.settings.file_fields()]  # type: ignore[attr-defined]
        looks += self.source.changes
        on_box(looks, look, self.inputs, self.looked_at, self.looked, **LOOK)
        on_box(self.check.click, check, self.inputs, self.found, self.message, **CHECK_QUEUE)
        started = on_box(
            self.start.click, start, [*self.inputs, self.secret], self.address, self.message, **UNLIMITED,
            validator=self._validate,
        )  # fmt: skip
        self.start.click(None, None, None, js=SHOW_WRONG)
        started.success(None, self.address, None, js=GO)
        changes: list[Any] = [getattr(component, "change") for component in self.inputs]  # noqa: B009 - added at run time
        gr.on([self.copies.expand, *changes], copy, self.inputs, self.code, trigger_mode="always_last", **UNQUEUED)

    def _validate(self, *values: Any) -> list[Any]:
        """A sentence beside each field that cannot have its value; of those in a fold, the start says it."""
        wrong: dict[str, str] = {}
        settings, _ = settings_values(self.settings, self._split(values[:-1])[1])
        try:
            parse_settings(self.settings, settings)
        except UserError as error:
            lines = [line.partition(": ") for line in str(error).splitlines()]
            wrong = {name: sentence for name, _, sentence in lines if name in self.in_sight}
        checks = [gr.validate(name not in wrong, wrong.get(name, "")) for name in self.fields]
        return [*(gr.validate(True, "") for _ in self.source.choices), *checks, gr.validate(True, "")]

    def connect(self, demo: gr.Blocks) -> None:
        """Fill the form when the page opens: `?sample=…`, `?data=TOKEN` of what was sent, `?model=…`, `?from=RUN`."""

        def opened(request: gr.Request) -> list[Any]:
            values, source, problem = self._asked_for(request)
            names = self.services.models.labels(self.plugin, visitor(request))
            updates = dict(zip(self.fields, self.filled(values), strict=True))
            for name in self.settings.weights_fields():
                updates[name] = self._weights(name, names, values)
            return [*source, *updates.values(), problem]

        filled = demo.load(opened, None, [*self.source.outputs, *self.fields.values(), self.message], **UNQUEUED)
        look, shown = boxed(self.look, self.inputs, self.looked_at, self.looked)
        filled.then(look, self.inputs, shown, **LOOK)

    def _asked_for(self, request: gr.Request) -> tuple[dict[str, Any], list[Any], str]:
        """Values of fields, updates of the data's source, and what is wrong, of what the page's address asks."""
        model, sample, run_id = (routes.query(request, name) for name in ("model", "sample", "from"))
        values: dict[str, Any] = {}
        source = self.source.opened(SAMPLE if sample else "", sample)
        if run_id:
            values, has_file = self._values_of(run_id, request)
            source = self.source.opened(OWN if has_file else HUB if values.get(HUB_DATA) else "")
        weights = self.settings.weights_fields()
        if model and weights:
            values[weights[0]] = model
        values |= {name: given for name in weights if (given := routes.query(request, name))}
        if token := routes.query(request, "data"):
            try:
                values[self.source.file] = str(self.services.sent.open(token, visitor(request)))
            except UserError as error:
                return values, source, sentence(error)
            source = self.source.opened(OWN)
        return values, source, ""

    def _values_of(self, run_id: str, request: gr.Request) -> tuple[dict[str, Any], bool]:
        """The settings of a run of this kind, its files among them; none of another's run, or of one that is gone."""
        try:
            run = self.services.runs.get(run_id, visitor(request))
            settings = run.settings(self.settings)
        except UserError:
            return {}, False
        values = {name: value for name, value in settings.changed().items() if name in self.fields}
        files = [name for name in self.settings.file_fields() if values.get(name)]
        values |= {name: str(run.folder / values[name]) for name in files}
        return values, bool(files)

    def _weights(self, name: str, labels: Mapping[str, str], values: Mapping[str, Any]) -> Any:
        chosen = values.get(name, self.settings.model_fields[name].default)
        auto = [("auto: the starter, where it fits the data", AUTO)] if self.settings.has_auto(name) else []
        offered = [*auto, *((label, each) for each, label in labels.items()), ("From scratch", "")]
        return gr.Dropdown(offered, value=chosen)


def _step(number: int, title: str) -> Any:
    """A step of the path, with its heading."""
    group = gr.Column(elem_classes="step")
    with group:
        gr.HTML(f'<h2 class="step-title"><span>{number}</span> {title}</h2>', padding=False)
    return group


def _about(kind: Kind) -> str:
    return f"## {kind.title}\n{kind.card.summary}".strip()
