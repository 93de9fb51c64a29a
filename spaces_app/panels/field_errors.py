"""Which fields of a form a sentence concerns, so that it stands beside them too."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any

import gradio as gr

from training.settings import RunSettings

WRONG = "field-wrong"  # CSS class of a field that a sentence stands beside
# The sentence is read as Markdown: what a file's cells and names bring along must stay text.
MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|$~:<>-])")


def errors_of_sheet(sheet: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, str]:
    """Field -> the sentence of the first red row that concerns it."""
    rows = [row for row in sheet["findings"] if row["level"] == "red"]
    return _first(
        (name, sentence)
        for row in rows
        for name, sentence in fields_of(": ".join(filter(None, (row["title"], row["detail"]))), values).items()
    )


def errors_of_message(message: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Field -> the line of a message that concerns it."""
    return _first(pair for line in message.splitlines() for pair in fields_of(line, values).items())


def fields_of(sentence: str, values: Mapping[str, Any]) -> dict[str, str]:
    """Field -> what a sentence says of it, where it begins with the field's name, or names it or the column it holds.

    Args:
        values: Field -> what it holds.
    """
    led = {name: match[1] for name in values if (match := re.search(rf"(?:^|[:;] ){name}: (.+)", sentence, re.DOTALL))}
    if led:
        return led
    return {name: sentence for name, value in values.items() if _is_named(name, value, sentence)}


def _is_named(name: str, value: object, sentence: str) -> bool:
    if "_" in name and re.search(rf"\b{name}\b", sentence):
        return True
    return name.endswith("_column") and bool(value) and repr(value) in sentence


def _first(pairs: Any) -> dict[str, str]:
    errors: dict[str, str] = {}
    for name, sentence in pairs:
        errors.setdefault(name, sentence)
    return errors


def marked(settings: type[RunSettings], fields: Iterable[str], errors: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Field -> its update: where an error concerns it, that stands in place of the description."""
    return {name: _marked(settings.model_fields[name].description or "", errors.get(name, "")) for name in fields}


def _marked(description: str, error: str) -> dict[str, Any]:
    info = MARKUP.sub(r"\\\1", html.escape(error)) if error else description
    return gr.update(info=info, elem_classes=[WRONG] if error else [])
