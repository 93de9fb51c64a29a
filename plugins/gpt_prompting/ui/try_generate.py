"""Try: generate text from a prompt, streamed, with the candidates of every token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.gpt_prompting.prompting.endpoints import Prompting
from plugins.gpt_prompting.ui.model_form import render_model_picker, render_sampling, sampling_values
from plugins.gpt_prompting.ui.token_view import TokenView, answer_sections, speed_line, token_view_value

EXAMPLES = ["Once upon a time", "The king said to his daughter", "User: What is your name?\nAssistant:"]
CANDIDATES = 5  # shown with each token


def render_generate(workbench: Workbench) -> None:
    """Render the box."""
    with gr.Row():
        with gr.Column():
            weights, key = render_model_picker(workbench)
            prompt = gr.Textbox(EXAMPLES[0], label="Prompt", lines=5, max_lines=20)
            sampling = render_sampling()
            with gr.Row():
                start = gr.Button("Generate", variant="primary")
                stop = gr.Button("Stop", variant="stop")
            gr.Examples(EXAMPLES, prompt, label="Examples", api_visibility="private")
        with gr.Column():
            view = TokenView("Generated text", "Press Generate.")
            summary = gr.Markdown()
            append = gr.Button("Continue from the first answer", size="sm")

    def generate(name: str, text: str, secret: str, *values: Any) -> Iterator[tuple[str, str]]:
        arguments = sampling_values(values)
        for state in workbench.stream(Prompting.generate, name, text, *arguments, CANDIDATES, secret or ""):
            yield token_view_value(answer_sections(state)), speed_line(state)

    inputs, outputs = [weights, prompt, key, *sampling], [view, summary]
    event = start.click(generate, inputs, outputs, show_progress="hidden")
    stop.click(None, None, None, cancels=[event])
    append.click(append_answer, [prompt, view], prompt)


def append_answer(prompt: str, value: str) -> str:
    """Append the view's first answer to the prompt."""
    sections = json.loads(value or "{}").get("sections") or [{"text": ""}]
    return prompt + sections[0]["text"]
