"""Publish the endpoints with Gradio: the shell's own, and each plugin's."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import gradio as gr

from spaces_app.api import checks, hf_jobs, hub, plugins, run_table, runs
from spaces_app.api.bind import bind
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
}


def publish(services: Services) -> None:
    """Add every endpoint to the page being built."""
    for module, options in SHELL.items():
        for function in public_functions(module):
            gr.api(bind(function, services), api_name=function.__name__, **options)
    for plugin in services.plugins.all():
        for function in plugin_endpoints(services, plugin):
            gr.api(function, api_name=function.__name__, **MODEL_QUEUE)
        for function in document_endpoints(services, plugin):
            gr.api(function, api_name=function.__name__, **NO_QUEUE)


def public_functions(module: ModuleType) -> Iterator[Callable[..., Any]]:
    """The functions that a module defines, in the order of its text, without those named with an underscore."""
    for name, value in vars(module).items():
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_"):
            yield value
