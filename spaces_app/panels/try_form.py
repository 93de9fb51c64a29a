"""The Try tab of a plugin that renders none: a form per endpoint, from its signature."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._contract import streams
from spaces_app.panels.endpoint_form import endpoint_form, endpoint_values, result_component
from spaces_app.panels.workbench import PluginWorkbench


def render(workbench: PluginWorkbench) -> None:
    """Render the tab."""
    with gr.Tab("Try"):
        weights = workbench.weights_picker()
        for endpoint in workbench.plugin.endpoints:
            with gr.Group():
                title = endpoint.__name__.replace("_", " ").capitalize()
                gr.Markdown(f"**{title}**: {(endpoint.__doc__ or '').strip().splitlines()[0]}")
                inputs, result = endpoint_form(endpoint), result_component(endpoint)
                gr.Button("Run", variant="primary").click(_handler(workbench, endpoint), [weights, *inputs], result)


def _handler(workbench: PluginWorkbench, endpoint: Callable[..., Any]) -> Callable[..., Any]:
    def call(weights: str, *values: Any) -> Any:
        result = workbench.call(endpoint, weights, *endpoint_values(endpoint, values))
        return str(result) if isinstance(result, Path) else result

    def stream(weights: str, *values: Any) -> Iterator[Any]:
        yield from workbench.stream(endpoint, weights, *endpoint_values(endpoint, values))

    return stream if streams(endpoint) else call
