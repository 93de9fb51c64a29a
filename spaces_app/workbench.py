"""What a plugin's tab may ask of the shell: weights by name, and endpoints bound to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from plugins._contract import Plugin
from spaces_app.access import told, told_as_it_comes
from spaces_app.studio import Studio


class Bench:
    """The `Workbench` of the contract, for one plugin."""

    def __init__(self, studio: Studio, plugin: Plugin):
        self.studio, self.plugin = studio, plugin
        self.pickers: list[gr.Dropdown] = []

    def weights_picker(self, label: str = "Weights", starter: str | None = None) -> gr.Dropdown:
        """A dropdown of starters and own runs; a Hub id can be typed in. The shell keeps its choices fresh."""
        starter = self.plugin.default_weights("") if starter is None else starter
        info = "A starter, one of your runs, or owner/repo of the Hub."
        self.pickers.append(
            gr.Dropdown([starter] if starter else [], value=starter, label=label, info=info, allow_custom_value=True)
        )
        return self.pickers[-1]

    def call(self, endpoint: Callable[..., Any], weights: str | None, *args: Any) -> Any:
        """Run a function of a module on the weights of that name; what a user can mend becomes a message on the page."""
        return told(self.studio.call)(self.plugin.name, endpoint, weights or "", *args)

    def stream(self, function: Callable[..., Iterator[Any]], weights: str | None, *args: Any) -> Iterator[Any]:
        """What a generator function of a module yields on the weights of that name; errors as for `call`."""
        return told_as_it_comes(self.studio.stream)(self.plugin.name, function, weights or "", *args)
