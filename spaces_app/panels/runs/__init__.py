"""The page of runs: table, comparison and sweeps, drawn in the browser by one `gr.HTML` that calls one Python function.

`render(services)` puts it where it is called. It asks for its data when it opens, so no event of the page fills it.
The browser's half is `static/*.js`, behind the monitor's charts. Nothing is ever interpolated into the templates, since
Gradio evaluates them as code in the browser.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from spaces_app.panels.monitor import CSS as MONITOR_CSS
from spaces_app.panels.monitor import STATIC as SHARED
from spaces_app.panels.runs.calls import Calls
from spaces_app.services import Services
from training.errors import UserError, disk_message

STATIC = Path(__file__).parent / "static"
CHARTS = ("format", "curves", "chart")  # of the monitor
SCRIPTS = ("state", "table", "dialogs", "compare", "scatter", "sweeps", "start")  # one program, in this order
HTML = '<div class="run-monitor runs-page"></div>'
logger = logging.getLogger(__name__)


class RunsTable(gr.HTML):
    """All runs of the visitor. Its charts need uPlot, which `page.theme.HEAD` brings."""

    def __init__(self, services: Services, **kwargs: Any):
        files = [SHARED / "monitor" / f"{name}.js" for name in CHARTS] + [STATIC / f"{name}.js" for name in SCRIPTS]
        super().__init__(
            html_template=HTML,
            css_template=MONITOR_CSS + (STATIC / "runs.css").read_text(encoding="utf-8"),
            js_on_load="\n".join(file.read_text(encoding="utf-8") for file in files),
            apply_default_css=False,
            server_functions=[_call_of(Calls(services))],
            **kwargs,
        )

    def get_block_name(self) -> str:
        """Gradio's own name of the class."""
        return "html"


def render(services: Services, demo: gr.Blocks | None = None) -> RunsTable:
    """Render the page's content.

    Args:
        demo: The page; nothing of it is needed, since the component asks for its data itself.
    """
    return RunsTable(services, elem_id="runs")


def _call_of(calls: Calls) -> Callable[[Any, gr.Request], dict[str, Any]]:
    """One server function for all: it takes [name, values] and answers with a result, or with an error as a sentence.

    Anybody can call it with anything.
    """

    def call(query: Any, request: gr.Request) -> dict[str, Any]:
        match query:
            case [str(name), dict(values)]:
                return _answer(calls, name, values, request)
            case _:
                return {"error": "Ask with [name, values]."}

    return call


def _answer(calls: Calls, name: str, values: dict[str, Any], request: gr.Request) -> dict[str, Any]:
    try:
        return {"result": calls.answer(name, values, request)}
    except UserError as error:
        return {"error": str(error)}
    except OSError as error:
        logger.exception("%s failed", name)
        return {"error": disk_message(error) or "Something went wrong on the server; its log says what."}
