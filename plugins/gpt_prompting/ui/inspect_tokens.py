"""Look inside: the next-token distribution while typing, and the surprisal of every token of a text."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pandas as pd

from plugins._contract import Workbench
from plugins.gpt_prompting.prompting.endpoints import Prompting
from plugins.gpt_prompting.ui.token_view import TokenView, token_view_value

BEGINNING = "Once upon a time there was a little girl who lived in a"
TEXT = "The king sat on his throne and looked at the sea. The king sat on his throne and looked at the telephone."
NEXT_TOKENS = 15


def render_next_token(workbench: Workbench, tab: gr.Tab) -> None:
    """Render the distribution over the next token, updated at every key."""
    gr.Markdown("The most probable next tokens and their probabilities, updated at every key you press.")
    weights = workbench.weights_picker()
    text = gr.Textbox(BEGINNING, label="Text", lines=3)
    with gr.Row():
        bars = gr.BarPlot(
            x="token",
            y="probability",
            y_lim=[0, 1],
            height=300,
            sort="-y",
            label="Next token",
            x_title="",
            tooltip="all",
        )
    summary = gr.Markdown()

    def predict(name: str, written: str) -> tuple[Any, str]:
        tokens = workbench.call(Prompting.next_token, name, written, NEXT_TOKENS)
        names = [f"{rank}. {token['token']!r}"[:28] for rank, token in enumerate(tokens, 1)]
        probabilities = [token["probability"] for token in tokens]
        rest = max(0.0, 1 - sum(probabilities))
        return pd.DataFrame({"token": names, "probability": probabilities}), f"All other tokens together: {rest:.1%}"

    # always_last: of the keys pressed during a prediction only the last starts the next one
    gr.on(
        [tab.select, text.input, weights.input, text.submit],
        predict,
        [weights, text],
        [bars, summary],
        trigger_mode="always_last",
        show_progress="hidden",
    )


def render_surprisal(workbench: Workbench) -> None:
    """Render a text with every token coloured by its surprisal."""
    gr.Markdown(
        "Every token coloured by its surprisal, the negative log-probability that the model gave it. A repetition "
        "often has a low "
        "surprisal: the model copies from its context."
    )
    weights = workbench.weights_picker()
    text = gr.Textbox(TEXT, label="Text", lines=4, max_lines=20)
    button = gr.Button("Score", variant="primary")
    summary = gr.Markdown()
    view = TokenView("Token surprisal", "Press Score.")

    def score(name: str, written: str) -> tuple[str, str]:
        scores = workbench.call(Prompting.score, name, written)
        line = (
            f"**{scores['perplexity']:.2f}** perplexity · **{scores['bits_per_byte']:.3f}** bits per byte · "
            f"{scores['loss']:.3f} nats per token · {scores['tokens_scored']:,} tokens"
        )
        return line, token_view_value([{"tokens": scores["tokens"]}])

    gr.on([button.click, text.submit], score, [weights, text], [summary, view])
