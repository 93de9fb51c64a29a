"""Look inside: the next-token distribution while typing, and the surprisal of every token of a text."""

from __future__ import annotations

import math
from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.chart import Chart, Panel, bars, chart_value, words
from plugins._ui.events import LATEST, message_area, on_box
from plugins._ui.examples import render_examples
from plugins.gpt_prompting.prompting.endpoints import Prompting

BEGINNINGS = [
    "I do not know what to",
    "The old man went down to",
    "“I do not know,” said the old",
    "User: I need a table at a restaurant in Boston\nAssistant: What time would you",
]
TEXTS = [
    "The old man went down to the river. The old man went down to the river. The old man went down to the telephone.",
    "the king of the castle, the queen of the sea, the king of the castle, the queen of the sea",
]
NEXT_TOKENS = 15


def render_next_token(workbench: Workbench) -> None:
    """Render the distribution over the next token, updated at every key."""
    gr.Markdown(
        "All that a language model computes: a probability for each token that might come next. **What to notice**: "
        "grammar alone rules out nearly everything. Type on, and watch the bars change."
    )
    weights = workbench.weights_picker()
    text = gr.Textbox(BEGINNINGS[0], label="Text", lines=2)
    message = message_area()
    chart = Chart("Next token", "The most probable next tokens appear here.")

    def predict(name: str, written: str) -> list[str]:
        tokens = workbench.call(Prompting.next_token, name, written, NEXT_TOKENS)
        rest = max(0.0, 1 - sum(token["probability"] for token in tokens))
        items = [(_quoted(token["token"]), token["probability"], "") for token in tokens]
        return [chart_value([bars("Next token", items, "percent", f"All other tokens together: {rest:.1%}.")])]

    inputs, outputs = [weights, text], [chart]
    quiet = {**LATEST, "show_progress": "hidden"}
    render_examples([[each] for each in BEGINNINGS], [text], predict, inputs, outputs, message, **quiet)
    on_box([text.input, text.submit, weights.change, message.play], predict, inputs, outputs, message, **quiet)


def render_surprisal(workbench: Workbench) -> None:
    """Render a text with every token coloured by its surprisal."""
    gr.Markdown(
        "Surprisal is the negative log-probability that the model gave a token, in bits. **What to notice**: what "
        "comes a second time is pale, since the model copies from its context; the last word is not what it expected."
    )
    weights = workbench.weights_picker()
    text = gr.Textbox(TEXTS[0], label="Text", lines=3, max_lines=20)
    message = message_area("Write a text, then press Score.")
    button = gr.Button("Score", variant="primary")
    chart = Chart("Token surprisal", "The surprisal of every token appears here.")

    def score(name: str, written: str) -> list[str]:
        return [chart_value([_surprisal(workbench.call(Prompting.score, name, written))])]

    inputs, outputs = [weights, text], [chart]
    render_examples([[each] for each in TEXTS], [text], score, inputs, outputs, message, ["an old man", "a king"])
    on_box([button.click, text.submit, weights.change, message.play], score, inputs, outputs, message, **LATEST)


def _surprisal(scores: dict[str, Any]) -> Panel:
    note = (
        f"Perplexity {scores['perplexity']:.1f}: as unsure as a choice among that many equal tokens. "
        f"{scores['bits_per_byte']:.2f} bits per byte, {scores['tokens_scored']:,} tokens."
    )
    ends = ("(expected)", "(surprising)")
    return words("Token surprisal", list(map(_token, scores["tokens"])), note, unit="bits", ends=ends, gap=1)


def _token(token: dict[str, Any]) -> dict[str, Any]:
    probability = token["probability"]
    if probability is None:
        return {"text": token["token"]}
    others = ", ".join(f"{_quoted(other['token'])} {other['probability']:.1%}" for other in token["others"])
    tip = [f"probability {probability:.2%}", *([f"most probable: {others}"] if others else [])]
    return {"text": token["token"], "value": round(-math.log2(max(probability, 1e-9)), 3), "tip": tip}


def _quoted(token: str) -> str:
    return "“" + token.replace("\n", "⏎").replace("\t", "→") + "”"
