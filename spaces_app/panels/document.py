"""An accordion that sends a plugin's document to the Hub and opens one from there, with the visitor's own token."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import gradio as gr

from plugins._contract import Document, Plugin
from plugins._ui.events import message_area, on_box
from spaces_app.identity import hub_token
from spaces_app.services import Services
from training.hub.push import PushOptions


def render(
    services: Services,
    plugin: Plugin,
    document: Document,
    make: Callable[..., str],
    inputs: list[Any],
    show: Callable[[str], list[Any]],
    outputs: list[Any],
) -> None:
    """Render it; see `Workbench.document_fold`."""
    with gr.Accordion("On the Hub", open=False):
        gr.Markdown(
            f"As `{document.file}` in a repository, with a card: no weights and no run are needed. Everything above is "
            "sent, the examples too."
        )
        repo = gr.Textbox(
            "", label="Repository", placeholder="owner/name", info="To open one, also owner/name@revision.", max_lines=1
        )
        private = gr.Checkbox(True, label="Private", info="For a new repository only.")
        with gr.Row():
            push = gr.Button("Push to the Hub", size="sm")
            pull = gr.Button("Open from the Hub", size="sm")
        message, state = message_area(), gr.HTML()

    def on_push(target: str, is_private: bool, token: gr.OAuthToken | None, *values: object) -> str:
        owner, options = hub_token(services.settings, token), PushOptions(is_private)
        pushed = services.hub.push_document(plugin, document, make(*values), target, owner, options)
        link = html.escape(pushed["commit"], quote=True)
        return f'<p role="status">Pushed: <a href="{link}" target="_blank" rel="noopener">{link}</a></p>'

    def on_pull(target: str, token: gr.OAuthToken | None) -> list[Any]:
        pulled = services.hub.pull_document(document, target, hub_token(services.settings, token))
        message = f'<p role="status">Opened {html.escape(pulled.repo)} at {html.escape(pulled.commit[:12])}.</p>'
        return [message, *show(pulled.text)]

    on_box(push.click, on_push, [repo, private, *inputs], state, message)
    on_box(pull.click, on_pull, repo, [state, *outputs], message, keep=outputs)
