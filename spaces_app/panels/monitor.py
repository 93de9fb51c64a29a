"""The live monitor of one training run: a `gr.HTML` that polls one Python function and plots its own curves.

The value is a run's id ("" shows an empty state). The page's half is `page/static/monitor/*.js`. Nothing is ever
interpolated into the templates, since Gradio evaluates them as code in the browser.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

STATIC = Path(__file__).parents[1] / "page" / "static"
SCRIPTS = ("format", "curves", "chart", "parts", "view", "polling")  # one program, in this order
HTML = '<div class="run-monitor"></div>'
CSS = (STATIC / "monitor.css").read_text(encoding="utf-8")
JS = "\n".join((STATIC / "monitor" / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS)

Fetch = Callable[[str, int, Any], dict[str, Any]]


class RunMonitor(gr.HTML):
    """Progress, curves, metrics, previews and log of the run whose id is the value.

    It submits when there may be a new report. Its charts need uPlot, which `page.theme.HEAD` brings.
    """

    def __init__(self, fetch: Fetch, value: str = "", **kwargs: Any):
        """Render the run that `fetch` describes, about once per second while the page is visible.

        Args:
            fetch: (run id, byte offset, request) -> `{"events", "offset", "status"}`, or `{"error"}` with a sentence
                for the visitor. Anybody can call it with any id and offset: it checks both, and who asks.
            value: The id of the run to show first.
            kwargs: Passed on to `gr.HTML`, such as `elem_id` and `visible`.
        """
        super().__init__(
            value=value,
            html_template=HTML,
            css_template=CSS,
            js_on_load=JS,
            apply_default_css=False,
            server_functions=[_poll_of(fetch)],
            **kwargs,
        )


def _poll_of(fetch: Fetch) -> Callable[[Any, gr.Request], dict[str, Any]]:
    """Wrap `fetch` as a server function: those take one value, and Gradio marks them, which a method refuses."""

    def poll(query: Any, request: gr.Request) -> dict[str, Any]:
        match query:
            case [str(run_id), int(offset)] if offset >= 0:
                return fetch(run_id, offset, request)
            case _:
                return {"error": "Ask for a run as [run id, byte offset]."}

    return poll
