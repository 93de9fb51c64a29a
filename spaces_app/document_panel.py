"""A fold that sends a plugin's document to the Hub and opens one from there, with the visitor's own token."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import gradio as gr

from plugins._contract import Document, Plugin
from spaces_app.access import told
from spaces_app.api import hub_token
from spaces_app.studio import Studio
from training.hub.push import PushOptions

PRIVATE: dict[str, Any] = {"api_visibility": "private"}


def draw(
    studio: Studio,
    plugin: Plugin,
    document: Document,
    make: Callable[..., str],
    inputs: list[Any],
    show: Callable[[str], list[Any]],
    outputs: list[Any],
) -> None:
    """Draw it; see `Workbench.document_fold`."""
    with gr.Accordion("On the Hub", open=False):
        gr.Markdown(
            f"As `{document.file}` in a repository, with a card: no weights and no run are needed. All that is written above goes with it, the examples too."
        )
        repo = gr.Textbox(
            "", label="Repository", placeholder="owner/name", info="To open one, also owner/name@revision.", max_lines=1
        )
        private = gr.Checkbox(True, label="Private", info="Only for a repository that is new.")
        with gr.Row():
            send = gr.Button("Push to the Hub", size="sm")
            fetch = gr.Button("Open from the Hub", size="sm")
        state = gr.HTML()

    def on_send(target: str, is_private: bool, token: gr.OAuthToken | None, *values: Any) -> str:
        about = studio.push_document(
            plugin, document, make(*values), target, hub_token(studio, token), PushOptions(is_private)
        )
        link = html.escape(about["commit"], quote=True)
        return f'<p role="status">Pushed: <a href="{link}" target="_blank" rel="noopener">{link}</a></p>'

    def on_fetch(target: str, token: gr.OAuthToken | None) -> list[Any]:
        found = studio.pull_document(document, target, hub_token(studio, token))
        words = f'<p role="status">Opened {html.escape(found.repo)} at {html.escape(found.commit[:12])}.</p>'
        return [words, *show(found.text)]

    send.click(told(on_send), [repo, private, *inputs], state, **PRIVATE)
    fetch.click(told(on_fetch), repo, [state, *outputs], **PRIVATE)
