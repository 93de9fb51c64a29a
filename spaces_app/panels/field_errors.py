"""Which fields of a form a sentence concerns, so that it stands beside them too."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import gradio as gr

from training.settings import RunSettings

WRONG = "field-wrong"  # CSS class of a field that a sentence stands beside
UNREAD = re.compile(r"The .+ cannot be \w+")  # titles of rows whose detail says all


def errors_of_sheet(sheet: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, str]:
    """Field -> the sentence of the first red row that concerns it."""
    rows = [row for row in sheet["findings"] if row["level"] == "red"]
    return _first((name, sentence) for row in rows for name, sentence in fields_of(_text_of(row), values).items())


def _text_of(row: Mapping[str, str]) -> str:
    title, detail = row["title"], row["detail"]
    return detail if detail and UNREAD.fullmatch(title) else ": ".join(filter(None, (title, detail)))


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
    info = error.replace("](", "] (") or description  # Gradio escapes it, but makes links of what looks like one
    return gr.update(info=info, elem_classes=[WRONG] if error else [])
