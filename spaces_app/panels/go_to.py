"""Leave for another page: an event answers with its address, and the browser goes there."""

from __future__ import annotations

from typing import Any

import gradio as gr

GO = "(address) => { if (address) location.href = address; }"


def address_box() -> gr.Textbox:
    """Render what holds the address; nobody sees it."""
    return gr.Textbox(visible=False)


def go_after(event: Any, address: gr.Textbox) -> None:
    """Go to the address that an event has put into the box; nowhere if it is empty."""
    event.success(None, address, None, js=GO)
