"""Write: a prompt is continued while one watches; every token can be pointed at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from plugins._boxes import PRIVATE
from plugins._contract import Workbench
from plugins.gpt_prompting import endpoints
from plugins.gpt_prompting.ui.model_form import render_model_picker, render_sampling, sampling_values
from plugins.gpt_prompting.ui.token_view import TokenView, answer_parts, speed_line, token_view_value

EXAMPLES = ["Once upon a time", "The king said to his daughter", "User: What is your name?\nAssistant:"]


def render_generate(workbench: Workbench) -> None:
    """Draw the box."""
    with gr.Row():
        with gr.Column():
            weights, key = render_model_picker(workbench)
            prompt = gr.Textbox(EXAMPLES[0], label="Prompt", lines=5, max_lines=20)
            rules = render_sampling()
            with gr.Row():
                write = gr.Button("Write", variant="primary")
                stop = gr.Button("Stop", variant="stop")
            gr.Examples(EXAMPLES, prompt, label="Examples", api_visibility="private")
        with gr.Column():
            view = TokenView("What it writes", "Press Write.")
            said = gr.Markdown()
            take = gr.Button("Go on from the first answer", size="sm")

    def run(name: str, text: str, secret: str, *values: Any) -> Iterator[tuple[str, str]]:
        for state in workbench.stream(endpoints.generate, name, text, *sampling_values(values), 5, secret or ""):
            yield token_view_value(answer_parts(state)), speed_line(state)

    def go_on(text: str, drawn: str) -> str:
        import json

        parts = json.loads(drawn or "{}").get("parts") or [{"text": ""}]
        return text + parts[0]["text"]

    event = gr.on([write.click], run, [weights, prompt, key, *rules], [view, said], show_progress="hidden", **PRIVATE)
    stop.click(None, None, None, cancels=[event], **PRIVATE)
    take.click(go_on, [prompt, view], prompt, **PRIVATE)
