"""Try: few-shot classification. The prompt's form on the left, predictions and generated answer on the right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from plugins._contract import LABELLED_TEXTS, Workbench
from plugins._ui.answer_label import AnswerLabel
from plugins._ui.components import chosen
from plugins._ui.events import LATEST, message_area, on_box
from plugins._ui.examples import render_examples
from plugins.gpt_prompting.prompting.prompts import CALIBRATIONS, DEFAULT_TEMPLATE, LABEL, Prompt
from plugins.gpt_prompting.ui.evaluate_prompt import LABELLED_ROWS, render_compare, render_evaluate
from plugins.gpt_prompting.ui.model_form import answered_by, model_of, render_model_form
from plugins.gpt_prompting.ui.prompt_form import (
    examples_as_table,
    fields_of,
    from_json,
    open_prompt,
    prompt_of,
    save_prompt,
    to_json,
    update_headers,
    widths,
)
from plugins.gpt_prompting.ui.token_view import TokenView, answer_sections, token_view_value

CLASSIFY = "plugins.gpt_prompting.prompting.query:classify_and_generate"
TEXTS = ["do i need an umbrella today", "play a song by the beatles", "will it rain in rome"]
LABELS = "music\nweather"
INSTRUCTION = "Say what the request is about."
EXAMPLES = [
    ["play the new song by adele", "music"],
    ["will it rain tomorrow", "weather"],
    ["put on some jazz", "music"],
    ["is it sunny in paris", "weather"],
]


def render_prompt(workbench: Workbench) -> tuple[list[Any], Any]:
    """Render the box; returns the components of the prompt and of the text to classify."""
    gr.Markdown(
        "A few examples in the prompt take the place of training: no weight changes. Change the examples, their order "
        "or the labels, and classify again."
    )
    with gr.Row():
        with gr.Column(min_width=280):
            model = render_model_form(workbench)
            form = _render_form(workbench)
        with gr.Column(min_width=280):
            text = gr.Textbox(
                TEXTS[0],
                label="Text to classify",
                lines=3,
                info="For a template with several variables, one line each: name: value",
            )
            message = message_area("Write a text, then press Classify.")
            button = gr.Button("Classify", variant="primary")
            with gr.Row():
                with gr.Column(min_width=220):
                    label = AnswerLabel(label="Label", num_top_classes=8)
                with gr.Column(min_width=220):
                    generated = TokenView("Generated answer", "The answer that the model writes appears here.")
            scores = gr.Dataframe(
                headers=["label", "probability", "words", "log-likelihood"],  # on a phone the first two are in sight
                label="Scores",
                interactive=False,
                visible=False,  # until there are some: an empty table takes the browser as long as all fields together
            )
    notes = gr.Markdown()
    prompt = TokenView("Prompt, as sent to the model", "Press Classify to see it, with the probability of every token.")

    def classify(query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        name, secret = model_of(*values[:4])
        made = prompt_of(*values[4:])
        for state in workbench.stream(CLASSIFY, name, made, query, secret):
            section = {"facts": [prompt_size(state)], "tokens": state["tokens"], "text": state["prompt"]}
            yield (
                state["probabilities"] or {state["label"] or "(none)": 1.0},
                generated_value(state),
                gr.Dataframe(score_rows(state, made), visible=True),
                "\n\n".join(filter(None, (answered_by(name), describe_notes(state, made)))),
                token_view_value([section]),
            )

    inputs, outputs = [text, *model.fields, *form], [label, generated, scores, notes, prompt]
    render_examples([[query] for query in TEXTS], [text], classify, inputs, outputs, message)
    _render_select_examples(form, text)
    render_evaluate(workbench, model, form)
    render_compare(workbench, model, form)
    events = [button.click, text.submit, model.weights.change, message.play]
    on_box(events, classify, inputs, outputs, message, **LATEST)
    return form, text


def _render_form(workbench: Workbench) -> list[Any]:
    """Render the components of a prompt; returns them in the order of `prompt_of`."""
    instruction = gr.Textbox(INSTRUCTION, label="Instruction", lines=2, max_lines=8)
    template = gr.Textbox(
        DEFAULT_TEMPLATE,
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
            info="One per line; good=great uses other words in the prompt",
            min_width=160,
        )
        calibrate = gr.Radio(
            list(CALIBRATIONS),
            value="examples",
            label="Calibration",
            info="contextual: Zhao et al., 2021; domain: Fei et al., 2023; PMI: Holtzman et al., 2021; examples: "
            "domain, and how similar the text is to each label’s examples and words",
            min_width=160,
        )
    examples = gr.Dataframe(
        EXAMPLES,
        headers=["text", LABEL],
        column_widths=widths(["text", LABEL]),
        label="Examples, in the order they are shown",
        interactive=True,
        type="array",
        wrap=True,
        row_count=2,
    )
    with gr.Row():
        save = gr.Button("Save the prompt", size="sm")
        saved = gr.File(label="Prompt", interactive=False, height=80, visible=False)
        upload = gr.UploadButton("Open a prompt", file_types=[".json"], size="sm", type="filepath")
    message = message_area()
    form = [instruction, template, labels, calibrate, examples]
    on_box(save.click, save_prompt, form, saved, message)
    workbench.send_to(LABELLED_TEXTS, examples_as_table, form)
    on_box(upload.upload, open_prompt, [upload, *form], form, message)
    workbench.document_fold("prompt", to_json, form, from_json, form)
    template.blur(update_headers, [template, examples], examples, queue=False, show_progress="hidden")
    return form


def _render_select_examples(form: list[Any], text: Any) -> None:
    _, template, _, _, examples = form
    with gr.Accordion("Select examples from a file", open=False), gr.Row():
        file = gr.File(label="Labelled rows", type="filepath", height=120, min_width=240)
        with gr.Column(min_width=280):
            with gr.Row():
                count = gr.Slider(0, 32, 4, step=1, label="Examples", min_width=120)
                selection = gr.Radio(
                    ["balanced", "random", "nearest_words"], value="balanced", label="Selection", min_width=200
                )
                seed = gr.Number(0, precision=0, minimum=0, label="Seed", min_width=80)
            message = message_area("Choose a file of labelled rows, then press Select examples.")
            button = gr.Button("Select examples")

    def select(path: str | None, written: str, count: float, selection: str, seed: float, query: str, _: Any) -> Any:
        from plugins.gpt_prompting.prompting.demonstrations import select_examples  # scikit-learn: 1 s

        rows = select_examples(chosen(path, LABELLED_ROWS), written, int(count), selection, int(seed or 0), query)
        names = [*fields_of(written), LABEL]
        return gr.Dataframe([[row[name] for name in names] for row in rows], headers=names, column_widths=widths(names))

    on_box(button.click, select, [file, template, count, selection, seed, text, examples], examples, message)


def generated_value(state: dict[str, Any]) -> str:
    """The generated answer, as the value of its view."""
    if state["answer"]:
        note = state["reason"] or "The label was parsed from this answer."
        return token_view_value([{"text": state["answer"], "note": note}])
    return token_view_value(answer_sections(state["generated"]) if state["generated"] else [], "generating …")


def score_rows(state: dict[str, Any], prompt: Prompt) -> list[list[Any]]:
    """Rows of label, probability, words and log-likelihood, the most probable first."""
    words = prompt.labels or {}
    rows = [
        [name, state["probabilities"].get(name), words[name].strip(), state["scores"].get(name)]
        for name in prompt.names
    ]
    return sorted(rows, key=lambda row: -(row[1] or 0))


def prompt_size(state: dict[str, Any]) -> str:
    context = f" of {state['context']:,}" if state["context"] else ""
    return (
        f"{state['token_count']:,}{context} tokens" if state["token_count"] else "tokens of a hosted model are unknown"
    )


def describe_notes(state: dict[str, Any], prompt: Prompt) -> str:
    """Describe what did not fit, and what a hosted model does not give, as Markdown."""
    lines = []
    if state["dropped_examples"]:
        names = ", ".join(
            f"{index + 1} (“{next(iter(prompt.examples[index].values()))[:40]}”)" for index in state["dropped_examples"]
        )
        lines.append(f"**Dropped, since they do not fit into the context: example {names}.**")
    if state["text_truncated"]:
        lines.append("**The text was truncated: it alone is longer than the context.**")
    if not state["scores"]:
        lines.append("A hosted model gives no log-likelihoods of labels: the label was parsed from its answer.")
        lines += [f"**No label: {state['reason']}**"] if state["reason"] else []
    return "\n\n".join(lines)
