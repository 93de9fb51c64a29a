"""The push half of the Hub page: which files go to the Hub under which model card, and the state of the push."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from plugins._ui.events import message_area, on_box
from spaces_app.events import UNLIMITED, UNQUEUED
from spaces_app.identity import hub_token, use_token, visitor
from spaces_app.services import Services
from training.errors import UserError
from training.hub.push import PushOptions

TOKEN_INFO = "Kept in memory until the server stops. Not needed after hf auth login, or with HF_TOKEN."
NO_RUN = "Choose a run to see its files and its card."
POLL_SECONDS = 1.0


def render(services: Services) -> tuple[gr.Dropdown, gr.Markdown]:
    """Render form and state; returns the dropdown of runs, for the page to fill, and the preview, not yet rendered."""
    gr.Markdown("## Push\nYour weights with their model card, as one commit, with your own token.")
    run = gr.Dropdown([], label="Run", info="A run with weights; an older one by its id.", allow_custom_value=True)
    token_box = gr.Textbox(
        "",
        label="Your Hub token",
        info=TOKEN_INFO,
        type="password",
        max_lines=1,
        visible=not services.settings.is_shared,
    )
    repo = gr.Textbox("", label="Repository", placeholder="owner/name", max_lines=1)
    private = gr.Checkbox(True, label="Private", info="For a new repository only.")
    with gr.Accordion("More", open=False):
        pull_request = gr.Checkbox(
            False,
            label="Pull request",
            info="For a repository that you may not write to: its owner reviews the weights.",
        )
        tag = gr.Textbox("", label="Tag", placeholder="v1.0", info="A name for the commit.", max_lines=1)
    with gr.Row():
        check = gr.Button("Check")
        push = gr.Button("Push to the Hub", variant="primary")
    state = gr.HTML(elem_classes="push-state")
    message = message_area()
    preview = gr.Markdown(NO_RUN, render=False)
    timer = gr.Timer(POLL_SECONDS, active=False)

    def show_state(run_id: str, request: gr.Request) -> tuple[Any, Any]:
        """The state of the push now, and whether to ask again."""
        status = services.hub.push_status(run_id, visitor(request))
        return state_html(status), gr.Timer(active=status["status"] == "running")

    def on_choose(run_id: str | None, request: gr.Request) -> tuple[Any, ...]:
        if not run_id:
            return NO_RUN, "", gr.Timer(active=False)
        contents = services.hub.push_preview(run_id, visitor(request), "", None, PushOptions())
        return _preview_markdown(contents), *show_state(run_id, request)

    def on_check(
        request: gr.Request, token: gr.OAuthToken | None, run_id: str | None, target: str, *options: Any
    ) -> str:
        owner = hub_token(services.settings, token)
        chosen = _chosen(run_id)
        if not target.strip():
            raise UserError("Repository is empty: write owner/name.")
        if not owner:
            raise UserError("Sign in to the Hub first: above, or where the app runs by `hf auth login`.")
        contents = services.hub.push_preview(chosen, visitor(request), target, owner, PushOptions(*options))
        size = f"{len(contents['files'])} files, {contents['size_bytes'] / 2**20:.1f} MB."
        return f"<p>{html.escape(contents['about'])} {size}</p>"

    def on_push(
        request: gr.Request, token: gr.OAuthToken | None, run_id: str | None, target: str, *options: Any
    ) -> tuple[Any, Any]:
        owner = hub_token(services.settings, token)
        services.hub.push(_chosen(run_id), visitor(request), target, owner, PushOptions(*options))
        return show_state(_chosen(run_id), request)

    token_box.change(lambda typed: use_token(services.settings, typed or ""), token_box, None, **UNQUEUED)
    form = [run, repo, private, pull_request, tag]
    on_box(run.change, on_choose, run, [preview, state, timer], message, **UNLIMITED)
    on_box(check.click, on_check, form, state, message, **UNLIMITED)
    on_box(push.click, on_push, form, [state, timer], message)
    on_box(timer.tick, show_state, run, [state, timer], message, **UNQUEUED)
    return run, preview


def state_html(push: dict[str, Any]) -> str:
    """The state of a push as HTML; all text in it is escaped."""
    repo, status = html.escape(push["repo"]), push["status"]
    if status == "none":
        return ""
    if status == "running":
        sent = f'value="{push["sent_bytes"]}" max="{push["size_bytes"] or 1}"'
        file = f": {html.escape(push['file'])}" if push["file"] else ""
        return f'<p role="status">Pushing to {repo}{file}</p><progress aria-label="Push progress" {sent}></progress>'
    if status == "pushed":
        link = html.escape(push["pull_request"] or push["commit"], quote=True)
        label = "Pull request" if push["pull_request"] else "Pushed"
        anchor = f'<a href="{link}" target="_blank" rel="noopener">{link}</a>'
        return f'<p role="status">{label}: {anchor} {html.escape(push["note"])}</p>'
    message = html.escape(push["message"])
    return f'<p role="status">The push to {repo} failed: {message} Nothing is lost: push again.</p>'


def _chosen(run_id: str | None) -> str:
    if not run_id:
        raise UserError("Choose a run first.")
    return run_id


def _preview_markdown(preview: dict[str, Any]) -> str:
    """The files with their sizes, and the model card as the Hub will show it."""
    rows = "\n".join(f"| {file['file']} | {file['size_bytes'] / 2**10:,.1f} kB |" for file in preview["files"])
    card = preview["card"]
    body = card.split("---", 2)[-1] if card.startswith("---") else card
    return f"| file | size |\n| --- | --- |\n{rows}\n\n---\n\n{body}"
