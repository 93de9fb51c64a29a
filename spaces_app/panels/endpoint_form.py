"""An endpoint's signature becomes a form, and what the form holds becomes its arguments again."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from plugins._endpoints import endpoint_types
from spaces_app.arguments import argument
from spaces_app.panels.settings_form import label_of
from training.errors import UserError


def endpoint_form(endpoint: Callable[..., Any]) -> list[Component]:
    """Render one component per parameter of an endpoint."""
    types, parameters = endpoint_types(endpoint), inspect.signature(endpoint).parameters
    return [_of_type(name, kind, parameters[name].default) for name, kind in types.items() if name != "return"]


def endpoint_values(endpoint: Callable[..., Any], values: tuple[Any, ...]) -> list[Any]:
    """The arguments that the components of `endpoint_form` hold.

    Raises:
        UserError: For a missing file, or text that is not JSON.
    """
    kinds = {name: kind for name, kind in endpoint_types(endpoint).items() if name != "return"}
    return [_value(name, kind, value) for (name, kind), value in zip(kinds.items(), values, strict=True)]


def result_component(endpoint: Callable[..., Any]) -> Component:
    """The component that shows an endpoint's result."""
    kind = endpoint_types(endpoint)["return"]
    if kind in (Path, list[Path]):
        return gr.File(label="Result", file_count="single" if kind is Path else "multiple")
    if kind == dict[str, float]:
        return gr.Label(label="Result")
    return gr.Textbox(label="Result", interactive=False) if kind in (str, int, float) else gr.JSON(label="Result")


def _of_type(name: str, kind: Any, default: Any) -> Component:
    value, label = (None if default is inspect.Parameter.empty else default), label_of(name)
    if kind is Path:
        return gr.File(label=label, type="filepath")
    if kind is bool:
        return gr.Checkbox(bool(value), label=label)
    if kind in (int, float):
        return gr.Number(value, label=label, precision=0 if kind is int else None)
    if kind is str:
        return gr.Textbox(value, label=label, lines=2)
    return gr.Code(json.dumps(value) if value is not None else "", language="json", label=f"{label} (JSON)")


def _value(name: str, kind: Any, value: Any) -> Any:
    if kind is Path:
        if not value:
            raise UserError(f"{label_of(name)}: choose a file first.")
        return Path(value)
    if isinstance(value, str) and kind is not str:
        try:
            value = json.loads(value)
        except ValueError:
            raise UserError(f"{label_of(name)}: {value[:80]!r} is not JSON.") from None
    return argument(label_of(name), kind, value)
