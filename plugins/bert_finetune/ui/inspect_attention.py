"""Look inside: attention of every head, and the heat map of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.attention_figures import all_heads, head_at, heat_map
from plugins._ui.components import one_of
from plugins.bert_finetune.encode.endpoints import Encode
from plugins.bert_finetune.ui.try_classify import EXAMPLES

MIN_SHARE = 0.5  # of a head's attention, from which the head is listed under its target


def render(workbench: Workbench) -> None:
    """Render the overview of all heads, and the heat map of the selected one."""
    gr.Markdown(
        "Attention from each token (row) to every other (column), in every head; click a head to enlarge it. Many "
        "heads attend "
        "mostly to one kind of token: the previous, the next, or special tokens (Clark et al., 2019)."
    )
    bench = workbench.on(Encode)
    weights = bench.weights_picker()
    text = gr.Textbox(EXAMPLES[0], label="Text", lines=2)
    button = gr.Button("Show", variant="primary")
    targets = gr.Markdown()
    with gr.Row():
        with gr.Column(min_width=320):
            buttons: Any = ["download", "fullscreen"]
            overview = gr.Image(label="All heads", show_label=False, type="pil", interactive=False, buttons=buttons)
        with gr.Column(min_width=320):
            with gr.Row():
                layer = gr.Slider(1, 12, 1, step=1, label="Layer", min_width=120)
                head = gr.Slider(1, 12, 1, step=1, label="Head", min_width=120)
            summary = gr.Markdown()
            heat = gr.Plot(label="Attention", show_label=False)  # a label would cover the first row

    def show(name: str, sentence: str, chosen_layer: float, chosen_head: float) -> tuple[Any, ...]:
        function = "plugins.bert_finetune.inspect.attention:attention_and_targets"
        tokens, values, shares = bench.call(function, name, sentence)
        layers, heads = values.shape[:2]
        index = min(int(chosen_layer), layers) - 1, min(int(chosen_head), heads) - 1
        figure = heat_map(tokens, values[index], 2 + 0.28 * len(tokens))
        sliders = one_of(index[0] + 1, layers), one_of(index[1] + 1, heads)
        return all_heads(values), _heads_by_target(shares), _summary(shares, index), figure, *sliders

    def select(name: str, sentence: str, event: gr.SelectData) -> tuple[Any, ...]:
        return show(name, sentence, *head_at(event.index))

    outputs = [overview, targets, summary, heat, layer, head]
    hidden: dict[str, Any] = {"show_progress": "hidden"}
    events = [button.click, text.submit, layer.release, head.release]
    gr.on(events, show, [weights, text, layer, head], outputs, **hidden)
    overview.select(select, [weights, text], outputs, **hidden)


def _heads_by_target(shares: Mapping[str, Any]) -> str:
    """Markdown: the heads that mostly attend to each kind of token."""
    lines = []
    for target, share in shares.items():
        heads = [f"{layer + 1}.{head + 1}" for layer, head in zip(*(share >= MIN_SHARE).nonzero(), strict=True)]
        lines += [f"- **{target}**: {', '.join(heads)}"] if heads else []
    return "Heads (layer.head) that give most of their attention to\n" + "\n".join(lines) if lines else ""


def _summary(shares: Mapping[str, Any], index: tuple[int, int]) -> str:
    ranked = sorted(shares.items(), key=lambda item: -item[1][index])
    parts = "; ".join(f"{target} with {share[index]:.0%}" for target, share in ranked)
    return f"Layer {index[0] + 1}, head {index[1] + 1} attends to {parts}."
