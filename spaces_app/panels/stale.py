"""When what menus list may have changed: the page is seen again after another tab, or a message says that it has."""

from __future__ import annotations

from typing import Any

import gradio as gr

# Not as a menu is opened: Gradio's would go on showing the old list, and one entry of it for nothing.
WATCH = """
let pause;
const stale = () => { clearTimeout(pause); pause = setTimeout(() => trigger("play"), 200); };
const tells = (node) => node.nodeType === 1 && (node.matches("[role=alert]") || node.querySelector("[role=alert]"));
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && stale());
new MutationObserver((changes) => changes.some((change) => [...change.addedNodes].some(tells)) && stale())
  .observe(document.body, { childList: true, subtree: true });
"""


def stale() -> Any:
    """Render what watches the page; returns the event on which menus should be filled again."""
    watch: Any = gr.HTML(None, elem_classes="box-message", padding=False, js_on_load=WATCH)  # takes no room
    return watch.play
