"""The Publish tab, the same for every plugin: what goes out, the card, push; and pull."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Plugin
from spaces_app.access import told, visitor
from spaces_app.api import hub_token
from spaces_app.studio import Studio
from spaces_app.train_panel import PRIVATE, SPOKEN
from training.errors import UserError


def draw(studio: Studio, plugin: Plugin) -> gr.Dropdown:
    """Draw the tab's content; returns the dropdown of runs, for the shell to fill."""
    with gr.Row():
        with gr.Column():
            gr.Markdown("### Push\nYour weights with their model card, as one commit, with your own token.")
            chosen = gr.Dropdown([], label="Run", info="A run with weights.")
            repo = gr.Textbox(label="Repository", placeholder="owner/name", max_lines=1)
            private = gr.Checkbox(True, label="Private", info="Only for a repository that is new.")
            push = gr.Button("Push to the Hub", variant="primary")
            pushed = gr.Markdown()
        with gr.Column():
            gr.Markdown("### Pull\nSafetensors, JSON, text and card files only; nothing of a repository is ever run.")
            name = gr.Textbox(label="Repository", placeholder="owner/name or owner/name@revision", max_lines=1)
            pull = gr.Button("Pull from the Hub")
            pulled = gr.JSON(label="Pulled", visible=False)
    with gr.Accordion("What is pushed", open=True):
        files = gr.Markdown("Choose a run to see its files and its card.")

    def on_choose(run_id: str | None, request: gr.Request) -> str:
        if not run_id:
            return "Choose a run to see its files and its card."
        return _contents(studio.run(run_id, visitor(request)).artifact)

    def on_push(
        run_id: str | None, target: str, is_private: bool, request: gr.Request, token: gr.OAuthToken | None
    ) -> str:
        if not run_id:
            raise UserError("Choose a run first.")
        done = studio.push(studio.run(run_id, visitor(request)), target.strip(), hub_token(studio, token), is_private)
        return f"Pushed: {done['commit']}"

    def on_pull(target: str, token: gr.OAuthToken | None) -> Any:
        return gr.JSON(studio.pull(target.strip(), hub_token(studio, token)), visible=True)

    chosen.change(told(on_choose), chosen, files, **SPOKEN)
    push.click(told(on_push), [chosen, repo, private], pushed, **PRIVATE)
    pull.click(told(on_pull), name, pulled, **PRIVATE)
    return chosen


def _contents(folder: Any) -> str:
    """The files with their sizes, and the card as the Hub will show it."""
    from training.publish import pushed_files

    rows = "\n".join(
        f"| {path.relative_to(folder)} | {path.stat().st_size / 2**10:,.1f} kB |" for path in pushed_files(folder)
    )
    card = (folder / "README.md").read_text(encoding="utf-8") if (folder / "README.md").exists() else ""
    return f"| file | size |\n| --- | --- |\n{rows}\n\n---\n\n{card.split('---', 2)[-1] if card.startswith('---') else card}"
