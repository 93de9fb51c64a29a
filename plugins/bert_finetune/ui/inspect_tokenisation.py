"""Look inside: how the tokenizer splits the words of a domain."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.bert_finetune.encode.endpoints import Encode

DOMAIN = "The patient's electrocardiogram showed tachycardia; amiodarone was administered intravenously."
HEADERS = ["word", "sub-words", "count"]


def render(workbench: Workbench) -> None:
    """Render the words with the most sub-words, and the averages."""
    gr.Markdown(
        "Paste text of your domain. Words that are split into many sub-words are rare in the vocabulary's corpus; an "
        "encoder of "
        "that domain may be a better start."
    )
    bench = workbench.on(Encode)
    weights = bench.weights_picker()
    text = gr.Textbox(DOMAIN, label="Text of your domain", lines=5, max_lines=12)
    button = gr.Button("Tokenise", variant="primary")
    summary = gr.Markdown()
    table = gr.Dataframe(headers=HEADERS, label="Words with the most sub-words", interactive=False, wrap=True)

    def split(name: str, sentence: str) -> tuple[str, list[list[Any]]]:
        result = bench.call("plugins.bert_finetune.inspect.tokenisation:split_words", name, sentence)
        unknown = f"; **{result['unknown']:.1%}** of the words contain unknown tokens" if result["unknown"] else ""
        text = f"{result['words']:,} words, **{result['subwords_per_word']:.2f}** sub-words per word{unknown}"
        return text, result["rows"]

    button.click(split, [weights, text], [summary, table])
