"""The pull half of the Hub page: search the Hub, fetch weights, and where they open."""

from __future__ import annotations

import html
import time
from typing import Any

import gradio as gr

from plugins._ui.events import message_area, on_box
from spaces_app.events import UNQUEUED
from spaces_app.identity import hub_token, visitor
from spaces_app.page import routes
from spaces_app.page.routes import link
from spaces_app.services import Services
from training.errors import UserError

MIN_TYPED_CHARACTERS = 3
TYPING_SECONDS = 0.3  # between two questions to the Hub while the visitor types
COLUMNS = ["name", "task", "downloads", "likes", "updated"]


def render(services: Services) -> None:
    """Render search, form and result."""
    gr.Markdown("## Pull\nSafetensors, JSON, text and card files only; no code of a repository is ever run.")
    with gr.Row():
        query = gr.Textbox("", label="Search the Hub", placeholder="sentiment", max_lines=1, scale=2)
        author = gr.Textbox("", label="Author", placeholder="anyone", max_lines=1, scale=1)
        task = gr.Textbox("", label="Task", placeholder="any", max_lines=1, scale=2)
    search, searched = gr.Button("Search"), message_area()
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
    message = message_area()

    def on_search(words: str, owner: str, task_name: str, token: gr.OAuthToken | None) -> tuple[Any, Any]:
        results = services.hub.search(words, owner, task_name, hub_token(services.settings, token))
        if not results:
            raise UserError("Nothing was found: write fewer words, or other ones.")
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

    events = [search.click, query.submit, author.submit]
    on_box(events, on_search, [query, author, task], [models, name], searched, keep=[name])
    models.select(on_choose, None, name)

    def on_pull(repo: str | None, request: gr.Request, token: gr.OAuthToken | None) -> str:
        if not (repo or "").strip():
            raise UserError("Repository is empty: write owner/name, or search for it.")
        pulled = services.hub.pull(repo or "", visitor(request), hub_token(services.settings, token))
        return pulled_html(pulled, services.plugins.title(pulled["plugin"], pulled["kind"]))

    on_box(pull.click, on_pull, name, result, message)
    # One question at a time, with the latest text as the next: never one per keystroke.
    name.key_up(on_type, None, name, trigger_mode="always_last", **UNQUEUED)


def pulled_html(pulled: dict[str, Any], title: str) -> str:
    """What was pulled and where it opens; all text is escaped."""
    metrics = ", ".join(f"{name} {value:.3f}" for name, value in pulled["metrics"].items())
    card = f"<p>Its card reports: {html.escape(metrics)}.</p>" if metrics else ""
    weights = pulled["weights"]
    links = (
        (' class="primary"', "Try it", link(pulled["plugin"], weights=weights)),
        ("", "Train on", link(routes.trainer(pulled["plugin"], pulled["kind"]), model=weights)),
    )
    anchors = "".join(f'<a href="{html.escape(address, quote=True)}"{css}>{text}</a>' for css, text, address in links)
    about = f'<p role="status"><code>{html.escape(weights)}</code> can be used as: {html.escape(title)}.</p>'
    return f'{about}{card}<nav class="next-links" aria-label="Next">{anchors}</nav>'
