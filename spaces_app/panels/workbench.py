"""The workbench that a plugin's tab is given: a choice of weights, and calls of its functions on the chosen model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from plugins._contract import Plugin
from spaces_app.panels import document
from spaces_app.services import Services


class PluginWorkbench:
    """The `Workbench` of the contract, for one plugin."""

    def __init__(self, services: Services, plugin: Plugin):
        self.services, self.plugin = services, plugin
        self.pickers: list[gr.Dropdown] = []
        self._empty: list[gr.Dropdown] = []  # would begin with a starter, but the plugin ships none

    def weights_picker(self, label: str = "Weights", starter: str | None = None) -> gr.Dropdown:
        """A dropdown of starters and own runs; a Hub id can be typed in. The page keeps its choices fresh."""
        first = self.plugin.default_weights("") if starter is None else starter
        info = "A starter, one of your runs, or owner/repo of the Hub."
        picker = gr.Dropdown([first] if first else [], value=first, label=label, info=info, allow_custom_value=True)
        self.pickers.append(picker)
        if starter is None and not first:
            self._empty.append(picker)
        return picker

    def update(self, picker: gr.Dropdown, names: list[str], chosen: str | None = None) -> gr.Dropdown:
        """New choices for a picker. No value is sent, so what is chosen or typed meanwhile stays."""
        fill = picker in self._empty and names and not chosen
        return gr.Dropdown(choices=names, value=names[0]) if fill else gr.Dropdown(choices=names)

    def call(self, endpoint: Callable[..., Any], weights: str | None, *args: Any) -> Any:
        """Call a function of a module on the model of that name."""
        return self.services.models.call(self.plugin.name, endpoint, weights or "", *args)

    def stream(self, endpoint: Callable[..., Iterator[Any]], weights: str | None, *args: Any) -> Iterator[Any]:
        """As `call`, for a function that yields."""
        yield from self.services.models.stream(self.plugin.name, endpoint, weights or "", *args)

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
