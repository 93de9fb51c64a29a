"""A prompt as the studio's components hold it, and back: instruction, template, labels, calibration, examples."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._boxes import mended
from plugins.gpt_prompting.prompting.prompts import LABEL, Prompt, make_prompt, parse_prompt, variables


def fields_of(template: str) -> list[str]:
    return [name for name in variables(template) if name != LABEL]


def new_headers(template: str, rows: list[list[Any]]) -> Any:
    """The examples' columns follow the template's variables."""
    names = [*fields_of(template), LABEL]
    width = len(rows[0]) if rows else 2
    if width == len(names):
        return gr.Dataframe(headers=names, value=rows)
    kept = [[*row[:-1], *[""] * len(names)][: len(names) - 1] + row[-1:] for row in rows or []]
    return gr.Dataframe(headers=names, value=kept)


@mended
def prompt_of(instruction: str, template: str, labels: str, calibrate: str, rows: list[list[Any]]) -> Prompt:
    """The prompt that the page holds; rows without any cell are none."""
    names = [*fields_of(template), LABEL]
    filled = [[str(cell if cell is not None else "").strip() for cell in row] for row in rows or []]
    examples = [dict(zip(names, row, strict=False)) for row in filled if any(row)]
    return make_prompt(
        template, [line for line in labels.splitlines() if line.strip()], examples, instruction, calibrate
    )


def saved(*given: Any) -> Any:
    target = Path(tempfile.mkdtemp(prefix="selfsup-")) / "prompt.json"
    return gr.File(str(prompt_of(*given).save(target)), visible=True)


def text_of(*given: Any) -> str:
    """The prompt that the page holds, as its file."""
    return prompt_of(*given).to_json()


def shown_text(text: str) -> list[Any]:
    """A prompt's file, as the components hold it."""
    return as_parts(parse_prompt(text))


def open_prompt(path: str) -> list[Any]:
    return as_parts(read_prompt(path))


@mended
def read_prompt(path: str) -> Prompt:
    try:
        return parse_prompt(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise gr.Error("That is no prompt: a JSON file was expected.", print_exception=False) from None


def as_parts(prompt: Prompt) -> list[Any]:
    """A prompt as the components hold it."""
    labels = "\n".join(
        name if name == words.strip() else f"{name}={words.strip()}" for name, words in (prompt.labels or {}).items()
    )
    at = prompt.template.index("{label}")
    gap = "" if prompt.template[:at].endswith((" ", "\n")) or not at else " "
    names = [*prompt.fields, LABEL]
    rows = [[example[name] for name in names] for example in prompt.examples]
    template = prompt.template[:at] + gap + prompt.template[at:]
    return [prompt.instruction, template, labels, prompt.calibrate, gr.Dataframe(rows, headers=names)]
