"""Which model is asked: weights of this machine, or a hosted one with the visitor's key; and how its tokens are drawn."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._boxes import PRIVATE
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
    """A picker of weights, and under it a fold for hosted models; returns the picker and the box of the key."""
    weights = workbench.weights_picker("Model")
    with gr.Accordion("Or ask a hosted model", open=False):
        gr.Markdown(
            "Any server that speaks OpenAI's chat completions. It gives no log-probabilities of labels: its answers are read for a "
            "label instead. The key goes to that server alone and is not kept; without one, a key of the environment where the "
            "studio runs is used."
        )
        with gr.Row():
            server = gr.Dropdown(
                list(SERVERS.items()), value=SERVERS["OpenAI"], label="Server", allow_custom_value=True, min_width=180
            )
            model = gr.Textbox(
                label="Model", placeholder="gpt-4o-mini, meta-llama/Llama-3.1-8B-Instruct …", min_width=180
            )
        key = gr.Textbox(label="Key", type="password", placeholder="Yours; sent to that server alone")
        use = gr.Button("Use it", size="sm")

    def choose(address: str, name: str) -> str:
        if not name.strip():
            raise gr.Error("Write the model's name first.", print_exception=False)
        return f"{HOSTED}{name.strip()}@{address.strip()}"

    use.click(choose, [server, model], weights, **PRIVATE)
    return weights, key


def render_sampling(temperature: float = 0.8, new_tokens: int = 80, alternatives: bool = True) -> list[Any]:
    """The fold of the rules by which tokens are drawn, in the order of `sampling_of`."""
    with gr.Accordion("How it writes", open=False):
        with gr.Row():
            tokens = gr.Slider(1, 1024, new_tokens, step=1, label="New tokens", min_width=150)
            heat = gr.Slider(
                0, 2, temperature, step=0.05, label="Temperature", info="0: the most probable", min_width=150
            )
            seed = gr.Number(0, precision=0, minimum=0, label="Seed", min_width=100)
            number = gr.Slider(1, 8, 1, step=1, label="Alternatives", min_width=120, visible=alternatives)
        with gr.Row():
            top_k = gr.Slider(0, 200, 0, step=1, label="Top k", info="0: all", min_width=120)
            top_p = gr.Slider(0.01, 1, 1, step=0.01, label="Top p", info="1: all", min_width=120)
            min_p = gr.Slider(0, 1, 0, step=0.01, label="Min p", info="0: all", min_width=120)
            penalty = gr.Slider(1, 2, 1, step=0.05, label="Repetition penalty", info="1: none", min_width=120)
        stop = gr.Textbox(label="Stop before", info="One string a line; \\n is a new line.", lines=1, max_lines=4)
    return [tokens, heat, top_k, top_p, min_p, penalty, stop, seed, number]


def sampling_values(values: tuple[Any, ...]) -> list[Any]:
    """What the fold holds, as the endpoint `generate` takes it after the prompt."""
    tokens, heat, top_k, top_p, min_p, penalty, stop, seed, number = values
    stops = [line.replace("\\n", "\n") for line in (stop or "").splitlines() if line]
    if tokens is None or seed is None:
        raise UserError("New tokens and seed are numbers.")
    return [
        int(tokens),
        float(heat),
        int(top_k),
        float(top_p),
        float(min_p),
        float(penalty),
        stops,
        int(seed),
        int(number),
    ]
