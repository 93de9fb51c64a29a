"""The prompt studio: wording, labels and examples on the left, what the model makes of them on the right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from plugins._boxes import PRIVATE, chosen, mended
from plugins._contract import Workbench
from plugins.gpt_prompting import endpoints
from plugins.gpt_prompting.prompting.prompts import CALIBRATIONS, LABEL, Prompt
from plugins.gpt_prompting.ui.evaluate_prompt import ROWS, render_compare, render_evaluate
from plugins.gpt_prompting.ui.model_form import render_model_picker
from plugins.gpt_prompting.ui.prompt_form import (
    fields_of,
    new_headers,
    open_prompt,
    prompt_of,
    saved,
    shown_text,
    text_of,
)
from plugins.gpt_prompting.ui.token_view import TokenView, answer_parts, token_view_value

TEXT = "do i need an umbrella today"
LABELS = "music\nweather"
INSTRUCTION = "Say what the request is about."
EXAMPLES = [
    ["play the new song by adele", "music"],
    ["will it rain tomorrow", "weather"],
    ["put on some jazz", "music"],
    ["is it sunny in paris", "weather"],
]


def render_prompt(workbench: Workbench) -> tuple[list[Any], Any]:
    """Draw the studio; returns the components of the prompt and of the query."""
    with gr.Row():
        with gr.Column(min_width=320):
            weights, key = render_model_picker(workbench)
            parts = _draw_prompt(workbench)
        with gr.Column(min_width=320):
            text = gr.Textbox(
                TEXT,
                label="Text to ask about",
                lines=3,
                info="For a template of several variables a line each: name: value",
            )
            classify_and_generate = gr.Button("Ask", variant="primary")
            with gr.Row():
                with gr.Column(min_width=220):
                    label = gr.Label(label="Label", num_top_classes=8)
                with gr.Column(min_width=220):
                    written = TokenView("What it would write", "Press Ask.")
            scores = gr.Dataframe(
                headers=["label", "words", "log-likelihood", "probability"], label="Scores", interactive=False
            )
    said = gr.Markdown()
    prompt = TokenView(
        "The prompt, exactly as the model gets it", "Press Ask: it stands here with every token's probability."
    )
    _draw_examples_from_file(parts, text)
    render_evaluate(workbench, weights, key, parts)
    render_compare(workbench, weights, key, parts)

    def run(name: str, query: str, secret: str, *given: Any) -> Iterator[tuple[Any, ...]]:
        made = prompt_of(*given)
        for state in workbench.stream(_ask, name, made, query, secret or ""):
            yield (
                state["probabilities"] or {state["label"] or "(none)": 1.0},
                written_of(state),
                score_rows(state, made),
                facts(state, made),
                token_view_value([{"facts": prompt_facts(state), "tokens": state["tokens"], "text": state["prompt"]}]),
            )

    gr.on([classify_and_generate.click, text.submit], run, [weights, text, key, *parts], [label, written, scores, said, prompt], show_progress="minimal", **PRIVATE)  # fmt: skip
    return parts, text


def _draw_prompt(workbench: Workbench) -> list[Any]:
    """Components of a prompt, in the order of `prompt_of`."""
    instruction = gr.Textbox(INSTRUCTION, label="Instruction", lines=2, max_lines=8)
    template = gr.Textbox(
        endpoints.TEMPLATE,
        label="Template",
        lines=2,
        max_lines=10,
        info="{text} and any other column; {label} where the answer goes",
    )
    with gr.Row():
        labels = gr.Textbox(
            LABELS,
            label="Labels",
            lines=3,
            max_lines=20,
            info="One a line; good=great puts other words in the prompt",
            min_width=160,
        )
        calibrate = gr.Radio(
            list(CALIBRATIONS),
            value="none",
            label="Calibration",
            info="contextual: Zhao et al., 2021; PMI: Holtzman et al., 2021",
            min_width=160,
        )
    examples = gr.Dataframe(
        EXAMPLES, headers=["text", LABEL], label="Examples, in the order they are shown", interactive=True, type="array",
        wrap=True, row_count=2,
    )  # fmt: skip
    with gr.Row():
        save = gr.Button("Save the prompt", size="sm")
        kept = gr.File(label="Prompt", interactive=False, height=80, visible=False)
        opened = gr.UploadButton("Open a prompt", file_types=[".json"], size="sm", type="filepath")
    parts = [instruction, template, labels, calibrate, examples]
    save.click(saved, parts, kept, **PRIVATE)
    opened.upload(open_prompt, opened, parts, **PRIVATE)
    workbench.document_fold("prompt", text_of, parts, shown_text, parts)
    template.blur(new_headers, [template, examples], examples, queue=False, show_progress="hidden", **PRIVATE)
    return parts


def _draw_examples_from_file(parts: list[Any], text: Any) -> None:
    _, template, _, _, examples = parts
    with gr.Accordion("Examples out of a file", open=False), gr.Row():
        file = gr.File(label="Labelled rows", type="filepath", height=120)
        with gr.Column():
            with gr.Row():
                count = gr.Slider(0, 32, 4, step=1, label="Examples", min_width=120)
                how = gr.Radio(["balanced", "random", "nearest_words"], value="balanced", label="Chosen", min_width=200)
                seed = gr.Number(0, precision=0, minimum=0, label="Seed", min_width=80)
            draw = gr.Button("Draw examples")

    def drawn(path: str | None, form: str, number: float, way: str, start: float, query: str) -> Any:
        from plugins.gpt_prompting.prompting.query import sample_examples

        rows = sample_examples(chosen(path, ROWS), form, "", int(number), way, int(start or 0), query)
        names = [*fields_of(form), LABEL]
        return gr.Dataframe([[row[name] for name in names] for row in rows], headers=names)

    draw.click(mended(drawn), [file, template, count, how, seed, text], examples, **PRIVATE)


def written_of(state: dict[str, Any]) -> str:
    if state["said"]:
        return token_view_value([{"text": state["said"], "note": "The label was read from this answer."}])
    return token_view_value(answer_parts(state["written"]) if state["written"] else [], "writing …")


def score_rows(state: dict[str, Any], prompt: Prompt) -> list[list[Any]]:
    rows = [
        [name, (prompt.labels or {})[name].strip(), state["scores"].get(name), state["probabilities"].get(name)]
        for name in prompt.names
    ]
    return sorted(rows, key=lambda row: -(row[3] or 0))


def prompt_facts(state: dict[str, Any]) -> list[str]:
    room = f" of {state['context']:,}" if state["context"] else ""
    return [f"{state['count']:,}{room} tokens"] if state["count"] else ["its tokens are not told by a hosted model"]


def facts(state: dict[str, Any], prompt: Prompt) -> str:
    """What had to be left out, and what a hosted model does not give."""
    lines = []
    if state["dropped_examples"]:
        names = ", ".join(
            f"{at + 1} (“{next(iter(prompt.examples[at].values()))[:40]}”)" for at in state["dropped_examples"]
        )
        lines.append(f"**Dropped, since they do not fit: example {names}.**")
    if state["text_was_cut"]:
        lines.append("**The text was cut: it alone is longer than the model reads.**")
    if not state["scores"]:
        lines.append("A hosted model gives no log-likelihoods of labels: the label was read from its answer.")
    return "\n\n".join(lines)


# Functions of a module, as `stream` wants them; what they need is imported when they run.


def _ask(model: Any, prompt: Prompt, text: str, key: str) -> Iterator[dict[str, Any]]:
    from plugins.gpt_prompting.models.interface import Sampling
    from plugins.gpt_prompting.prompting.query import classify_and_generate

    yield from classify_and_generate(endpoints.with_key(model, key), prompt, text, Sampling(24, 0, shown=5))
