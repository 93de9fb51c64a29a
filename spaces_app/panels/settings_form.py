"""A settings class becomes fields of a form, and what the form holds becomes settings again."""

from __future__ import annotations

import hashlib
import math
import secrets
import typing
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from pydantic.fields import FieldInfo

from training.errors import UserError
from training.settings import AUTO, DataSource, RunSettings, TrainSettings, extra_of

HUB_DATA = "dataset"  # the field that names a data set of the Hub
LENGTH = ("steps", "patience")


@dataclass(frozen=True)
class Sections:
    """The fields of a settings class by the question that they answer, each in the order of declaration."""

    files: tuple[str, ...]  # where the data are
    columns: tuple[str, ...]  # which of them mean what
    weights: tuple[str, ...]  # what to start from
    length: tuple[str, ...]  # how long to train
    main: tuple[str, ...]  # the rest that matters
    more: tuple[str, ...]  # what only this kind has, for those who know it
    training: tuple[str, ...]  # optimiser, evaluation, machine: the same for all kinds


def sections(settings: type[RunSettings]) -> Sections:
    """Sort the fields that can be set into the sections of the form."""
    fields = settings.settable_fields()
    general = {*TrainSettings.model_fields, *DataSource.model_fields} - {HUB_DATA}
    files = set(settings.file_fields())
    weights = {name for name in settings.weights_fields() if not settings.weights_plugin(name)}
    columns = {name for name in fields if name.endswith("_column") or name == "columns"}
    length = {name for name in LENGTH if name in fields}
    rest = [name for name in fields if name not in {HUB_DATA, *files, *weights, *columns, *length}]
    return Sections(
        files=tuple(name for name in settings.file_fields() if name in fields),
        columns=_of(fields, columns),
        weights=_of(fields, weights),
        length=_of(fields, length),
        main=tuple(name for name in rest if name not in general and not is_advanced(fields[name])),
        more=tuple(name for name in rest if name not in general and is_advanced(fields[name])),
        training=tuple(name for name in rest if name in general),
    )


def _of(fields: Iterable[str], names: set[str]) -> tuple[str, ...]:
    return tuple(name for name in fields if name in names)


def is_advanced(field: FieldInfo) -> bool:
    """Whether the form folds a field away."""
    return bool(extra_of(field).get("advanced"))


def render_fields(settings: type[RunSettings], names: Iterable[str]) -> dict[str, Component]:
    """Render one component per field, in a grid; returns field -> component."""
    names = list(names)
    if not names:
        return {}
    with gr.Row(elem_classes="settings-grid"):
        return {name: _component(settings, name) for name in names}


def render_file(settings: type[RunSettings], name: str) -> Component:
    """A file component under its description, which the component itself has no room for."""
    with gr.Column(min_width=200):
        gr.Markdown(f"**{label_of(name)}** {settings.model_fields[name].description}", elem_classes="file-info")
        count = "multiple" if extra_of(settings.model_fields[name]).get("several") else "single"
        return gr.File(label=label_of(name), type="filepath", file_count=count, height=120)


def initial_value(settings: type[RunSettings], name: str) -> Any:
    """What a field's component holds at first; a number that is decided later is empty."""
    default = settings.model_fields[name].default
    is_open = settings.has_auto(name) and default == 0
    return None if is_open or name in settings.file_fields() else default


def settings_values(
    settings: type[RunSettings], values: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Path | None]]:
    """What the components hold, as (settings that differ from their default, uploaded files).

    An emptied number is left out and so keeps its default.
    """
    files = {name: one_file(values.get(name), name) for name in settings.file_fields()}
    plain = {name: _tidy(settings.model_fields[name], value) for name, value in values.items() if name not in files}
    return {
        name: value
        for name, value in plain.items()
        if value is not None and value != settings.model_fields[name].default
    }, files


def one_file(uploaded: str | list[str] | None, name: str) -> Path | None:
    """The file of a component; several become a zip of that name, which is made once and stands beside the first.

    Raises:
        UserError: If two have one name.
    """
    paths = [Path(path) for path in ([uploaded] if isinstance(uploaded, str) else uploaded or []) if path]
    if len(paths) < 2:
        return paths[0] if paths else None
    names = [path.name for path in paths]
    if twice := next((each for each in names if names.count(each) > 1), ""):
        raise UserError(f"{name}: two files are called {twice}: rename one of them.")
    key = hashlib.sha256("\n".join(map(str, paths)).encode()).hexdigest()[:16]  # a path has its content's hash
    target = paths[0].parent / key / f"{name}.zip"
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        new = target.with_name(secrets.token_hex(8))
        with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in paths:
                archive.write(path, path.name)
        new.replace(target)
    return target


def label_of(name: str) -> str:
    """A field's name as a form shows it; the words stay the field's own."""
    return name.replace("_", " ").capitalize()


def _component(settings: type[RunSettings], name: str) -> Component:
    field = settings.model_fields[name]
    about: dict[str, Any] = {"label": label_of(name), "info": field.description, "min_width": 120}
    if typing.get_origin(field.annotation) is typing.Literal:
        return gr.Dropdown(list(typing.get_args(field.annotation)), value=field.default, **about)
    if field.annotation is bool:
        return gr.Checkbox(field.default, **about)
    if field.annotation in (int, float):
        placeholder = AUTO if settings.has_auto(name) else None
        precision = 0 if field.annotation is int else None
        return gr.Number(initial_value(settings, name), precision=precision, placeholder=placeholder, **about)
    if extra_of(field).get("kind") == "weights" or name.endswith("_column"):
        return gr.Dropdown([], value=field.default, allow_custom_value=True, **about)
    return gr.Textbox(field.default, max_lines=1, **about)


def _tidy(field: FieldInfo, value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value.strip() or value  # a blank may be meant: the separator of labels
    return int(value) if field.annotation is int and value is not None and float(value).is_integer() else value
