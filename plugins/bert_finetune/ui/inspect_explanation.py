"""Look inside: explanation of a predicted label by occlusion."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.bert_finetune.classify.endpoints import Classify
from plugins.bert_finetune.ui.try_classify import EXAMPLES
from training.wording import counted


def render(workbench: Workbench) -> None:
    """Render the weight of each word for the predicted label."""
    gr.Markdown(
        "Occlusion: each word is masked in turn. Its weight is the drop of the label's log-odds, relative to the "
        "largest."
    )
    bench = workbench.on(Classify)
    weights = bench.weights_picker()
    text = gr.Textbox(EXAMPLES[0], label="Text", lines=2)
    pair = gr.Textbox(label="Second text", lines=1, placeholder="For a model that was trained on pairs.")
    button = gr.Button("Explain", variant="primary")
    words = gr.HighlightedText(label="Weight of each word for the label", show_legend=True, combine_adjacent=False)
    tokens = gr.Textbox(label="Tokens", interactive=False)

    def explain(name: str, sentence: str, second: str) -> tuple[gr.HighlightedText, str]:
        result = bench.call(Classify.explain, name, sentence, second)
        return gr.HighlightedText(_spans(result), label=_title(result)), " · ".join(result["tokens"])

    gr.on([button.click, text.submit], explain, [weights, text, pair], [words, tokens])


def _spans(result: dict[str, Any]) -> list[tuple[str, str | float | None]]:
    largest = max((abs(word["weight"]) for word in result["words"]), default=0) or 1.0
    return [(word["word"] + " ", word["weight"] / largest) for word in result["words"]]


def _title(result: dict[str, Any]) -> str:
    title = f"Weight of each word for the label {result['label']!r} ({result['probability']:.0%})"
    if result["words_left_out"]:
        title += f"; the last {counted(result['words_left_out'], 'word')} not explained"
    return title
