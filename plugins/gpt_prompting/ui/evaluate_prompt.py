"""Folds of the studio that measure a prompt on a file, and two prompts on the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._boxes import PRIVATE, chosen, mended
from plugins._contract import Workbench
from plugins.gpt_prompting import endpoints
from plugins.gpt_prompting.prompting.prompts import Prompt, make_prompt
from plugins.gpt_prompting.ui.prompt_form import prompt_of, read_prompt

ROWS = "a file of labelled rows"  # what has to be chosen first
PROOF = "Nothing was trained: the SHA-256 of the parameters was `{}…` before and is `{}…` after."

NO_PROOF = "A hosted model: its labels were read from its answers, and its parameters are out of reach, so that there is no hash to compare."


def render_evaluate(workbench: Workbench, weights: Any, key: Any, parts: list[Any]) -> None:
    """Measure the prompt on labelled rows, with a stop that keeps what there is."""
    with gr.Accordion("Measure this prompt on a file", open=False):
        with gr.Row():
            file = gr.File(label="Labelled rows: CSV, TSV, JSONL or Parquet", type="filepath", height=120)
            with gr.Column():
                with gr.Row():
                    rows = gr.Number(200, precision=0, minimum=0, label="Rows", info="0: all", min_width=100)
                    shots = gr.Number(
                        0,
                        precision=0,
                        minimum=0,
                        maximum=128,
                        label="Examples out of the file",
                        info="0: those above",
                        min_width=140,
                    )
                    how = gr.Radio(
                        ["balanced", "random", "nearest", "nearest_words"],
                        value="balanced",
                        label="Chosen",
                        min_width=180,
                    )
                with gr.Row():
                    run, stop = gr.Button("Measure", variant="primary"), gr.Button("Stop", variant="stop")
        said = gr.Markdown()
        with gr.Row():
            table = gr.Dataframe(label="Confusion", interactive=False)
            scored = gr.File(label="Rows with their labels", interactive=False, height=90)

    def measure(
        name: str, secret: str, path: str | None, most: float, number: float, way: str, *given: Any
    ) -> Iterator[tuple[Any, ...]]:
        for state, found in workbench.stream(
            _measured, name, prompt_of(*given), chosen(path, ROWS), int(number or 0), way, int(most or 0), secret or ""
        ):
            yield measured_line(state), confusion_table(state), str(found) if found else gr.skip()

    event = run.click(measure, [weights, key, file, rows, shots, how, *parts], [said, table, scored], show_progress="hidden", **PRIVATE)  # fmt: skip
    stop.click(None, None, None, cancels=[event], **PRIVATE)


def render_compare(workbench: Workbench, weights: Any, key: Any, parts: list[Any]) -> None:
    """Two prompts, the same rows, McNemar's exact test."""
    with gr.Accordion("Compare with another wording", open=False):
        gr.Markdown(
            "The second prompt has the same labels and examples as the one above, unless a saved one is opened. Rows that either shows as an example are left out."
        )
        with gr.Row():
            with gr.Column():
                instruction = gr.Textbox(label="Second instruction", lines=2, max_lines=8)
                template = gr.Textbox(
                    "Review: {text}\nSentiment: {label}", label="Second template", lines=2, max_lines=8
                )
                other = gr.File(label="Or a saved prompt", type="filepath", file_types=[".json"], height=120)
            with gr.Column():
                file = gr.File(label="Labelled rows", type="filepath", height=120)
                rows = gr.Number(200, precision=0, minimum=0, label="Rows", info="0: all")
                with gr.Row():
                    run, stop = gr.Button("Compare", variant="primary"), gr.Button("Stop", variant="stop")
        said = gr.Markdown()
        table = gr.Dataframe(
            headers=["text", "label", "first", "second"],
            label="Rows that the two label differently",
            interactive=False,
            wrap=True,
        )

    def compare(
        name: str, secret: str, path: str | None, most: float, words: str, form: str, saved: str | None, *given: Any
    ) -> Iterator[tuple[Any, ...]]:
        first = prompt_of(*given)
        second = read_prompt(saved) if saved else mended(reworded)(first, words, form)
        for state in workbench.stream(_compared, name, first, second, chosen(path, ROWS), int(most or 0), secret or ""):
            yield compared_line(state), disagreements(state)

    event = run.click(compare, [weights, key, file, rows, instruction, template, other, *parts], [said, table], show_progress="hidden", **PRIVATE)  # fmt: skip
    stop.click(None, None, None, cancels=[event], **PRIVATE)


def reworded(prompt: Prompt, instruction: str, template: str) -> Prompt:
    """The same labels and examples in other words."""
    labels = {name: words.strip() for name, words in (prompt.labels or {}).items()}
    return make_prompt(template, labels, prompt.examples, instruction, prompt.calibrate)


def measured_line(state: dict[str, Any]) -> str:
    """How the evaluation stands, as Markdown."""
    metrics = state["metrics"]
    if not metrics:
        return "Measuring …"
    error = metrics["calibration_error"]
    lines = [
        f"**{metrics['accuracy']:.1%}** accuracy (95 % interval {metrics['low']:.1%} to {metrics['high']:.1%}) · macro F1 {metrics['macro_f1']:.3f}"
        + (f" · calibration error {error:.3f}" if error is not None else "")
        + f" · {state['done']:,} of {state['total']:,} rows · {state['rows_per_second']:.1f} rows/s"
    ]
    for name, words in (
        ("with_dropped_examples", "rows did not have room for every example"),
        ("with_cut_text", "texts were cut"),
        ("without_label", "answers named no label"),
    ):
        lines += [f"{state[name]:,} {words}."] if state[name] else []
    proof = state["parameters_sha256"]
    if proof["unchanged"] is None and state["done"] == state["total"]:
        lines.append(NO_PROOF)
    if proof["after"]:
        lines.append(PROOF.format(proof["before"][:12], proof["after"][:12]))
    return "\n\n".join(lines)


def confusion_table(state: dict[str, Any]) -> Any:
    return {"headers": state["confusion"]["columns"], "data": state["confusion"]["rows"]}


def compared_line(state: dict[str, Any]) -> str:
    """Who wins, and whether that could be chance."""
    if "test" not in state:
        return f"{state['done']:,} of {state['total']:,} answers"
    test, first, second = state["test"], state["first"]["metrics"], state["second"]["metrics"]
    p_value = test["p_value"]
    verdict = "that could well be chance" if p_value >= 0.05 else "hardly chance"
    return (
        f"First **{first['accuracy']:.1%}**, second **{second['accuracy']:.1%}** on the same {first['rows']:,} rows. "
        f"Only the first is right on {test['only_first']}, only the second on {test['only_second']}: "
        f"p = {p_value:.2g} (McNemar's exact test), {verdict}."
    )


def disagreements(state: dict[str, Any]) -> Any:
    rows = state.get("disagreements") or []
    return {"headers": list(rows[0]), "data": [list(row.values()) for row in rows]} if rows else None


# Functions of a module, as `stream` wants them; what they need is imported when they run.


def _measured(model: Any, prompt: Prompt, file: Path, shots: int, how: str, rows: int, key: str) -> Iterator[Any]:
    from plugins.gpt_prompting.prompting.query import evaluate_file

    yield from evaluate_file(endpoints.with_key(model, key), prompt, file, "", shots, how, rows, 0)


def _compared(model: Any, one: Prompt, other: Prompt, file: Path, rows: int, key: str) -> Iterator[dict[str, Any]]:
    from plugins.gpt_prompting.prompting.query import compare_on_file

    yield from compare_on_file(endpoints.with_key(model, key), one, other, file, "", rows)
