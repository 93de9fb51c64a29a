"""Look inside: one random mask of a text, as pre-training samples it at each step."""

from __future__ import annotations

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.chart import Chart, chart_value, words
from plugins._ui.events import LATEST, message_area, on_box
from plugins.bert_finetune.encode.endpoints import Encode
from plugins.bert_finetune.ui.inspect_tokenisation import DOMAIN

GROUPS = {
    "masked": "replaced by [MASK] (80 %)",
    "replaced at random": "replaced by a random token (10 %)",
    "kept": "kept, but predicted (10 %)",
}
UNITS = [("single tokens", "token"), ("whole words", "whole_word"), ("spans", "span")]


def render(workbench: Workbench) -> None:
    """Render the masked text for a ratio, a unit of masking and a seed."""
    gr.Markdown(
        "What the network sees in one step of pre-training: 15 % of the tokens are to be predicted. **What to "
        "notice**: not all of them are hidden. Since any token may be wrong, the network has to represent all of them. "
        "Change the step to draw others."
    )
    bench = workbench.on(Encode)
    weights = bench.weights_picker()
    text = gr.Textbox(DOMAIN, label="Text", lines=2)
    with gr.Row():
        ratio = gr.Slider(0.05, 0.6, 0.15, step=0.05, label="Share of the tokens", min_width=150)
        masking = gr.Radio(UNITS, value="token", label="Masked at once", min_width=220)
        seed = gr.Number(3, precision=0, minimum=0, label="Step (seed)", min_width=100)
    message = message_area("Write a text, then press Mask.")
    button = gr.Button("Mask", variant="primary")
    chart = Chart("Input of the network", "The masked text appears here.")

    def mask(name: str, sentence: str, share: float, unit: str, step: float) -> str:
        function = "plugins.bert_finetune.inspect.masking:sample_masking"
        tokens = bench.call(function, name, sentence, share, unit, int(step or 0))
        items = [{"text": token.strip(), "group": treatment} for token, treatment in tokens]
        note = "In brackets, the token that is to be predicted."
        return chart_value([words("Input of the network", items, note, groups=GROUPS)])

    events = [button.click, text.submit, ratio.release, masking.input, seed.input, weights.change, message.play]
    on_box(events, mask, [weights, text, ratio, masking, seed], chart, message, **LATEST)
