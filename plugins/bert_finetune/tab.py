"""The tab of the encoder: Try, and Look inside."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins.bert_finetune import endpoints
from plugins.bert_finetune.answer.boxes import draw_answer
from plugins.bert_finetune.pretrain.boxes import draw_fill_mask, draw_next_sentence
from plugins.bert_finetune.tag.boxes import draw_tag
from plugins.bert_finetune.translate.boxes import draw_translate

EXAMPLES = [
    "a stirring , funny and finally transporting film",
    "dull , overlong and badly acted",
    "not bad at all",
    "I wanted to like it , but the plot goes nowhere",
]


def draw(workbench: Workbench) -> None:
    """Draw both tabs."""
    with gr.Tab("Try"), gr.Tabs():
        with gr.Tab("Label"):
            _draw_try(workbench)
        with gr.Tab("Entities"):
            draw_tag(workbench)
        with gr.Tab("Questions"):
            draw_answer(workbench)
        with gr.Tab("Translation"):
            draw_translate(workbench)
        with gr.Tab("Hidden words"):
            draw_fill_mask(workbench)
        with gr.Tab("Next sentence"):
            draw_next_sentence(workbench)
    with gr.Tab("Look inside"):
        _draw_inside(workbench)


def _draw_try(workbench: Workbench) -> None:
    weights = workbench.weights_picker()
    with gr.Row():
        with gr.Column():
            text = gr.Textbox(label="Text", lines=4, placeholder="Write a sentence, or take an example below.")
            pair = gr.Textbox(label="Second text", lines=2, placeholder="For a model that was trained on pairs.")
            button = gr.Button("Classify", variant="primary")
            gr.Examples(EXAMPLES, text, label="Examples", api_visibility="private")
        with gr.Column():
            label = gr.Label(label="Label", num_top_classes=8)
    with gr.Accordion("Classify a file", open=False), gr.Row():
        file = gr.File(label="CSV, TSV, JSONL or Parquet", type="filepath", height=120)
        with gr.Column():
            run = gr.Button("Classify every row")
            scored = gr.File(label="Scored CSV", interactive=False)

    def classify(name: str, first: str, second: str) -> Any:
        return workbench.call(endpoints.classify, name, first, second)["probabilities"]

    def classify_file(name: str, path: str | None) -> str:
        if not path:
            raise gr.Error("Choose a file first.", print_exception=False)
        from pathlib import Path

        return str(workbench.call(endpoints.classify_file, name, Path(path)))

    gr.on([button.click, text.submit], classify, [weights, text, pair], label, api_visibility="private")
    run.click(classify_file, [weights, file], scored, api_visibility="private")


def _draw_inside(workbench: Workbench) -> None:
    gr.Markdown(
        "Which words made the label? Each is masked in turn: what the label's log-odds lose by it is the word's weight. Below, what each head looks at."
    )
    weights = workbench.weights_picker()
    with gr.Row():
        text = gr.Textbox(EXAMPLES[0], label="Text", lines=2, scale=4)
        button = gr.Button("Explain", variant="primary", scale=1, min_width=120)
    words = gr.HighlightedText(
        label="Weight of each word for the label",
        show_legend=True,
        combine_adjacent=False,
    )
    tokens = gr.Textbox(label="How the tokenizer splits it", interactive=False)
    with gr.Row():
        layer = gr.Slider(1, 12, 1, step=1, label="Layer")
        head = gr.Slider(1, 12, 1, step=1, label="Head")
    heat = gr.Plot(label="Attention: rows look at columns")

    def explain(name: str, sentence: str) -> tuple[Any, str]:
        found = workbench.call(endpoints.explain, name, sentence)
        most = max((abs(word["weight"]) for word in found["words"]), default=0) or 1.0
        spans = [(word["word"] + " ", word["weight"] / most) for word in found["words"]]
        return gr.HighlightedText(
            spans, label=f"Weight of each word for the label {found['label']!r} ({found['probability']:.0%})"
        ), " · ".join(found["tokens"])

    def attention(name: str, sentence: str, at_layer: int, at_head: int) -> tuple[Any, Any, Any]:
        tokens, values = workbench.call(_attention, name, sentence)
        layers, heads = values.shape[:2]
        shown = min(int(at_layer), layers), min(int(at_head), heads)
        figure = _heat_map(tokens, values[shown[0] - 1][shown[1] - 1])
        return figure, _slider(shown[0], layers), _slider(shown[1], heads)

    inputs: list[Any] = [weights, text]
    button.click(explain, inputs, [words, tokens], api_visibility="private")
    moved = [button.click, layer.release, head.release]
    gr.on(
        moved, attention, [*inputs, layer, head], [heat, layer, head], api_visibility="private", show_progress="hidden"
    )


def _slider(value: int, most: int) -> gr.Slider:
    return gr.Slider(value=value, maximum=max(2, most), interactive=most > 1)  # Gradio refuses a range of one


def _heat_map(names: list[str], values: Any) -> Any:
    """Attention probabilities of one head, (time, time), as a figure."""
    from matplotlib.figure import Figure

    size = 2 + 0.28 * len(names)
    figure = Figure(figsize=(size, size), layout="constrained")
    axes = figure.subplots()
    axes.imshow(values, cmap="viridis", vmin=0, vmax=float(values.max()))
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    return figure


def _attention(classifier: Any, text: str) -> tuple[list[str], Any]:
    return classifier.attention(text)
