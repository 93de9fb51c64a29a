"""Fill the page when it opens: choices of weights and runs, the run that the address names, lost runs."""

from __future__ import annotations

from typing import Any

import gradio as gr

from spaces_app.events import UNLIMITED, UNQUEUED
from spaces_app.identity import visitor
from spaces_app.page.plugin_tab import PluginTab, opened
from spaces_app.services import Services
from training.home import RUN_ID


def fill_on_load(demo: gr.Blocks, services: Services, tabs: gr.Tabs, rendered: dict[str, PluginTab]) -> None:
    """Fill each plugin's tab on load, and open the one whose run the address names (`?run=…`)."""
    outputs = [tabs, *(component for tab in rendered.values() for component in tab.components())]

    def fill(request: gr.Request) -> list[Any]:
        named = request.query_params.get("run", "")
        run_id = named if RUN_ID.fullmatch(named) else ""
        owner = next((name for name in rendered if run_id.startswith(f"{name}-")), None)
        values: list[Any] = [gr.Tabs(selected=owner) if owner else gr.skip()]
        for name, tab in rendered.items():
            values += opened(services, tab, request, run_id if name == owner else "")
        return values

    def announce_lost(request: gr.Request) -> None:
        lost = services.runs.lost(visitor(request))
        if lost:
            runs = "A run" if len(lost) == 1 else f"{len(lost)} runs"
            gr.Warning(
                f"{runs} stopped unexpectedly: {', '.join(lost[:3])}. Resume continues from the last checkpoint.",
                title="Lost",
            )

    demo.load(fill, None, outputs, **UNQUEUED)
    demo.load(announce_lost, None, None, **UNLIMITED)
