"""Look inside: attention of every head, and the heat map of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
import numpy as np

from plugins._contract import Workbench
from plugins._ui.chart import Chart, chart_value, heads
from plugins._ui.events import LATEST, message_area, on_box
from plugins._ui.examples import render_examples
from plugins.bert_finetune.encode.endpoints import Encode

EXAMPLES = [
    "a stirring , funny and finally transporting film",
    "The cat sat on the mat because the cat was tired.",
    "The bank raised its interest rates.",
]
FIRST = "the previous token"  # the target whose best head is shown first: the pattern that is easiest to see


def render(workbench: Workbench) -> None:
    """Render all heads, and the heat map of the selected one."""
    gr.Markdown(
        "How much each token looks at every other, in each head. **What to notice**: many heads look mostly at one "
        "kind of token, such as the previous one, which is a line under the diagonal (Clark et al., 2019)."
    )
    bench = workbench.on(Encode)
    weights = bench.weights_picker()
    text = gr.Textbox(EXAMPLES[0], label="Text", lines=2)
    message = message_area("Write a text, then press Show.")
    button = gr.Button("Show", variant="primary")
    chart = Chart("Attention", "The attention of every head appears here.")

    def show(name: str, sentence: str) -> list[str]:
        function = "plugins.bert_finetune.inspect.attention:attention_and_targets"
        tokens, values, shares = bench.call(function, name, sentence)
        best = np.unravel_index(int(shares[FIRST].argmax()), shares[FIRST].shape)
        return [chart_value([heads(tokens, values, (int(best[0]), int(best[1])), _notes(shares))])]

    inputs, outputs = [weights, text], [chart]
    render_examples([[example] for example in EXAMPLES], [text], show, inputs, outputs, message)
    on_box([button.click, text.submit, weights.change, message.play], show, inputs, outputs, message, **LATEST)


def _notes(shares: Mapping[str, Any]) -> list[list[str]]:
    """A sentence on each head: which kind of token it looks at most."""
    layers, count = next(iter(shares.values())).shape

    def note(layer: int, head: int) -> str:
        target = max(shares, key=lambda kind: shares[kind][layer, head])
        return f"This head gives {shares[target][layer, head]:.0%} of its attention to {target}."

    return [[note(layer, head) for head in range(count)] for layer in range(layers)]
