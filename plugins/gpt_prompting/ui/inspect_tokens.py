"""The boxes of "Look inside": the next token as one types, surprise, where each token looks, and the look back at labels."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._boxes import PRIVATE, all_heads, head_at, heat_map, one_of
from plugins._contract import Workbench
from plugins.gpt_prompting import endpoints
from plugins.gpt_prompting.ui.prompt_form import prompt_of
from plugins.gpt_prompting.ui.token_view import TokenView, token_view_value

SENTENCE = "Once upon a time there was a little girl who lived in a"
READ = "The king sat on his throne and looked at the sea. The king sat on his throne and looked at the telephone."


def render_next_token(workbench: Workbench, tab: gr.Tab) -> None:
    """The distribution as one types."""
    gr.Markdown("What the model takes to be next, and how sure it is, at every key you press.")
    weights = workbench.weights_picker()
    text = gr.Textbox(SENTENCE, label="Text", lines=3)
    with gr.Row():
        bars = gr.BarPlot(x="token", y="probability", y_lim=[0, 1], height=300, sort="-y", label="Next token", x_title="", tooltip="all")  # fmt: skip
    said = gr.Markdown()

    def look(name: str, written: str) -> tuple[Any, str]:
        import pandas as pd

        found = workbench.call(endpoints.next_token, name, written, 15)
        names = [f"{place}. {each['token']!r}"[:28] for place, each in enumerate(found, 1)]
        rest = 1 - sum(each["probability"] for each in found)
        table = pd.DataFrame({"token": names, "probability": [each["probability"] for each in found]})
        return table, f"All other tokens together: {max(0.0, rest):.1%}"

    # trigger_mode: while one is computed, the last of the keys pressed meanwhile is what is asked for next
    gr.on([tab.select, text.input, weights.input, text.submit], look, [weights, text], [bars, said], trigger_mode="always_last", show_progress="hidden", **PRIVATE)  # fmt: skip


def render_surprisal(workbench: Workbench) -> None:
    """Loss per token of a text."""
    gr.Markdown(
        "Every token coloured by how little the model expected it. What stands there a second time is often expected: the model copies."
    )
    weights = workbench.weights_picker()
    text = gr.Textbox(READ, label="Text", lines=4, max_lines=20)
    button = gr.Button("Read", variant="primary")
    said = gr.Markdown()
    view = TokenView("Surprise", "Press Read.")

    def read(name: str, written: str) -> tuple[str, str]:
        found = workbench.call(endpoints.score, name, written)
        line = (
            f"**{found['perplexity']:.2f}** perplexity · **{found['bits_per_byte']:.3f}** bits per byte · {found['loss']:.3f} nats a token "
            f"· {found['tokens_scored']:,} tokens"
        )
        return line, token_view_value([{"tokens": found["tokens"]}])

    gr.on([button.click, text.submit], read, [weights, text], [said, view], **PRIVATE)


def render_attention(workbench: Workbench) -> None:
    """All heads at a glance, and the heat map of one, under the causal mask."""
    gr.Markdown(
        "How much each token (row) takes from each one before it (column), in every head; press a head to see it large. The upper triangle is empty: the causal mask forbids looking ahead. Heads are also shown by how much they copy (induction: Olsson et al., 2022)."
    )
    weights = workbench.weights_picker()
    text = gr.Textbox("a warm film, a dull plot, a warm song, a dull", label="Text", lines=2)
    button = gr.Button("Show", variant="primary")
    with gr.Row():
        with gr.Column(min_width=320):
            every = gr.Image(label="All heads", show_label=False, type="pil", interactive=False, buttons=["download", "fullscreen"])  # fmt: skip
            copying = gr.Plot(show_label=False)
        with gr.Column(min_width=320):
            with gr.Row():
                layer = gr.Slider(1, 12, 1, step=1, label="Layer", min_width=120)
                head = gr.Slider(1, 12, 1, step=1, label="Head", min_width=120)
            said = gr.Markdown()
            heat = gr.Plot(show_label=False)

    def attend(name: str, written: str, at_layer: float, at_head: float) -> tuple[Any, ...]:
        tokens, values, copies = workbench.call(_attention, name, written)
        layers, heads = values.shape[:2]
        place = min(int(at_layer), layers) - 1, min(int(at_head), heads) - 1
        line = f"Layer {place[0] + 1}, head {place[1] + 1}: induction {copies[place]:.2f} of 1."
        names = [repr(token)[1:-1].replace("$", r"\$") for token in tokens]
        pictures = all_heads(values), heat_map(names, values[place], 2.2 + 0.24 * len(names)), _heads(copies, "induction")  # fmt: skip
        return *pictures, line, one_of(place[0] + 1, layers), one_of(place[1] + 1, heads)

    def press(name: str, written: str, event: gr.SelectData) -> tuple[Any, ...]:
        return attend(name, written, *head_at(event.index))

    outputs: list[Any] = [every, heat, copying, said, layer, head]
    quiet: dict[str, Any] = {"show_progress": "hidden", **PRIVATE}
    moved = [button.click, text.submit, layer.release, head.release]
    gr.on(moved, attend, [weights, text, layer, head], outputs, **quiet)
    every.select(press, [weights, text], outputs, **quiet)


def render_attention_to_labels(workbench: Workbench, parts: list[Any], query: Any) -> None:
    """What the model sees of its examples."""
    gr.Markdown(
        "Before it writes a label, where does the model look? The head that looks most at the examples' labels, for the prompt of the studio."
    )
    weights = workbench.weights_picker()
    button = gr.Button("Look", variant="primary")
    said = gr.Markdown()
    with gr.Row():
        table = gr.Dataframe(
            headers=["example", "label", "attention"], label="From the answer's place to each label", interactive=False
        )
        heads = gr.Plot(show_label=False)
    view = TokenView("Where that head looks", "Press Look.")

    def look(name: str, text: str, *given: Any) -> tuple[Any, ...]:
        found = workbench.call(_look_back, name, prompt_of(*given), text)
        rows = [[place, each["label"], each["attention"]] for place, each in enumerate(found["by_example"], 1)]
        layer, head = found["head"]
        tokens = [
            {"token": piece, "attention": float(weight), "others": []}
            for piece, weight in zip(found["tokens"], found["weights"], strict=True)
        ]
        line = f"Layer {layer}, head {head} gives {sum(row[2] for row in rows):.0%} of its attention to the labels of the examples. Below, the warmer the token the more it looks there."
        return line, rows, _heads(found["heads"], "attention to labels"), token_view_value([{"tokens": tokens}])

    button.click(look, [weights, query, *parts], [said, table, heads, view], **PRIVATE)


# Functions of a module, as `call` wants them; what they need is imported when they run.


def _attention(model: Any, text: str) -> Any:
    from plugins.gpt_prompting.inspect.attention import attention, induction_scores

    return *attention(model, text), induction_scores(model)


def _look_back(model: Any, prompt: Any, text: str) -> Any:
    from plugins.gpt_prompting.inspect.attention import attention_to_labels
    from plugins.gpt_prompting.prompting.query import parse_query

    return attention_to_labels(model, prompt, parse_query(prompt, text))


def _heads(values: Any, what: str) -> Any:
    """One number a head, (layers, heads), as a figure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.8 + 0.4 * values.shape[1], 1.6 + 0.4 * values.shape[0]), layout="constrained")
    axes = figure.subplots()
    picture = axes.imshow(values, cmap="magma", vmin=0, vmax=max(float(values.max()), 1e-6))
    axes.set(xlabel="head", ylabel="layer")
    axes.set_xticks(range(values.shape[1]), [str(each + 1) for each in range(values.shape[1])], fontsize=8)
    axes.set_yticks(range(values.shape[0]), [str(each + 1) for each in range(values.shape[0])], fontsize=8)
    figure.colorbar(picture, label=what, shrink=0.9)
    return figure
