"""Look inside: one random mask of a text, as pre-training samples it at each step."""

from __future__ import annotations

import gradio as gr

from plugins._contract import Workbench
from plugins.bert_finetune.encode.endpoints import Encode
from plugins.bert_finetune.ui.inspect_tokenisation import DOMAIN

COLOURS = {"masked": "#0f766e", "replaced at random": "#b45309", "kept": "#7c3aed"}


def render(workbench: Workbench) -> None:
    """Render the masked text for a ratio, a unit of masking and a seed."""
    gr.Markdown(
        "At every step, 15 % of the tokens are sampled for prediction. Of these, 80 % are replaced by `[MASK]`, 10 % "
        "by a random "
        "token, and 10 % are kept: since any token may be wrong, the network has to represent all of them."
    )
    bench = workbench.on(Encode)
    weights = bench.weights_picker()
    text = gr.Textbox(DOMAIN, label="Text", lines=3)
    with gr.Row():
        ratio = gr.Slider(0.05, 0.6, 0.15, step=0.05, label="Mask ratio")
        masking = gr.Radio(["token", "whole_word", "span"], value="token", label="Masking")
        seed = gr.Number(0, precision=0, minimum=0, label="Step (seed)")
    button = gr.Button("Mask", variant="primary")
    masked = gr.HighlightedText(
        label="Input of the network (original token)", color_map=COLOURS, show_legend=True, combine_adjacent=False
    )

    def mask(name: str, sentence: str, share: float, unit: str, step: float) -> list[tuple[str, str | None]]:
        function = "plugins.bert_finetune.inspect.masking:sample_masking"
        return bench.call(function, name, sentence, share, unit, int(step or 0))

    events = [button.click, text.submit, ratio.release, masking.input, seed.change]
    gr.on(events, mask, [weights, text, ratio, masking, seed], masked)
