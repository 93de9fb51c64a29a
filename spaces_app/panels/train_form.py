"""The training form of a kind, as a path: data, what was found, what to start from, how long; the rest folded."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.components import Component

from plugins._contract import Kind, Plugin
from plugins._discovery import plugin_of_weights
from plugins._ui.events import message_area, sentence
from spaces_app.events import UNQUEUED
from spaces_app.identity import visitor
from spaces_app.page import routes
from spaces_app.panels.data_source import HUB, OWN, SAMPLE, DataSource
from spaces_app.panels.go_to import address_box
from spaces_app.panels.run_length import STEPS, RunLength
from spaces_app.panels.settings_form import (
    HUB_DATA,
    initial_value,
    render_fields,
    render_file,
    sections,
    settings_values,
)
from spaces_app.panels.stale import stale
from spaces_app.panels.starting_weights import StartingWeightsFields
from spaces_app.panels.train_events import NOTHING, TrainEvents
from spaces_app.services import Services
from spaces_app.services.run_request import RunRequest
from training.errors import UserError

# In the browser, at once: an answer of the server could come over what is typed meanwhile.
EMPTY = "(...numbers) => numbers.length > 1 ? numbers.map((each) => each || null) : numbers[0] || null"


class TrainForm:
    """The form's components, and what they hold as a request to train."""

    def __init__(self, services: Services, plugin: Plugin, kind: Kind):
        self.services, self.plugin, self.kind = services, plugin, kind
        self.settings = kind.trained_by
        self.fields: dict[str, Component] = {}
        self._render()
        self.events = TrainEvents(self)

    # -- render ----------------------------------------------------------------------------------------------------

    def _render(self) -> None:
        parts, settings = sections(self.settings), self.settings
        self.columns = parts.columns
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
        self.weights = self._render_weights(parts.weights)
        is_folded = not {*parts.more}.isdisjoint(settings.hosted_fields())
        if not is_folded:
            self.secret = self._render_secret()
        with _step(4 if parts.weights else 3, "How long", visible=bool(parts.length)):
            self.length = RunLength(settings, parts.length)
            self.fields |= self.length.fields
        self.folded = {*parts.main, *parts.more, *parts.training}
        with gr.Accordion("All settings", open=False) as self.fold:
            for title, names in (
                ("Model and objective", parts.main + parts.more),
                ("Optimiser, evaluation and machine", parts.training),
            ):
                if names:
                    gr.Markdown(f"**{title}**")
                    self.fields |= render_fields(settings, names)
            if is_folded:
                self.secret = self._render_secret()
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
        self.address = address_box()

    def _render_secret(self) -> gr.Textbox:
        """The key for a hosted model; it stands where that is named."""
        secret = self.kind.secret
        return gr.Textbox(label="Key", info=secret, type="password", max_lines=1, visible=bool(secret))

    def _render_weights(self, names: tuple[str, ...]) -> StartingWeightsFields:
        with _step(3, "Start from", "weights", visible=bool(names)):
            weights = StartingWeightsFields(self.kind, names, self.services.settings)
        self.fields |= weights.fields
        return weights

    # -- what it holds ---------------------------------------------------------------------------------------------

    @property
    def inputs(self) -> list[Component]:
        """The components whose values `request` takes, in order."""
        return [*self.source.choices, *self.length.choices, *self.fields.values()]

    def request(self, values: tuple[Any, ...], known: Mapping[str, int] | None = None) -> RunRequest:
        """What is asked for.

        Args:
            known: Preset -> its steps; by default as the last look at the data knows them.

        Raises:
            UserError: If no data are chosen, or a preset's steps are not known.
        """
        open_request = self.open_request(values)
        steps = self.length.steps(self.preset(values), self.held(values), known or self.known(values))
        return replace(open_request, values={**open_request.values, **steps})

    def open_request(self, values: tuple[Any, ...]) -> RunRequest:
        """What is asked for, with the steps left open.

        Raises:
            UserError: If no data are chosen.
        """
        source, _, held = self._split(values)
        settings, files = settings_values(self.settings, held)
        settings, files = self.source.applied(source, settings, files)
        settings.pop(STEPS, None)
        return RunRequest(self.plugin.name, self.kind.name, settings, files)

    def is_empty(self, values: tuple[Any, ...]) -> bool:
        """Whether no data are chosen yet."""
        source, _, held = self._split(values)
        return self.source.is_empty(source, held)

    def preset(self, values: tuple[Any, ...]) -> str:
        """The preset that counts; empty where a number of steps does.

        Raises:
            UserError: If a number is to count, and there is none.
        """
        _, length, held = self._split(values)
        return self.length.preset(length, held)

    def known(self, values: tuple[Any, ...]) -> dict[str, int]:
        """Preset -> its steps, of the last look at the data."""
        return dict(self._split(values)[1][1] or {})

    def held(self, values: tuple[Any, ...]) -> dict[str, Any]:
        """Field -> what it holds."""
        return self._split(values)[2]

    def _split(self, values: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...], dict[str, Any]]:
        """What the source of the data, the length and the fields hold, of the values of `inputs`."""
        first, second = len(self.source.choices), len(self.source.choices) + len(self.length.choices)
        return values[:first], values[first:second], dict(zip(self.fields, values[second:], strict=True))

    def filled(self, values: Mapping[str, Any]) -> list[Any]:
        """Updates of the fields: the given values, and for the rest their defaults."""
        return [
            component.__class__(value=values.get(name, initial_value(self.settings, name)))
            for name, component in self.fields.items()
        ]

    # -- opening the page ------------------------------------------------------------------------------------------

    def connect(self, demo: gr.Blocks) -> None:
        """Fill the form when the page opens: `?sample=…`, `?data=TOKEN` of what was sent, `?model=…`, `?from=RUN`."""

        def opened(request: gr.Request) -> list[Any]:
            values, source, problem = self._asked_for(request)
            updates = dict(zip(self.fields, self.filled(values), strict=True))
            if not values:  # the fields hold their defaults already, or what was typed since the page was there
                updates = dict.fromkeys(self.fields, gr.skip())
            for name, labels in self._labels(request).items():
                updates[name] = self._weights(name, labels, values)
            length = self.length.opened(values) if values else gr.skip()
            return [*source, length, *updates.values(), problem or gr.skip()]

        outputs = [*self.source.outputs, self.length.choice, *self.fields.values(), self.message]
        open_numbers = self._open_numbers()
        if open_numbers:
            demo.load(None, open_numbers, open_numbers, js=EMPTY, show_progress="hidden")
        self.events.look_when(demo.load(opened, None, outputs, **UNQUEUED).then)
        if fields := self.settings.weights_fields():
            gr.on([stale()], self._menus, None, [self.fields[name] for name in fields], **UNQUEUED)

    def _open_numbers(self) -> list[Component]:
        """Fields of numbers that are decided later; Gradio shows a 0 in them."""
        fields = self.fields.items()
        is_open = {name: initial_value(self.settings, name) is None for name in self.fields}
        return [component for name, component in fields if is_open[name] and isinstance(component, gr.Number)]

    def _menus(self, request: gr.Request) -> Any:
        """The menus of weights as they are now: runs end and are deleted meanwhile."""
        menus = [gr.Dropdown(self.weights.choices(name, labels)) for name, labels in self._labels(request).items()]
        return menus if len(menus) > 1 else menus[0]

    def _labels(self, request: gr.Request) -> dict[str, dict[str, str]]:
        """Field that names weights -> those that it offers, with what a person calls them."""
        fields = self.settings.weights_fields()
        owners: dict[str, Plugin] = {}
        for name in fields:
            with suppress(UserError):  # a plugin that is not here offers nothing
                owners[name] = plugin_of_weights(self.settings, name, self.plugin)
        plugins = {owner.name: owner for owner in owners.values()}
        labels = {name: self.services.models.labels(plugin, visitor(request)) for name, plugin in plugins.items()}
        return {name: labels[owners[name].name] if name in owners else {} for name in fields}

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
        paths = {name: run.folder / values.pop(name) for name in self.settings.file_fields() if values.get(name)}
        files = {name: path for name, path in paths.items() if path.is_file()}
        values |= {name: str(self.services.sent.copy_of(path, name)) for name, path in files.items()}
        return values, bool(files)

    def _weights(self, name: str, labels: Mapping[str, str], values: Mapping[str, Any]) -> Any:
        chosen = {"value": values.get(name, self.settings.model_fields[name].default)} if values else {}
        return gr.Dropdown(self.weights.choices(name, labels), **chosen)


def _step(number: int, title: str, style: str = "", visible: bool = True) -> Any:
    """A step of the path, with its heading."""
    group = gr.Column(elem_classes=["step", style] if style else "step", visible=visible)
    with group:
        gr.HTML(f'<h2 class="step-title"><span>{number}</span> {title}</h2>', padding=False)
    return group


def _about(kind: Kind) -> str:
    return f"## {kind.title}\n{kind.card.summary}".strip()
