"""Form fields for the model (local weights, or a hosted model with the visitor's key) and for the sampling
parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.gpt_prompting.models.sampling_defaults import DRAWN_SEED, MIN_P, REPETITION_PENALTY, TEMPERATURE
from training.errors import UserError
from training.settings import HOSTED

SERVERS = {
    "Hugging Face": "https://router.huggingface.co/v1",
    "OpenAI": "https://api.openai.com/v1",
    "OpenRouter": "https://openrouter.ai/api/v1",
    "Mistral": "https://api.mistral.ai/v1",
    "Groq": "https://api.groq.com/openai/v1",
}


@dataclass(frozen=True)
class ModelForm:
    """The components that say which model answers: `fields`, whose values `model_of` reads."""

    weights: Any
    server: gr.Dropdown
    model: gr.Textbox
    key: gr.Textbox

    @property
    def fields(self) -> list[Any]:
        """In the order of `model_of`."""
        return [self.weights, self.server, self.model, self.key]


def render_model_form(workbench: Workbench) -> ModelForm:
    """Render a weights picker, with a fold for a hosted model, which answers as long as one is named there."""
    weights = workbench.weights_picker("Model")
    with gr.Accordion("Use a hosted model", open=False):
        gr.Markdown(
            "As long as a model is named here, it answers in place of the weights above. Any server with OpenAI's chat "
            "completions protocol. Labels are parsed from its answers. The key is sent to that server only and is not "
            "stored; without one, a key from the environment of this server is used."
        )
        with gr.Row():
            server = gr.Dropdown(
                list(SERVERS.items()), value=SERVERS["OpenAI"], label="Server", allow_custom_value=True, min_width=180
            )
            model = gr.Textbox(
                label="Name of the model", placeholder="gpt-4o-mini, meta-llama/Llama-3.1-8B-Instruct …", min_width=180
            )
        key = gr.Textbox(label="Key", type="password", placeholder="Sent to that server only")
    return ModelForm(weights, server, model, key)


def model_of(weights: str | None, server: str | None, model: str | None, key: str | None) -> tuple[str, str]:
    """The name of the model that answers, and the key: the hosted one where its name is given.

    Raises:
        UserError: If a hosted model is named without a server.
    """
    name, address = (model or "").strip(), (server or "").strip()
    if not name:
        return weights or "", key or ""
    if not address:
        raise UserError("Choose the server of the hosted model, or empty its name to use the weights.")
    return f"{HOSTED}{name}@{address}", key or ""


def answered_by(name: str) -> str:
    """Which hosted model answers; nothing of weights, which the form shows."""
    return f"answered by {name.removeprefix(HOSTED)}" if name.startswith(HOSTED) else ""


def render_sampling(new_tokens: int = 80, alternatives: bool = True) -> list[Any]:
    """Render a fold of sampling parameters, in the order of `sampling_values`."""
    with gr.Accordion("Sampling", open=False):
        with gr.Row():
            tokens = gr.Slider(1, 1024, new_tokens, step=1, label="New tokens", min_width=150)
            heat = gr.Slider(0, 2, TEMPERATURE, step=0.05, label="Temperature", info="0: greedy", min_width=150)
            info = f"{DRAWN_SEED}: a new one each time"
            seed = gr.Number(DRAWN_SEED, precision=0, minimum=DRAWN_SEED, label="Seed", info=info, min_width=100)
            number = gr.Slider(1, 8, 1, step=1, label="Alternatives", min_width=120, visible=alternatives)
        with gr.Row():
            top_k = gr.Slider(0, 200, 0, step=1, label="Top k", info="0: all", min_width=120)
            top_p = gr.Slider(0.01, 1, 1, step=0.01, label="Top p", info="1: all", min_width=120)
            min_p = gr.Slider(0, 1, MIN_P, step=0.01, label="Min p", info="0: all", min_width=120)
            penalty = gr.Slider(
                1, 2, REPETITION_PENALTY, step=0.05, label="Repetition penalty", info="1: none", min_width=120
            )
        stop = gr.Textbox(label="Stop strings", info="One per line; \\n is a new line.", lines=1, max_lines=4)
    return [tokens, heat, top_k, top_p, min_p, penalty, stop, seed, number]


def sampling_values(values: Sequence[Any]) -> list[Any]:
    """Convert the fold's values to the arguments of the endpoint `generate` after the prompt."""
    tokens, temperature, top_k, top_p, min_p, penalty, stop, seed, number = values
    stops = [line.replace("\\n", "\n") for line in (stop or "").splitlines() if line]
    if tokens is None:
        raise UserError("New tokens: give a number.")
    return [
        int(tokens),
        float(temperature),
        int(top_k),
        float(top_p),
        float(min_p),
        float(penalty),
        stops,
        DRAWN_SEED if seed is None else int(seed),
        int(number),
    ]
