"""The Try tab of a plugin that renders none: a form per endpoint, from its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._endpoints import endpoints_of, streams
from plugins._ui.events import message_area, on_box
from spaces_app.panels.endpoint_form import endpoint_form, endpoint_values, result_component
from spaces_app.panels.settings_form import label_of
from spaces_app.panels.workbench import PluginWorkbench


def render(workbench: PluginWorkbench) -> None:
    """Render the tab: for each interface that a kind implements, a choice of weights and its endpoints."""
    interfaces = dict.fromkeys(kind.endpoints for kind in workbench.plugin.kinds if kind.endpoints)
    with gr.Tab("Try"):
        for interface in interfaces:
            bench = workbench.on(interface)
            if len(interfaces) > 1:
                gr.Markdown(f"## {bench.plugin.answering(interface)[0].title}")
            weights = bench.weights_picker()
            for endpoint in endpoints_of(interface).values():
                _render_endpoint(bench, endpoint, weights)


def _render_endpoint(bench: PluginWorkbench, endpoint: Callable[..., Any], weights: gr.Dropdown) -> None:
    with gr.Group():
        summary = (inspect.getdoc(endpoint) or "").splitlines()[0]
        gr.Markdown(f"**{label_of(endpoint.__name__)}**: {summary}")
        inputs, result = endpoint_form(endpoint), result_component(endpoint)
        button, message = gr.Button("Run", variant="primary"), message_area()
        on_box(button.click, _handler(bench, endpoint), [weights, *inputs], result, message)


def _handler(bench: PluginWorkbench, endpoint: Callable[..., Any]) -> Callable[..., Any]:
    def call(weights: str, *values: object) -> Any:
        result = bench.call(endpoint, weights, *endpoint_values(endpoint, values))
        return str(result) if isinstance(result, Path) else result

    def stream(weights: str, *values: object) -> Iterator[Any]:
        yield from bench.stream(endpoint, weights, *endpoint_values(endpoint, values))

    return stream if streams(endpoint) else call
