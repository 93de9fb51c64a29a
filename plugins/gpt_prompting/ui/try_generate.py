"""Try: generate text from a prompt, streamed, with the candidates of every token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.events import RESTARTED, message_area, on_box
from plugins._ui.examples import render_examples
from plugins.gpt_prompting.prompting.endpoints import Prompting
from plugins.gpt_prompting.ui.model_form import (
    answered_by,
    model_of,
    render_model_form,
    render_sampling,
    sampling_values,
)
from plugins.gpt_prompting.ui.token_view import TokenView, answer_sections, speed_line, token_view_value
from training.errors import UserError

EXAMPLES = ["The little girl opened the door and", "“I do not know,” said the", "The king said to his daughter"]
CANDIDATES = 5  # shown with each token
SIZE = (
    "The starter has 4.3 million weights; GPT-2 had 124 million in its smallest size. It has read old children's books "
    "and short dialogues: it keeps to words, quotes and names of that time, but not to a story."
)


def render_generate(workbench: Workbench) -> None:
    """Render the box."""
    gr.Markdown(f"The model continues your text, one token after another. {SIZE}")
    with gr.Row():
        with gr.Column(min_width=280):
            form = render_model_form(workbench)
            prompt = gr.Textbox(EXAMPLES[0], label="Prompt", lines=4, max_lines=20)
            sampling = render_sampling()
            message = message_area()
            with gr.Row():
                start = gr.Button("Generate", variant="primary", min_width=120)
                stop = gr.Button("Stop", variant="stop", min_width=80)
        with gr.Column(min_width=280):
            view = TokenView("Generated text", "Write a prompt, then press Generate.")
            summary = gr.Markdown()
            append = gr.Button("Continue from the first answer", size="sm")

    def generate(text: str, *values: Any) -> Iterator[list[str]]:
        name, secret = model_of(*values[:4])
        arguments = sampling_values(values[4:])
        for state in workbench.stream(Prompting.generate, name, text, *arguments, CANDIDATES, secret):
            facts = [answered_by(name), speed_line(state)]
            yield [token_view_value(answer_sections(state)), " · ".join(filter(None, facts))]

    inputs, outputs = [prompt, *form.fields, *sampling], [view, summary]
    options = {**RESTARTED, "show_progress": "hidden"}
    examples = [[example] for example in EXAMPLES]
    work = [
        render_examples(examples, [prompt], generate, inputs, outputs, message, **options),
        on_box([start.click, message.play], generate, inputs, outputs, message, **options),
    ]
    stop.click(None, None, None, cancels=work)
    on_box(append.click, append_answer, [prompt, view], prompt, message)


def append_answer(prompt: str, value: str) -> str:
    """Append the view's first answer to the prompt.

    Raises:
        UserError: If there is none.
    """
    sections = json.loads(value or "{}").get("sections")
    if not sections:
        raise UserError("There is no answer to continue from: press Generate first.")
    return prompt + sections[0]["text"]
