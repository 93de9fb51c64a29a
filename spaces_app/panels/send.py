"""Send a result on: a button for each kind that can be trained on it, which opens its form with the data filled in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._contract import Kind, Plugin
from plugins._ui.events import message_area, on_box
from spaces_app.events import UNLIMITED
from spaces_app.identity import visitor
from spaces_app.page import routes
from spaces_app.panels.go_to import address_box, go_after
from spaces_app.services import Services


def render(services: Services, takes: str, make: Callable[..., Any], inputs: list[Any]) -> None:
    """Render the buttons; nothing where no kind takes such data.

    Args:
        takes: What the data are, as `Kind.takes` names it.
        make: Values of `inputs` -> a file, or a list of files.
    """
    targets = services.plugins.taking(takes)
    if not targets:
        return
    with gr.Row(elem_classes="send-to"):
        gr.HTML("<span>Send to:</span>", padding=False)
        buttons = [gr.Button(_label(*target), size="sm", scale=0, min_width=120) for target in targets]
    message = message_area()
    address = address_box()
    for button, (plugin, kind) in zip(buttons, targets, strict=True):
        send = _sender(services, routes.trainer(plugin.name, kind.name), make)
        go_after(on_box(button.click, send, inputs, address, message, **UNLIMITED), address)


def _sender(services: Services, form: str, make: Callable[..., Any]) -> Callable[..., str]:
    """The event of a button: keeps the files, and says where their form is."""

    def send(request: gr.Request, *values: Any) -> str:
        return routes.link(form, data=services.sent.keep(_files(make(*values)), visitor(request)))

    return send


def _label(plugin: Plugin, kind: Kind) -> str:
    return f"{plugin.title}: {kind.title}"


def _files(made: Any) -> list[Path]:
    """What `make` returned, as paths; empty values are none."""
    return [Path(each) for each in (made if isinstance(made, list | tuple) else [made]) if each]
