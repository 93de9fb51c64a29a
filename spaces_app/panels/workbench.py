"""The workbench that a plugin's tab is given: a choice of weights, and calls on the chosen model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr
from gradio.context import Context

from plugins._contract import Kind, NewRun, Plugin
from plugins._endpoints import Endpoints
from spaces_app.identity import caller
from spaces_app.panels import document, send, start_run
from spaces_app.panels.run_choice import in_menu
from spaces_app.services import Services
from spaces_app.services.models import Function
from training.errors import UserError

PICKER_INFO = "A starter, one of your runs, or owner/repo of the Hub."


@dataclass(frozen=True)
class WeightsPicker:
    """A choice of weights on the page."""

    component: gr.Dropdown
    plugin: Plugin
    kinds: tuple[Kind, ...]  # whose weights it offers, the nearest first
    tabs: tuple[tuple[gr.Tabs, gr.Tab], ...]  # that it stands in, the outermost first
    first: str | None  # the starter that it begins with; None where it begins empty, as was asked for
    default: Callable[[], str]  # the starter that answers where no weights are named

    def update(
        self, weights: Mapping[str, Kind], labels: Mapping[str, str], chosen: str | None = None, wanted: str = ""
    ) -> gr.Dropdown:
        """New choices. No value is sent where there is one, so what is chosen or typed meanwhile stays.

        Args:
            weights: Name -> kind of all weights there are.
            labels: Name -> what a person calls them.
            chosen: What is chosen now.
            wanted: What is to be chosen.
        """
        names = in_menu((name for name, kind in weights.items() if kind in self.kinds), wanted)
        choices = [(labels.get(name, name), name) for name in names]
        lacks_first = self.first is not None and self.first not in weights  # none ships, or it was deleted
        fill = wanted or (self._in_its_place(names) if lacks_first and not chosen else "")
        return gr.Dropdown(choices=choices, value=fill) if fill else gr.Dropdown(choices=choices)

    def _in_its_place(self, names: list[str]) -> str:
        """What answers without the starter that it would begin with; empty where nothing does."""
        default = self.default()
        return default if default in names else next(iter(names), "")


class PluginWorkbench:
    """The `Workbench` of the contract, for one plugin and, after `on`, for one interface of it."""

    def __init__(
        self,
        services: Services,
        plugin: Plugin,
        endpoints: type[Endpoints] | None = None,
        pickers: list[WeightsPicker] | None = None,
        files: list[tuple[gr.Dropdown, gr.File]] | None = None,
        opened: dict[str, tuple[tuple[gr.Tabs, gr.Tab], ...]] | None = None,
    ):
        self.services, self.plugin, self.endpoints = services, plugin, endpoints
        self.pickers = [] if pickers is None else pickers
        self.files = [] if files is None else files  # each with the picker of its box
        self.opened = {} if opened is None else opened  # name of the address's query -> tabs that it opens

    def on(self, endpoints: type[Endpoints]) -> PluginWorkbench:
        """The workbench for weights that implement an interface: pickers list those alone, calls refuse others."""
        return PluginWorkbench(self.services, self.plugin, endpoints, self.pickers, self.files, self.opened)

    def other(self, plugin: str) -> PluginWorkbench | None:
        """The workbench for weights of another plugin: see the contract."""
        with suppress(UserError):
            found = self.services.plugins.get(plugin)
            return PluginWorkbench(self.services, found, None, self.pickers, self.files, self.opened)
        return None

    def weights_picker(self, label: str = "Weights", starter: str | None = None) -> gr.Dropdown:
        """A dropdown of starters and own runs; a Hub id can be typed in. The page keeps its choices fresh."""
        first = self.plugin.default_weights(self.endpoints) if starter is None else starter
        picker = gr.Dropdown(
            [first] if first else [], value=first, label=label, info=PICKER_INFO, allow_custom_value=True
        )
        kinds, default = self.plugin.answering(self.endpoints), partial(self.plugin.default_weights, self.endpoints)
        begins = None if starter == "" else first
        self.pickers.append(WeightsPicker(picker, self.plugin, kinds, _enclosing_tabs(), begins, default))
        return picker

    def call(self, function: Function, weights: str | None, *args: object) -> Any:
        """Call an endpoint of the weights of that name, or a function "module:name" with the loaded model first."""
        who = caller(self.services.settings)
        return self.services.models.call(who, self.plugin.name, self.endpoints, function, weights or "", *args)

    def stream(self, function: Function, weights: str | None, *args: object) -> Iterator[Any]:
        """As `call`, for what yields."""
        who = caller(self.services.settings)
        yield from self.services.models.stream(who, self.plugin.name, self.endpoints, function, weights or "", *args)

    def send_to(self, takes: str, make: Callable[..., Any], inputs: list[Any]) -> None:
        """Render a button for each kind that takes such data."""
        send.render(self.services, takes, make, inputs)

    def start_run(
        self, button: gr.Button, kind: str, make: Callable[..., NewRun], inputs: list[Any], message: gr.HTML
    ) -> None:
        """Let a button start a run: see the contract."""
        start_run.connect(self.services, self.plugin, kind, button, make, inputs, message)

    def opened_by(self, name: str) -> None:
        """Let the page's address open this tab: see the contract."""
        self.opened[name] = _enclosing_tabs()

    def take_data(self, weights: gr.Dropdown, file: gr.File) -> None:
        """Let the page's address fill a file: see the contract."""
        self.files.append((weights, file))

    def document_fold(
        self,
        name: str,
        make: Callable[..., str],
        inputs: list[Any],
        show: Callable[[str], list[Any]],
        outputs: list[Any],
    ) -> None:
        """Render an accordion that sends a document to the Hub and opens one from there."""
        shared = next(candidate for candidate in self.plugin.documents if candidate.name == name)
        document.render(self.services, self.plugin, shared, make, inputs, show, outputs)


def _enclosing_tabs() -> tuple[tuple[gr.Tabs, gr.Tab], ...]:
    """The tabs that are being rendered into, the outermost first; each gets an id, so that it can be selected."""
    tabs, block = [], Context.block
    while block is not None:
        if isinstance(block, gr.Tab) and isinstance(block.parent, gr.Tabs):
            block.id = f"tab-{block._id}" if block.id is None else block.id
            tabs.append((block.parent, block))
        block = block.parent
    return tuple(reversed(tabs))
