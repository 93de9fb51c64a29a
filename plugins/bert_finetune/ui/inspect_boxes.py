"""The boxes of "Look inside": why a label, what each head looks at, what masking does, how words are split, where sentences lie."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill, shorten
from typing import Any

import gradio as gr

from plugins._boxes import all_heads, head_at, heat_map, one_of
from plugins._contract import Workbench
from plugins.bert_finetune import endpoints, starter
from training.wording import counted

SENTENCE = "a stirring , funny and finally transporting film"
DOMAIN = "The patient's electrocardiogram showed tachycardia; amiodarone was administered intravenously."
SENTENCES = """The team won the final in overtime.
The striker scored two goals.
The bank raised its interest rates.
Shares fell after the quarterly report.
The court sentenced him to five years.
The judge dismissed the appeal."""
MIN_SHARE = 0.5  # share of a head's attention from which it is its habit
MAX_LABELLED = 12  # sentences of a map up to which each is written out
MASKING_COLOURS = {"masked": "#0f766e", "replaced at random": "#b45309", "kept, but asked for": "#7c3aed"}


def render_explain(workbench: Workbench) -> None:
    """The weight of each word for the label."""
    gr.Markdown(
        "Each word is masked in turn: what the label's log-odds lose by it is the word's weight, shown as a share of the largest."
    )
    weights = workbench.weights_picker()
    text = gr.Textbox(SENTENCE, label="Text", lines=2)
    pair = gr.Textbox(label="Second text", lines=1, placeholder="For a model that was trained on pairs.")
    button = gr.Button("Explain", variant="primary")
    words = gr.HighlightedText(label="Weight of each word for the label", show_legend=True, combine_adjacent=False)
    tokens = gr.Textbox(label="How the tokenizer splits it", interactive=False)

    def explain(name: str, sentence: str, second: str) -> tuple[Any, str]:
        found = workbench.call(endpoints.explain, name, sentence, second)
        most = max((abs(word["weight"]) for word in found["words"]), default=0) or 1.0
        spans = [(word["word"] + " ", word["weight"] / most) for word in found["words"]]
        title = f"Weight of each word for the label {found['label']!r} ({found['probability']:.0%})"
        if found["words_left_out"]:
            title += f"; the last {counted(found['words_left_out'], 'word')} left out"
        return gr.HighlightedText(spans, label=title), " · ".join(found["tokens"])

    gr.on([button.click, text.submit], explain, [weights, text, pair], [words, tokens], api_visibility="private")


def render_attention(workbench: Workbench) -> None:
    """All heads at a glance, and the heat map of one."""
    gr.Markdown(
        "How much each token (row) takes from each other (column), in every head of any encoder; press a head to see it large. "
        "Many have one habit: they look at the token before, at the next, at the special tokens (Clark et al., 2019)."
    )
    weights = workbench.weights_picker(starter=starter.ENCODER)
    text = gr.Textbox(SENTENCE, label="Text", lines=2)
    button = gr.Button("Show", variant="primary")
    attention_by_target = gr.Markdown()
    with gr.Row():
        with gr.Column(min_width=320):
            every = gr.Image(
                label="All heads", show_label=False, type="pil", interactive=False, buttons=["download", "fullscreen"]
            )
        with gr.Column(min_width=320):
            with gr.Row():
                layer = gr.Slider(1, 12, 1, step=1, label="Layer", min_width=120)
                head = gr.Slider(1, 12, 1, step=1, label="Head", min_width=120)
            said = gr.Markdown()
            heat = gr.Plot(
                label="Attention: rows look at columns", show_label=False
            )  # a label would cover the first row

    def attend(name: str, sentence: str, at_layer: float, at_head: float) -> tuple[Any, ...]:
        tokens, values, shares = workbench.call(_attention, name, sentence)
        layers, heads = values.shape[:2]
        place = min(int(at_layer), layers) - 1, min(int(at_head), heads) - 1
        figure = heat_map(tokens, values[place], 2 + 0.28 * len(tokens))
        line = f"Layer {place[0] + 1}, head {place[1] + 1} looks at " + "; ".join(
            f"{kind} with {found[place]:.0%}"
            for kind, found in sorted(shares.items(), key=lambda each: -each[1][place])
        )
        sliders = one_of(place[0] + 1, layers), one_of(place[1] + 1, heads)
        return all_heads(values), _heads_by_target(shares), f"{line}.", figure, *sliders

    def press(name: str, sentence: str, event: gr.SelectData) -> tuple[Any, ...]:
        return attend(name, sentence, *head_at(event.index))

    outputs = [every, attention_by_target, said, heat, layer, head]
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    moved = [button.click, text.submit, layer.release, head.release]
    gr.on(moved, attend, [weights, text, layer, head], outputs, **quiet)
    every.select(press, [weights, text], outputs, **quiet)


def render_masking(workbench: Workbench) -> None:
    """One draw of the 15 %, and what is shown in place of each."""
    gr.Markdown(
        "Before every step, 15 % of the tokens are drawn anew. Of these 80 % are shown as `[MASK]`, 10 % as a random token and "
        "10 % as they are: the network cannot know which of the tokens it sees are right, so it has to understand all of them."
    )
    weights = workbench.weights_picker(starter=starter.ENCODER)
    text = gr.Textbox(DOMAIN, label="Text", lines=3)
    with gr.Row():
        share = gr.Slider(0.05, 0.6, 0.15, step=0.05, label="Share of the tokens")
        unit = gr.Radio(["token", "whole_word", "span"], value="token", label="Masked together")
        seed = gr.Number(0, precision=0, minimum=0, label="Step (seed)")
    button = gr.Button("Draw", variant="primary")
    shown = gr.HighlightedText(
        label="What the network sees (and the truth)",
        color_map=MASKING_COLOURS,
        show_legend=True,
        combine_adjacent=False,
    )

    def draw(name: str, sentence: str, part: float, kind: str, step: float) -> list[tuple[str, str | None]]:
        return workbench.call(_masked, name, sentence, part, kind, int(step or 0))

    moved = [button.click, text.submit, share.release, unit.input, seed.change]
    gr.on(moved, draw, [weights, text, share, unit, seed], shown, api_visibility="private")


def render_tokenisation(workbench: Workbench) -> None:
    """Which words of a domain the vocabulary has to spell."""
    gr.Markdown(
        "Paste text of your field. Words cut into many pieces are ones the vocabulary hardly knows; a base of that field may serve better."
    )
    weights = workbench.weights_picker(starter=starter.ENCODER)
    text = gr.Textbox(DOMAIN, label="Text of your domain", lines=5, max_lines=12)
    button = gr.Button("Split", variant="primary")
    said = gr.Markdown()
    rows = gr.Dataframe(
        headers=["word", "pieces", "times"], label="The words cut into most pieces", interactive=False, wrap=True
    )

    def split(name: str, sentence: str) -> tuple[str, list[list[Any]]]:
        found = workbench.call(_split_words, name, sentence)
        unknown = f"; **{found['unknown']:.1%}** of the words cannot be written at all" if found["unknown"] else ""
        return f"{found['words']:,} words, **{found['pieces_a_word']:.2f}** pieces a word{unknown}", found["rows"]

    button.click(split, [weights, text], [said, rows], api_visibility="private")


def render_sentence_map(workbench: Workbench) -> None:
    """Sentence vectors in two dimensions."""
    gr.Markdown(
        "Each line is a sentence, its vector the mean of the encoder's token vectors, drawn on the first two principal components; "
        f"of more than {MAX_LABELLED} the number of the line is shown."
    )
    weights = workbench.weights_picker(starter=starter.ENCODER)
    text = gr.Textbox(SENTENCES, label="Sentences, one a line", lines=7, max_lines=20)
    button = gr.Button("Draw the map", variant="primary")
    plot = gr.Plot(label="Sentences", show_label=False)  # a label would cover some

    def draw(name: str, lines: str) -> Any:
        texts = [line.strip() for line in lines.splitlines() if line.strip()]
        places, shares = workbench.call(_sentence_map, name, texts)
        return _plot_map(texts, places, shares)

    button.click(draw, [weights, text], plot, api_visibility="private")


# Functions of a module, as `call` wants them; what they need is imported when they run.


def _attention(model: Any, text: str) -> Any:
    from plugins.bert_finetune.inspect.attention import attention, attention_by_target

    tokens, values = attention(model, text)
    return tokens, values, attention_by_target(model.tokenizer, tokens, values)


def _heads_by_target(shares: Mapping[str, Any]) -> str:
    """The heads of each habit, a line each."""
    lines = []
    for kind, found in shares.items():
        heads = [f"{layer + 1}.{head + 1}" for layer, head in zip(*(found >= MIN_SHARE).nonzero(), strict=True)]
        lines += [f"- **{kind}**: {', '.join(heads)}"] if heads else []
    return f"Heads (layer.head) that give most of their attention to\n{chr(10).join(lines)}" if lines else ""


def _masked(model: Any, text: str, share: float, unit: str, seed: int) -> Any:
    from plugins.bert_finetune.inspect.masking import sample_masking

    return sample_masking(model, text, share, unit, seed)


def _split_words(model: Any, text: str) -> Any:
    from plugins.bert_finetune.inspect.tokenisation import split_words

    return split_words(model, text)


def _sentence_map(model: Any, texts: list[str]) -> Any:
    from plugins.bert_finetune.inspect.sentence_map import sentence_map

    return sentence_map(model, texts)


def _plot_map(texts: list[str], places: Any, shares: Any) -> Any:
    """Sentences at their places, (texts, 2), as a figure; where there are many, each by the number of its line."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    axes.scatter(places[:, 0], places[:, 1], color="#0f766e", s=24)
    for number, (text, place) in enumerate(zip(texts, places, strict=True), 1):
        said = shorten(text, 48, placeholder="…") if len(texts) <= MAX_LABELLED else str(number)
        axes.annotate(fill(said, 18), place, fontsize=10, xytext=(0, 5), textcoords="offset points", ha="center")
    axes.set(xlabel=f"first component ({shares[0]:.0%} of the variance)", ylabel=f"second ({shares[1]:.0%})")
    axes.margins(x=0.2, y=0.2)  # the longest label is about that wide
    axes.grid(alpha=0.3)
    return figure
