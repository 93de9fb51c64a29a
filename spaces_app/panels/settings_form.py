"""A settings class becomes a form, and what the form holds becomes settings again."""

from __future__ import annotations

import math
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from pydantic.fields import FieldInfo

from training.settings import AUTO, RunSettings, extra_of


def settings_form(settings: type[RunSettings]) -> dict[str, Component]:
    """Render one component per field, the advanced ones in an accordion; returns field -> component, files first."""
    files = {name: settings.model_fields[name] for name in settings.file_fields()}
    values = {name: field for name, field in settings.settable_fields().items() if name not in files}
    form = {name: _file(name, field) for name, field in files.items() if not _is_advanced(field)}
    with gr.Row(elem_classes="settings-grid"):
        form |= {name: _component(settings, name) for name, field in values.items() if not _is_advanced(field)}
    with gr.Accordion("More settings", open=False), gr.Row(elem_classes="settings-grid"):
        form |= {name: _component(settings, name) for name, field in values.items() if _is_advanced(field)}
        form |= {name: _file(name, field) for name, field in files.items() if _is_advanced(field)}
    return form


def _is_advanced(field: FieldInfo) -> bool:
    return bool(extra_of(field).get("advanced"))


def settings_values(
    settings: type[RunSettings], values: Mapping[str, Any]
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


def label_of(name: str) -> str:
    """A field's name as a form shows it; the words stay the field's own."""
    return name.replace("_", " ").capitalize()


def _file(name: str, field: FieldInfo) -> Component:
    """A file component under its description, which the component itself has no room for."""
    with gr.Column(min_width=200):
        gr.Markdown(f"**{label_of(name)}** {field.description}", elem_classes="file-info")
        return gr.File(label=label_of(name), type="filepath", height=120)


def _component(settings: type[RunSettings], name: str) -> Component:
    field = settings.model_fields[name]
    about: dict[str, Any] = {"label": label_of(name), "info": field.description, "min_width": 120}
    if typing.get_origin(field.annotation) is typing.Literal:
        return gr.Dropdown(list(typing.get_args(field.annotation)), value=field.default, **about)
    if field.annotation is bool:
        return gr.Checkbox(field.default, **about)
    if field.annotation in (int, float):
        is_auto = settings.has_auto(name) and not field.default
        about |= {"placeholder": AUTO} if is_auto else {}
        return gr.Number(None if is_auto else field.default, precision=0 if field.annotation is int else None, **about)
    if extra_of(field).get("kind") == "weights":
        return gr.Dropdown([], value=field.default, allow_custom_value=True, **about)
    return gr.Textbox(field.default, max_lines=1, **about)


def _tidy(field: FieldInfo, value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value.strip() or value  # a blank may be meant: the separator of labels
    return int(value) if field.annotation is int and value is not None and float(value).is_integer() else value
