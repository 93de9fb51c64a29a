"""Look inside: how the tokenizer splits the words of a domain."""

from __future__ import annotations

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.chart import Chart, bars, chart_value
from plugins._ui.events import LATEST, message_area, on_box
from plugins._ui.examples import render_examples
from plugins.bert_finetune.encode.endpoints import Encode

DOMAIN = "The patient's electrocardiogram showed tachycardia; amiodarone was administered intravenously."
EXAMPLES = [
    DOMAIN,
    "The river flows through the city to the sea.",
    "kubectl apply -f deployment.yaml --namespace staging",
]
NAMES = ["medicine", "plain English", "a command"]


def render(workbench: Workbench) -> None:
    """Render the words with the most sub-words, and the averages."""
    gr.Markdown(
        "A tokenizer splits words that were rare in its corpus into several sub-words. **What to notice**: the words "
        "of a special domain fall into many pieces, common words stay whole. An encoder of your domain may be a better "
        "start."
    )
    bench = workbench.on(Encode)
    weights = bench.weights_picker()
    text = gr.Textbox(DOMAIN, label="Text of your domain", lines=3, max_lines=12)
    message = message_area("Paste a text, then press Tokenise.")
    button = gr.Button("Tokenise", variant="primary")
    chart = Chart("Sub-words", "The words with the most sub-words appear here.")

    def split(name: str, sentence: str) -> list[str]:
        result = bench.call("plugins.bert_finetune.inspect.tokenisation:split_words", name, sentence)
        unknown = f", {result['unknown']:.1%} of them with unknown tokens" if result["unknown"] else ""
        note = f"{result['words']:,} words{unknown}; {result['subwords_per_word']:.2f} sub-words per word on average."
        items = [(word, len(pieces.split()), f"{pieces} ({count} times)") for word, pieces, count in result["rows"]]
        return [chart_value([bars("Sub-words of each word", items, note=note)])]

    inputs, outputs = [weights, text], [chart]
    render_examples([[example] for example in EXAMPLES], [text], split, inputs, outputs, message, NAMES)
    on_box([button.click, text.submit, weights.change, message.play], split, inputs, outputs, message, **LATEST)
