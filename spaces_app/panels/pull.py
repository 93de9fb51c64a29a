"""The pull half of the Publish tab: search the Hub, fetch weights, and where they open."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass
from typing import Any

import gradio as gr

from plugins._contract import Plugin
from spaces_app.events import UNQUEUED
from spaces_app.identity import hub_token
from spaces_app.services import Services

MIN_TYPED_CHARACTERS = 3
TYPING_SECONDS = 0.3  # between two questions to the Hub while the visitor types
COLUMNS = ["name", "task", "downloads", "likes", "updated"]


@dataclass
class PullForm:
    """The components of a pull; the page connects them, since what is pulled may open in any plugin's tab."""

    name: gr.Dropdown
    button: gr.Button
    result: gr.HTML


def render(services: Services, plugin: Plugin) -> PullForm:
    """Render search, form and result."""
    gr.Markdown("### Pull\nSafetensors, JSON, text and card files only; no code of a repository is ever run.")
    with gr.Row():
        query = gr.Textbox("", label="Search the Hub", placeholder="sentiment", max_lines=1, scale=2)
        author = gr.Textbox("", label="Author", placeholder="anyone", max_lines=1, scale=1)
        task = gr.Textbox(plugin.trainable[0].card.pipeline_tag, label="Task", placeholder="any", max_lines=1, scale=2)
    search = gr.Button("Search")
    models = gr.Dataframe(headers=COLUMNS, interactive=False, visible=False, label="Choose one", max_height=240)
    name = gr.Dropdown(
        [],
        value="",
        label="Repository",
        info="owner/name, owner/name@revision, or the address of its page.",
        allow_custom_value=True,
    )
    pull = gr.Button("Pull from the Hub", variant="primary")
    result = gr.HTML()

    def on_search(words: str, owner: str, task_name: str, token: gr.OAuthToken | None) -> tuple[Any, Any]:
        results = services.hub.search(words, owner, task_name, hub_token(services.settings, token))
        rows = [[model[column] for column in COLUMNS] for model in results]
        return gr.Dataframe(rows, visible=True), gr.Dropdown(choices=[model["name"] for model in results])

    def on_choose(event: gr.SelectData) -> str:
        return event.row_value[0]

    def on_type(typed: gr.KeyUpData, token: gr.OAuthToken | None) -> Any:
        text = typed.input_value.strip()
        if len(text) < MIN_TYPED_CHARACTERS or "@" in text or ":" in text:
            return gr.skip()
        time.sleep(TYPING_SECONDS)
        names = services.hub.complete(text, hub_token(services.settings, token))
        return gr.Dropdown(choices=names) if names else gr.skip()

    gr.on([search.click, query.submit, author.submit], on_search, [query, author, task], [models, name])
    models.select(on_choose, None, name)
    # One question at a time, with the latest text as the next: never one per keystroke.
    name.key_up(on_type, None, name, trigger_mode="always_last", **UNQUEUED)
    return PullForm(name, pull, result)


def pulled_html(pulled: dict[str, Any], title: str) -> str:
    """What was pulled and where it opened; all text is escaped."""
    metrics = ", ".join(f"{name} {value:.3f}" for name, value in pulled["metrics"].items())
    card = f"<p>Its card reports: {html.escape(metrics)}.</p>" if metrics else ""
    weights = f"<code>{html.escape(pulled['weights'])}</code>"
    return (
        f'<p role="status">{weights} opens in {html.escape(title)}. '
        f"To train on from it, choose it under <em>Model</em>.</p>{card}"
    )
