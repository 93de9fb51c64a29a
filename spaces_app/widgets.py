"""A settings class or a function's signature becomes components, and their values become settings again."""

from __future__ import annotations

import inspect
import json
import math
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from pydantic.fields import FieldInfo

from plugins._contract import endpoint_types
from spaces_app.arguments import argument
from training.errors import UserError
from training.settings import TrainSettings, extra_of


def settings_form(settings: type[TrainSettings]) -> dict[str, Component]:
    """Draw a component a field, the advanced ones folded away; returns field -> component, files first."""
    fields = {name: field for name, field in settings.model_fields.items() if name not in settings.unused}
    folded = [name for name in settings.file_fields() if name in fields and extra_of(fields[name]).get("advanced")]
    files = {
        name: _file(name, fields[name]) for name in settings.file_fields() if name in fields and name not in folded
    }
    basic = [name for name in fields if name not in files and not extra_of(fields[name]).get("advanced")]
    form: dict[str, Component] = dict(files)
    with gr.Row(elem_classes="settings-grid"):
        form |= {name: _component(name, fields[name]) for name in basic}
    with gr.Accordion("More settings", open=False), gr.Row(elem_classes="settings-grid"):
        form |= {name: _component(name, fields[name]) for name in fields if name not in form and name not in folded}
        form |= {name: _file(name, fields[name]) for name in folded}
    return form


def settings_values(
    settings: type[TrainSettings], values: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Path | None]]:
    """What the components hold, as (settings that differ from their default, uploaded files).

    An emptied number is left out and so keeps its default.
    """
    files = {name: Path(values[name]) if values.get(name) else None for name in settings.file_fields()}
    plain = {name: _tidy(settings.model_fields[name], value) for name, value in values.items() if name not in files}
    return {
        name: value
        for name, value in plain.items()
        if value is not None and value != settings.model_fields[name].default
    }, files


def endpoint_form(endpoint: Callable[..., Any]) -> list[Component]:
    """Draw a component for each parameter of an endpoint but the first."""
    types, parameters = endpoint_types(endpoint), inspect.signature(endpoint).parameters
    return [_of_type(name, kind, parameters[name].default) for name, kind in types.items() if name != "return"]


def endpoint_values(endpoint: Callable[..., Any], values: tuple[Any, ...]) -> list[Any]:
    """What the components of `endpoint_form` hold, as the endpoint wants it.

    Raises:
        UserError: For what was left out, or is no JSON.
    """
    kinds = {name: kind for name, kind in endpoint_types(endpoint).items() if name != "return"}
    return [_value(name, kind, value) for (name, kind), value in zip(kinds.items(), values, strict=True)]


def result_component(endpoint: Callable[..., Any]) -> Component:
    """What shows an endpoint's result."""
    kind = endpoint_types(endpoint)["return"]
    if kind in (Path, list[Path]):
        return gr.File(label="Result", file_count="single" if kind is Path else "multiple")
    if kind == dict[str, float]:
        return gr.Label(label="Result")
    return gr.Textbox(label="Result", interactive=False) if kind in (str, int, float) else gr.JSON(label="Result")


def label_of(name: str) -> str:
    """A field's name as a form shows it; the words stay the field's own."""
    return name.replace("_", " ").capitalize()


def _file(name: str, field: FieldInfo) -> Component:
    """A box for a file, under a line that says what it should be: the component has no room for that."""
    with gr.Column(min_width=200):
        gr.Markdown(f"**{label_of(name)}** {field.description}", elem_classes="file-info")
        return gr.File(label=label_of(name), type="filepath", height=120)


def _component(name: str, field: FieldInfo) -> Component:
    about: dict[str, Any] = {"label": label_of(name), "info": field.description, "min_width": 120}
    if typing.get_origin(field.annotation) is typing.Literal:
        return gr.Dropdown(list(typing.get_args(field.annotation)), value=field.default, **about)
    if field.annotation is bool:
        return gr.Checkbox(field.default, **about)
    if field.annotation in (int, float):
        return gr.Number(field.default, precision=0 if field.annotation is int else None, **about)
    if extra_of(field).get("kind") == "weights":
        return gr.Dropdown([], value=field.default, allow_custom_value=True, **about)
    return gr.Textbox(field.default, max_lines=1, **about)


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


def _tidy(field: FieldInfo, value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value.strip() or value  # a blank may be meant: what stands between labels
    return int(value) if field.annotation is int and value is not None and float(value).is_integer() else value
