"""Publish the endpoints with Gradio: the shell's own, and each plugin's."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import gradio as gr
from gradio.context import get_blocks_context

from spaces_app.api import checks, hf_jobs, hub, plugins, run_table, runs, weights
from spaces_app.api.bind import bind, caller_parameters
from spaces_app.api.docstring import describe
from spaces_app.api.documents import document_endpoints
from spaces_app.api.plugin_endpoints import plugin_endpoints
from spaces_app.events import CHECK_QUEUE, MODEL_QUEUE, NO_QUEUE
from spaces_app.services import Services

SHELL: dict[ModuleType, dict[str, Any]] = {
    plugins: NO_QUEUE,
    runs: NO_QUEUE,
    run_table: NO_QUEUE,
    checks: CHECK_QUEUE,
    hub: NO_QUEUE,
    hf_jobs: NO_QUEUE,
    weights: MODEL_QUEUE,
}


def publish(services: Services) -> None:
    """Add every endpoint to the page being built."""
    for module, options in SHELL.items():
        for function in public_functions(module):
            _add(bind(function, services), options)
    for plugin in services.plugins.all():
        for function in plugin_endpoints(services, plugin):
            _add(function, MODEL_QUEUE)
        for function in document_endpoints(services, plugin):
            _add(function, NO_QUEUE)


def public_functions(module: ModuleType) -> Iterator[Callable[..., Any]]:
    """The functions that a module defines, in the order of its text, without those named with an underscore."""
    for name, value in vars(module).items():
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_"):
            yield value


def _add(function: Callable[..., Any], options: dict[str, Any]) -> None:
    """Add one endpoint; its docstring describes it, its parameters and its result."""
    about = describe(function)
    function.__doc__ = about.render()
    gr.api(function, api_name=function.__name__, **options)
    page = get_blocks_context()
    assert page is not None  # gr.api has raised otherwise
    event = page.fns[max(page.fns)]
    names = [parameter.name for parameter in caller_parameters(function)]
    for name, component in zip(names, event.inputs, strict=True):
        _describe(component, name, about.parameters.get(name, ""))
    for component in event.outputs:  # the printed view_api shows no other text of an endpoint than its result's
        _describe(component, "result", " ".join(f"{about.text} Returns: {about.returns or 'the result.'}".split()))


def _describe(component: Any, label: str, meaning: str) -> None:
    """Let /info describe a value: JSON schema's name for it, and that which view_api prints."""
    component.label = label
    component._api_info = {**component._api_info, "description": meaning, "additional_description": meaning}
