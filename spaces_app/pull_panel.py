"""The pull half of the Publish tab: search the Hub, fetch weights, and where they open."""

from __future__ import annotations

import html
import time
from typing import Any

import gradio as gr

from plugins._contract import Plugin
from spaces_app.access import told, visitor
from spaces_app.api import hub_token
from spaces_app.studio import Studio
from spaces_app.train_panel import PRIVATE, QUICK
from training.hub.search import complete, search

LEAST_TYPED = 3
TYPING_SECONDS = 0.3  # between two questions to the Hub while one types
HEADERS = ["name", "task", "downloads", "likes", "updated"]


def draw(studio: Studio, plugin: Plugin) -> None:
    """Draw search, form and what was pulled."""
    gr.Markdown("### Pull\nSafetensors, JSON, text and card files only; nothing of a repository is ever run.")
    with gr.Row():
        words = gr.Textbox("", label="Search the Hub", placeholder="sentiment", max_lines=1, scale=2)
        author = gr.Textbox("", label="Author", placeholder="anyone", max_lines=1, scale=1)
        task = gr.Textbox(plugin.card.pipeline_tag, label="Task", placeholder="any", max_lines=1, scale=2)
    find = gr.Button("Search")
    models = gr.Dataframe(headers=HEADERS, interactive=False, visible=False, label="Choose one", max_height=240)
    name = gr.Dropdown(
        [], value="", label="Repository", info="owner/name, owner/name@revision, or the address of its page.",
        allow_custom_value=True,
    )  # fmt: skip
    pull = gr.Button("Pull from the Hub", variant="primary")
    pulled = gr.HTML()

    def on_find(query: str, who: str, kind: str, token: gr.OAuthToken | None) -> tuple[Any, Any]:
        found = search(query, who, kind, hub_token(studio, token))
        rows = [[each[header] for header in HEADERS] for each in found]
        return gr.Dataframe(rows, visible=True), gr.Dropdown(choices=[each["name"] for each in found])

    def on_choose(event: gr.SelectData) -> str:
        return event.row_value[0]

    def on_type(typed: gr.KeyUpData, token: gr.OAuthToken | None) -> Any:
        text = typed.input_value.strip()
        if len(text) < LEAST_TYPED or "@" in text or ":" in text:
            return gr.skip()
        time.sleep(TYPING_SECONDS)
        names = complete(text, hub_token(studio, token))
        return gr.Dropdown(choices=names) if names else gr.skip()

    def on_pull(target: str | None, request: gr.Request, token: gr.OAuthToken | None) -> str:
        about = studio.pull((target or "").strip(), hub_token(studio, token), visitor(request))
        return _pulled(about, studio.plugin(about["plugin"]).title)

    gr.on([find.click, words.submit, author.submit], told(on_find), [words, author, task], [models, name], **PRIVATE)
    models.select(on_choose, None, name, **PRIVATE)
    # One question at a time, and what was typed meanwhile as the next: never one a keystroke.
    name.key_up(on_type, None, name, trigger_mode="always_last", **QUICK)
    pull.click(told(on_pull), name, pulled, **PRIVATE)


def _pulled(about: dict[str, Any], title: str) -> str:
    scores = ", ".join(f"{name} {value:.3f}" for name, value in about["metrics"].items())
    said = f"<p>Its card says: {html.escape(scores)}.</p>" if scores else ""
    return (
        f'<p role="status">Opens in {html.escape(title)}: choose <code>{html.escape(about["weights"])}</code> under <em>Weights</em> '
        f"to try it, or under <em>Model</em> to train on from it.</p>{said}"
    )
