"""Start a run from a plugin's tab: a button that checks and queues it, and goes to its page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from plugins._contract import NewRun, Plugin
from plugins._ui.events import on_box
from spaces_app.events import UNLIMITED
from spaces_app.identity import visitor
from spaces_app.page import routes
from spaces_app.panels.go_to import address_box, go_after
from spaces_app.services import Services
from spaces_app.services.run_request import RunRequest


def connect(
    services: Services,
    plugin: Plugin,
    kind: str,
    button: gr.Button,
    make: Callable[..., NewRun],
    inputs: list[Any],
    message: gr.HTML,
) -> None:
    """Connect the button; see `Workbench.start_run`."""
    address = address_box()

    def start(request: gr.Request, *values: Any) -> str:
        new, who = make(*values), visitor(request)
        run = services.runs.train(RunRequest(plugin.name, kind, dict(new.settings), new.files), who)
        if new.name:
            services.run_table.edit(run["id"], who, name=new.name)
        if new.session:
            services.runs.keep_session(run["id"], who, new.session)
        return routes.link(routes.RUN, run=run["id"])

    go_after(on_box(button.click, start, inputs, address, message, **UNLIMITED), address)
