"""Look inside: attention of all heads with their induction scores, and attention from the answer to the examples'
labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from plugins._contract import Workbench
from plugins._ui.attention_figures import all_heads, head_at, heat_map
from plugins._ui.components import one_of
from plugins.gpt_prompting.ui.prompt_form import prompt_of
from plugins.gpt_prompting.ui.token_view import TokenView, token_view_value

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ATTENTION = "plugins.gpt_prompting.inspect.attention"
TEXT = "a warm film, a dull plot, a warm song, a dull"


def render_attention(workbench: Workbench) -> None:
    """Render all heads as small images, and one as a heat map."""
    gr.Markdown(
        "Attention of each token (row) to each earlier token (column), in every head; click a head to enlarge it. "
        "The upper triangle "
        "is empty because of the causal mask. The second figure shows the induction score of each head (Olsson et "
        "al., 2022): how "
        "much it attends to the token after the previous occurrence of the current one."
    )
    weights = workbench.weights_picker()
    text = gr.Textbox(TEXT, label="Text", lines=2)
    button = gr.Button("Show", variant="primary")
    with gr.Row():
        with gr.Column(min_width=320):
            overview = gr.Image(
                label="All heads", show_label=False, type="pil", interactive=False, buttons=["download", "fullscreen"]
            )
            induction = gr.Plot(show_label=False)
        with gr.Column(min_width=320):
            with gr.Row():
                layer = gr.Slider(1, 12, 1, step=1, label="Layer", min_width=120)
                head = gr.Slider(1, 12, 1, step=1, label="Head", min_width=120)
            summary = gr.Markdown()
            heat = gr.Plot(show_label=False)

    def show(name: str, written: str, layer: float, head: float) -> tuple[Any, ...]:
        tokens, probabilities, scores = workbench.call(f"{ATTENTION}:head_attention", name, written)
        layers, heads = probabilities.shape[:2]
        index = min(int(layer), layers) - 1, min(int(head), heads) - 1
        line = f"Layer {index[0] + 1}, head {index[1] + 1}: induction score {scores[index]:.2f} of 1."
        names = [repr(token)[1:-1].replace("$", r"\$") for token in tokens]
        figure = heat_map(names, probabilities[index], 2.2 + 0.24 * len(names))
        sliders = one_of(index[0] + 1, layers), one_of(index[1] + 1, heads)
        return all_heads(probabilities), figure, plot_heads(scores, "induction score"), line, *sliders

    def show_clicked(name: str, written: str, event: gr.SelectData) -> tuple[Any, ...]:
        return show(name, written, *head_at(event.index))

    outputs: list[Any] = [overview, heat, induction, summary, layer, head]
    quiet: dict[str, Any] = {"show_progress": "hidden"}
    changes = [button.click, text.submit, layer.release, head.release]
    gr.on(changes, show, [weights, text, layer, head], outputs, **quiet)
    overview.select(show_clicked, [weights, text], outputs, **quiet)


def render_attention_to_labels(workbench: Workbench, prompt: list[Any], query: Any) -> None:
    """Render the attention from where the answer begins to the label of each example.

    Args:
        prompt: Components of the prompt, in the order of `prompt_of`.
        query: Component of the text to classify.
    """
    gr.Markdown(
        "Attention from the last token of the few-shot prompt, where the answer begins, to the labels of the "
        "examples; of the head "
        "that attends to them most."
    )
    weights = workbench.weights_picker()
    button = gr.Button("Show", variant="primary")
    summary = gr.Markdown()
    with gr.Row():
        table = gr.Dataframe(
            headers=["example", "label", "attention"], label="Attention to each example's label", interactive=False
        )
        heads = gr.Plot(show_label=False)
    view = TokenView("Attention of that head", "Press Show.")

    def show(name: str, text: str, *values: Any) -> tuple[Any, ...]:
        found = workbench.call(f"{ATTENTION}:attention_to_labels", name, prompt_of(*values), text)
        rows = [[number, each["label"], each["attention"]] for number, each in enumerate(found["by_example"], 1)]
        layer, head = found["head"]
        tokens = [
            {"token": token, "attention": float(weight), "others": []}
            for token, weight in zip(found["tokens"], found["weights"], strict=True)
        ]
        line = (
            f"Layer {layer}, head {head} has {sum(row[2] for row in rows):.0%} of its attention on the labels of the "
            "examples. "
            "Below, each token is coloured by the attention it gets."
        )
        figure = plot_heads(found["heads"], "attention to labels")
        return line, rows, figure, token_view_value([{"tokens": tokens}])

    button.click(show, [weights, query, *prompt], [summary, table, heads, view])


def plot_heads(values: np.ndarray, label: str) -> Figure:
    """Plot one number per head, (layers, heads)."""
    from matplotlib.figure import Figure  # 0.4 s, and the page must start without it

    layers, heads = values.shape
    figure = Figure(figsize=(1.8 + 0.4 * heads, 1.6 + 0.4 * layers), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(values, cmap="magma", vmin=0, vmax=max(float(values.max()), 1e-6))
    axes.set(xlabel="head", ylabel="layer")
    axes.set_xticks(range(heads), [str(number + 1) for number in range(heads)], fontsize=8)
    axes.set_yticks(range(layers), [str(number + 1) for number in range(layers)], fontsize=8)
    figure.colorbar(image, label=label, shrink=0.9)
    return figure
