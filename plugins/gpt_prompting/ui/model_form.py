"""Form fields for the model (local weights, or a hosted model with the visitor's key) and for the sampling
parameters."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from training.errors import UserError
from training.settings import HOSTED

SERVERS = {
    "Hugging Face": "https://router.huggingface.co/v1",
    "OpenAI": "https://api.openai.com/v1",
    "OpenRouter": "https://openrouter.ai/api/v1",
    "Mistral": "https://api.mistral.ai/v1",
    "Groq": "https://api.groq.com/openai/v1",
}


def render_model_picker(workbench: Workbench) -> tuple[Any, Any]:
    """Render a weights picker with a fold for hosted models; returns the picker and the key's textbox."""
    weights = workbench.weights_picker("Model")
    with gr.Accordion("Use a hosted model", open=False):
        gr.Markdown(
            "Any server with OpenAI's chat completions protocol. It gives no log-likelihoods of labels: labels are "
            "parsed from its "
            "answers instead. The key is sent to that server only and is not stored; without one, a key from the "
            "environment of "
            "this server is used."
        )
        with gr.Row():
            server = gr.Dropdown(
                list(SERVERS.items()), value=SERVERS["OpenAI"], label="Server", allow_custom_value=True, min_width=180
            )
            model = gr.Textbox(
                label="Model", placeholder="gpt-4o-mini, meta-llama/Llama-3.1-8B-Instruct …", min_width=180
            )
        key = gr.Textbox(label="Key", type="password", placeholder="Sent to that server only")
        use = gr.Button("Use this model", size="sm")

    def choose(address: str, name: str) -> str:
        if not name.strip():
            raise gr.Error("Write the model's name first.", print_exception=False)
        return f"{HOSTED}{name.strip()}@{address.strip()}"

    use.click(choose, [server, model], weights)
    return weights, key


def render_sampling(temperature: float = 0.8, new_tokens: int = 80, alternatives: bool = True) -> list[Any]:
    """Render a fold of sampling parameters, in the order of `sampling_values`."""
    with gr.Accordion("Sampling", open=False):
        with gr.Row():
            tokens = gr.Slider(1, 1024, new_tokens, step=1, label="New tokens", min_width=150)
            heat = gr.Slider(0, 2, temperature, step=0.05, label="Temperature", info="0: greedy", min_width=150)
            seed = gr.Number(0, precision=0, minimum=0, label="Seed", min_width=100)
            number = gr.Slider(1, 8, 1, step=1, label="Alternatives", min_width=120, visible=alternatives)
        with gr.Row():
            top_k = gr.Slider(0, 200, 0, step=1, label="Top k", info="0: all", min_width=120)
            top_p = gr.Slider(0.01, 1, 1, step=0.01, label="Top p", info="1: all", min_width=120)
            min_p = gr.Slider(0, 1, 0, step=0.01, label="Min p", info="0: all", min_width=120)
            penalty = gr.Slider(1, 2, 1, step=0.05, label="Repetition penalty", info="1: none", min_width=120)
        stop = gr.Textbox(label="Stop strings", info="One per line; \\n is a new line.", lines=1, max_lines=4)
    return [tokens, heat, top_k, top_p, min_p, penalty, stop, seed, number]


def sampling_values(values: tuple[Any, ...]) -> list[Any]:
    """Convert the fold's values to the arguments of the endpoint `generate` after the prompt."""
    tokens, temperature, top_k, top_p, min_p, penalty, stop, seed, number = values
    stops = [line.replace("\\n", "\n") for line in (stop or "").splitlines() if line]
    if tokens is None or seed is None:
        raise UserError("New tokens and seed must be numbers.")
    return [
        int(tokens),
        float(temperature),
        int(top_k),
        float(top_p),
        float(min_p),
        float(penalty),
        stops,
        int(seed),
        int(number),
    ]
