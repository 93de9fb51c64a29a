"""What a plugin's tab may ask of the shell: weights by name, and endpoints bound to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from plugins._contract import Plugin
from spaces_app import document_panel
from spaces_app.access import told
from spaces_app.studio import Studio


class Bench:
    """The `Workbench` of the contract, for one plugin."""

    def __init__(self, studio: Studio, plugin: Plugin):
        self.studio, self.plugin = studio, plugin
        self.pickers: list[gr.Dropdown] = []
        self._open: list[gr.Dropdown] = []  # those that would begin with a starter, where the plugin ships none

    def weights_picker(self, label: str = "Weights", starter: str | None = None) -> gr.Dropdown:
        """A dropdown of starters and own runs; a Hub id can be typed in. The shell keeps its choices fresh."""
        first = self.plugin.default_weights("") if starter is None else starter
        info = "A starter, one of your runs, or owner/repo of the Hub."
        picker = gr.Dropdown([first] if first else [], value=first, label=label, info=info, allow_custom_value=True)
        self.pickers.append(picker)
        if starter is None and not first:
            self._open.append(picker)
        return picker

    def offer(self, picker: gr.Dropdown, names: list[str], chosen: str | None = None) -> gr.Dropdown:
        """New choices for a picker. What was chosen stays, also what is typed while they are on their way: no value is sent."""
        fill = picker in self._open and names and not chosen
        return gr.Dropdown(choices=names, value=names[0]) if fill else gr.Dropdown(choices=names)

    def call(self, endpoint: Callable[..., Any], weights: str | None, *args: Any) -> Any:
        """Run a function of a module on the weights of that name; what a user can mend becomes a message on the page."""
        return told(self.studio.call)(self.plugin.name, endpoint, weights or "", *args)

    def stream(self, endpoint: Callable[..., Iterator[Any]], weights: str | None, *args: Any) -> Iterator[Any]:
        """As `call`, for a function that yields."""
        yield from told(self.studio.stream)(self.plugin.name, endpoint, weights or "", *args)

    def document_fold(
        self,
        name: str,
        make: Callable[..., str],
        inputs: list[Any],
        show: Callable[[str], list[Any]],
        outputs: list[Any],
    ) -> None:
        """Draw a fold that sends a document to the Hub and opens one from there."""
        document = next(each for each in self.plugin.documents if each.name == name)
        document_panel.draw(self.studio, self.plugin, document, make, inputs, show, outputs)
