"""Conversion between a `Prompt` and the components of its form: instruction, template, labels, calibration,
examples."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

from plugins.gpt_prompting.prompting.prompts import LABEL, Prompt, make_prompt, parse_prompt, variables
from training.errors import UserError


def fields_of(template: str) -> list[str]:
    """List the template's variables without the label."""
    return [name for name in variables(template) if name != LABEL]


def widths(names: list[str]) -> list[str | int]:
    """Widths of the columns of the examples, in percent: the label, the last of them, stays in sight on a phone."""
    label = 100 // (len(names) + 1)
    return [*[f"{(100 - label) // (len(names) - 1 or 1)}%"] * (len(names) - 1), f"{label}%"]


def update_headers(template: str, rows: list[list[Any]]) -> Any:
    """Make the columns of the examples those of the template's variables; cells stay by position, the label last."""
    names = [*fields_of(template), LABEL]
    width = len(rows[0]) if rows else 2
    if width != len(names):
        rows = [[*row[:-1], *[""] * len(names)][: len(names) - 1] + row[-1:] for row in rows or []]
    return gr.Dataframe(rows, headers=names, column_widths=widths(names))


def prompt_of(instruction: str, template: str, labels: str, calibrate: str, rows: list[list[Any]]) -> Prompt:
    """Make the prompt that the form holds; empty rows are left out."""
    names = [*fields_of(template), LABEL]
    filled = [["" if cell is None else str(cell).strip() for cell in row] for row in rows or []]
    examples = [dict(zip(names, row, strict=False)) for row in filled if any(row)]
    lines = [line for line in labels.splitlines() if line.strip()]
    return make_prompt(template, lines, examples, instruction, calibrate)


def save_prompt(*values: Any) -> Any:
    """Write the prompt to a new file, as the value of a file component."""
    target = Path(tempfile.mkdtemp(prefix="selfsup-")) / "prompt.json"
    return gr.File(str(prompt_of(*values).save(target)), visible=True)


def examples_as_table(*values: Any) -> Path:
    """Write the form's examples as CSV, a column for each variable and one for the label: data to fine-tune on.

    Raises:
        UserError: If there are fewer than two, or one has no label.
    """
    examples = prompt_of(*values).examples
    if len(examples) < 2:
        raise UserError("Give at least two examples to train on.")
    target = Path(tempfile.mkdtemp(prefix="selfsup-")) / "examples.csv"
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(examples[0]))
        writer.writeheader()
        writer.writerows(examples)
    return target


def to_json(*values: Any) -> str:
    """Serialise the prompt that the form holds."""
    return prompt_of(*values).to_json()


def from_json(text: str) -> list[Any]:
    """Convert a serialised prompt to the form's values."""
    return form_values(parse_prompt(text))


def open_prompt(path: str, *_: Any) -> list[Any]:
    """Read a prompt file as the form's values; the form stays as it is if the file is none."""
    return form_values(read_prompt(path))


def read_prompt(path: str) -> Prompt:
    """Read a prompt file."""
    try:
        return parse_prompt(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise UserError("The file is not a prompt: a JSON file was expected.") from None


def form_values(prompt: Prompt) -> list[Any]:
    """Convert a prompt to the form's values; the space before {label} moves from the words back into the template."""
    labels = "\n".join(
        name if name == words.strip() else f"{name}={words.strip()}" for name, words in (prompt.labels or {}).items()
    )
    start = prompt.template.index("{label}")
    space = "" if prompt.template[:start].endswith((" ", "\n")) or not start else " "
    names = [*prompt.fields, LABEL]
    rows = [[example[name] for name in names] for example in prompt.examples]
    template = prompt.template[:start] + space + prompt.template[start:]
    return [
        prompt.instruction,
        template,
        labels,
        prompt.calibrate,
        gr.Dataframe(rows, headers=names, column_widths=widths(names)),
    ]
