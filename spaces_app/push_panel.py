"""The push half of the Publish tab: what goes out and under which card, the push, and what became of it."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from plugins._contract import Plugin
from spaces_app.access import told, visitor
from spaces_app.api import hub_token
from spaces_app.studio import Studio
from spaces_app.train_panel import PRIVATE, QUICK, SPOKEN
from training.errors import UserError
from training.hub.push import PushOptions
from training.runs import push_job

NOTHING = "Choose a run to see its files and its card."
GLANCE_SECONDS = 1.0


def draw(studio: Studio, plugin: Plugin) -> tuple[gr.Dropdown, gr.Markdown]:
    """Draw form and state; returns the dropdown of runs, for the shell to fill, and what is pushed, to be rendered elsewhere."""
    gr.Markdown("### Push\nYour weights with their model card, as one commit, with your own token.")
    chosen = gr.Dropdown([], label="Run", info="A run with weights.")
    repo = gr.Textbox("", label="Repository", placeholder="owner/name", max_lines=1)
    private = gr.Checkbox(True, label="Private", info="Only for a repository that is new.")
    with gr.Accordion("More", open=False):
        request_only = gr.Checkbox(
            False, label="Pull request", info="Offer the weights for review, where you may not write."
        )
        tag = gr.Textbox("", label="Tag", placeholder="v1.0", info="A name for the commit.", max_lines=1)
    with gr.Row():
        check = gr.Button("Check")
        push = gr.Button("Push to the Hub", variant="primary")
    state = gr.HTML(elem_classes="push-state")
    contents = gr.Markdown(NOTHING, render=False)
    clock = gr.Timer(GLANCE_SECONDS, active=False)

    def seen(run_id: str, request: gr.Request) -> tuple[Any, Any]:
        """The state as it is now, and whether to look again."""
        about = push_job.state(studio.run(run_id, visitor(request)))
        return state_html(about), gr.Timer(active=about["status"] == "running")

    def on_choose(run_id: str | None, request: gr.Request) -> tuple[Any, ...]:
        if not run_id:
            return NOTHING, "", gr.Timer(active=False)
        preview = studio.push_preview(studio.run(run_id, visitor(request)), "", None, PushOptions())
        return _contents(preview), *seen(run_id, request)

    def on_check(
        run_id: str | None, target: str, is_private: bool, as_request: bool, name: str, request: gr.Request,
        token: gr.OAuthToken | None,
    ) -> str:  # fmt: skip
        run, owner = studio.run(_some(run_id), visitor(request)), hub_token(studio, token)
        if not target.strip() or not owner:
            raise UserError(
                "Write owner/name, and sign in to the Hub: on the page, or by `hf auth login` where it runs."
            )
        how = PushOptions(is_private, as_request, name.strip())
        preview = studio.push_preview(run, target.strip(), owner, how)
        return f"<p>{html.escape(preview['about'])} {len(preview['files'])} files, {preview['size_bytes'] / 2**20:.1f} MB.</p>"

    def on_push(
        run_id: str | None, target: str, is_private: bool, as_request: bool, name: str, request: gr.Request,
        token: gr.OAuthToken | None,
    ) -> tuple[Any, Any]:  # fmt: skip
        run = studio.run(_some(run_id), visitor(request))
        how = PushOptions(is_private, as_request, name.strip(), f"Weights of run {run.id}")
        studio.push(run, target.strip(), hub_token(studio, token), how)
        return seen(run.id, request)

    form = [chosen, repo, private, request_only, tag]
    chosen.change(told(on_choose), chosen, [contents, state, clock], **SPOKEN)
    check.click(told(on_check), form, state, **SPOKEN)
    push.click(told(on_push), form, [state, clock], **PRIVATE)
    clock.tick(told(seen), chosen, [state, clock], **QUICK)
    return chosen, contents


def state_html(about: dict[str, Any]) -> str:
    """What became of a push, as HTML; everything in it is escaped."""
    repo, status = html.escape(about["repo"]), about["status"]
    if status == "none":
        return ""
    if status == "running":
        share = f'value="{about["sent_bytes"]}" max="{about["size_bytes"] or 1}"'
        file = f": {html.escape(about['file'])}" if about["file"] else ""
        return f'<p role="status">Pushing to {repo}{file}</p><progress aria-label="Push progress" {share}></progress>'
    if status == "pushed":
        link = html.escape(about["pull_request"] or about["commit"], quote=True)
        what = "Pull request" if about["pull_request"] else "Pushed"
        return f'<p role="status">{what}: <a href="{link}" target="_blank" rel="noopener">{link}</a> {html.escape(about["note"])}</p>'
    return f'<p role="status">The push to {repo} did not end well: {html.escape(about["message"])} Nothing is lost: push again.</p>'


def _some(run_id: str | None) -> str:
    if not run_id:
        raise UserError("Choose a run first.")
    return run_id


def _contents(preview: dict[str, Any]) -> str:
    """The files with their sizes, and the card as the Hub will show it."""
    rows = "\n".join(f"| {file['file']} | {file['size_bytes'] / 2**10:,.1f} kB |" for file in preview["files"])
    card = preview["card"]
    return f"| file | size |\n| --- | --- |\n{rows}\n\n---\n\n{card.split('---', 2)[-1] if card.startswith('---') else card}"
