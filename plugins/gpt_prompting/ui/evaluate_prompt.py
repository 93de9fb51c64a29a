"""Folds of the few-shot box: evaluate a prompt on a file, and compare two prompts on the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from plugins._contract import Workbench
from plugins._ui.components import chosen
from plugins._ui.events import EMPTY_TABLE, message_area, on_box
from plugins.gpt_prompting.prompting.prompts import DEFAULT_TEMPLATE, Prompt, make_prompt
from plugins.gpt_prompting.ui.model_form import ModelForm, model_of
from plugins.gpt_prompting.ui.prompt_form import prompt_of, read_prompt

QUERY = "plugins.gpt_prompting.prompting.query"
LABELLED_ROWS = "a file of labelled rows"  # what has to be chosen first
MAX_REASONS = 3  # shown of why rows have no label
SIGNIFICANCE_LEVEL = 0.05
PROOF = "Nothing was trained: the SHA-256 of the parameters was `{}…` before and is `{}…` after."
NO_PROOF = (
    "A hosted model: labels were parsed from its answers, and its parameters are not accessible, so they cannot be "
    "hashed."
)


def render_evaluate(workbench: Workbench, model: ModelForm, form: list[Any]) -> None:
    """Render the evaluation on labelled rows; when it is stopped, the results so far stay."""
    with gr.Accordion("Evaluate on a file", open=False):
        with gr.Row():
            file = gr.File(label="Labelled rows: CSV, TSV, JSONL or Parquet", type="filepath", height=120)
            with gr.Column():
                with gr.Row():
                    max_rows = gr.Number(200, precision=0, minimum=0, label="Rows", info="0: all", min_width=100)
                    shots = gr.Number(
                        0,
                        precision=0,
                        minimum=0,
                        maximum=128,
                        label="Examples from the file",
                        info="0: those above",
                        min_width=140,
                    )
                    selection = gr.Radio(
                        ["balanced", "random", "nearest", "nearest_words"],
                        value="balanced",
                        label="Selection",
                        min_width=180,
                    )
                message = message_area("Choose a file of labelled rows, then press Evaluate.")
                with gr.Row():
                    start, stop = (
                        gr.Button("Evaluate", variant="primary", min_width=120),
                        gr.Button("Stop", variant="stop", min_width=80),
                    )
        summary = gr.Markdown()
        with gr.Row():
            table = gr.Dataframe(EMPTY_TABLE, label="Confusion", interactive=False, pinned_columns=1)
            predictions = gr.File(label="Rows with predicted labels", interactive=False, height=90)

    def evaluate(
        path: str | None, max_rows: float, shots: float, selection: str, *values: Any
    ) -> Iterator[tuple[Any, ...]]:
        name, secret = model_of(*values[:4])
        prompt, labelled = prompt_of(*values[4:]), chosen(path, LABELLED_ROWS)
        arguments = int(shots or 0), selection, int(max_rows or 0), secret
        for state, written in workbench.stream(f"{QUERY}:evaluate_file", name, prompt, labelled, *arguments):
            yield evaluation_line(state), confusion_table(state), str(written) if written else gr.skip()

    inputs, outputs = [file, max_rows, shots, selection, *model.fields, *form], [summary, table, predictions]
    event = on_box(start.click, evaluate, inputs, outputs, message, show_progress="hidden")
    stop.click(None, None, None, cancels=[event])


def render_compare(workbench: Workbench, model: ModelForm, form: list[Any]) -> None:
    """Render the comparison of two prompts on the same rows."""
    with gr.Accordion("Compare with another prompt", open=False):
        gr.Markdown(
            "The second prompt has the labels and examples of the one above, unless a saved one is opened. Rows that "
            "either prompt "
            "shows as an example are left out."
        )
        with gr.Row():
            with gr.Column():
                instruction = gr.Textbox(label="Second instruction", lines=2, max_lines=8)
                template = gr.Textbox(DEFAULT_TEMPLATE, label="Second template", lines=2, max_lines=8)
                second = gr.File(label="Or a saved prompt", type="filepath", file_types=[".json"], height=120)
            with gr.Column():
                file = gr.File(label="Labelled rows", type="filepath", height=120)
                max_rows = gr.Number(200, precision=0, minimum=0, label="Rows", info="0: all")
                message = message_area("Choose a file of labelled rows, then press Compare.")
                with gr.Row():
                    start, stop = (
                        gr.Button("Compare", variant="primary", min_width=120),
                        gr.Button("Stop", variant="stop", min_width=80),
                    )
        summary = gr.Markdown()
        table = gr.Dataframe(
            headers=["text", "label", "first", "second"],
            label="Rows that the two label differently",
            interactive=False,
            wrap=True,
        )

    def compare(
        path: str | None, max_rows: float, words: str, written: str, saved: str | None, *values: Any
    ) -> Iterator[tuple[Any, ...]]:
        name, secret = model_of(*values[:4])
        first = prompt_of(*values[4:])
        other = read_prompt(saved) if saved else reworded(first, words, written)
        labelled = chosen(path, LABELLED_ROWS)
        for state in workbench.stream(
            f"{QUERY}:compare_on_file", name, first, other, labelled, int(max_rows or 0), secret
        ):
            yield comparison_line(state), disagreements(state)

    inputs = [file, max_rows, instruction, template, second, *model.fields, *form]
    event = on_box(start.click, compare, inputs, [summary, table], message, show_progress="hidden")
    stop.click(None, None, None, cancels=[event])


def reworded(prompt: Prompt, instruction: str, template: str) -> Prompt:
    """Make a prompt of the same labels and examples with another instruction and template."""
    labels = {name: words.strip() for name, words in (prompt.labels or {}).items()}
    return make_prompt(template, labels, prompt.examples, instruction, prompt.calibrate)


def evaluation_line(state: dict[str, Any]) -> str:
    """Describe the evaluation so far, as Markdown."""
    metrics = state["metrics"]
    if not metrics:
        return "Evaluating …"
    error = metrics["calibration_error"]
    facts = [
        f"**{metrics['accuracy']:.1%}** accuracy (95 % interval {metrics['low']:.1%} to {metrics['high']:.1%})",
        f"macro F1 {metrics['macro_f1']:.3f}",
        *([f"calibration error {error:.3f}"] if error is not None else []),
        f"{state['done']:,} of {state['total']:,} rows",
        f"{state['rows_per_second']:.1f} rows/s",
    ]
    lines = [" · ".join(facts)]
    for name, description in (
        ("with_dropped_examples", "prompts did not have room for every example"),
        ("with_truncated_text", "texts were truncated"),
        ("without_label", "rows have no label"),
    ):
        lines += [f"{state[name]:,} {description}."] if state[name] else []
    lines += [f"{count:,}: {reason}" for reason, count in list(state["reasons"].items())[:MAX_REASONS]]
    proof = state["parameters_sha256"]
    if proof["unchanged"] is None and state["done"] == state["total"]:
        lines.append(NO_PROOF)
    if proof["after"]:
        lines.append(PROOF.format(proof["before"][:12], proof["after"][:12]))
    return "\n\n".join(lines)


def confusion_table(state: dict[str, Any]) -> Any:
    return {"headers": state["confusion"]["columns"], "data": state["confusion"]["rows"]}


def comparison_line(state: dict[str, Any]) -> str:
    """Describe which prompt is better and whether the difference is significant, as Markdown."""
    if "test" not in state:
        return f"{state['done']:,} of {state['total']:,} predictions"
    test, first, second = state["test"], state["first"]["metrics"], state["second"]["metrics"]
    p_value = test["p_value"]
    verdict = "not significant" if p_value >= SIGNIFICANCE_LEVEL else "significant"
    return (
        f"First **{first['accuracy']:.1%}**, second **{second['accuracy']:.1%}** on the same {first['rows']:,} rows. "
        f"Only the first is right on {test['only_first']}, only the second on {test['only_second']}: "
        f"p = {p_value:.2g} (McNemar's exact test), {verdict} at the 5 % level."
    )


def disagreements(state: dict[str, Any]) -> Any:
    rows = state.get("disagreements") or []
    return {"headers": list(rows[0]), "data": [list(row.values()) for row in rows]} if rows else None
