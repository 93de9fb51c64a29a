"""Where a run's data come from: a sample in the box, the visitor's file, or a data set of the Hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from plugins._contract import Kind
from spaces_app.events import UNQUEUED
from spaces_app.panels.settings_form import HUB_DATA, render_fields, render_file
from training.errors import UserError

SAMPLE, OWN, HUB = "Sample data", "Your file", "Data set of the Hub"


class DataSource:
    """The choice, and under it what the choice needs."""

    def __init__(self, kind: Kind, files: tuple[str, ...]):
        """Render it for the file fields that hold a run's data."""
        settings, self._files = kind.trained_by, list(files)
        self.samples = {sample.name: sample for sample in kind.samples}
        first = kind.samples[0] if kind.samples else None
        has_hub = HUB_DATA in settings.settable_fields()
        offered = [*([SAMPLE] if first else []), OWN, *([HUB] if has_hub else [])]
        self.source = gr.Radio(
            offered,
            value=offered[0],
            label="Where the data come from",
            show_label=False,
            container=False,
            visible=len(offered) > 1,
        )
        with gr.Column(visible=first is not None) as self._samples:
            self.sample = gr.Dropdown(
                [(sample.title, name) for name, sample in self.samples.items()],
                value=first.name if first else None,
                label="Sample",
                visible=len(self.samples) > 1,
            )
            self._about = gr.Markdown(_about(first))
        with gr.Column(visible=first is None) as self._own:
            self.fields: dict[str, Component] = {name: render_file(settings, name) for name in files}
        with gr.Column(visible=False) as self._hub:
            self.fields |= render_fields(settings, [HUB_DATA] if has_hub else [])
        self.source.change(self._shown, self.source, [self._samples, self._own, self._hub], **UNQUEUED)
        self.sample.change(lambda name: _about(self.samples.get(name)), self.sample, self._about, **UNQUEUED)

    @property
    def choices(self) -> list[Component]:
        """What `applied` takes the values of."""
        return [self.source, self.sample]

    @property
    def file(self) -> str:
        """The field of the visitor's own file."""
        return self._files[0]

    @property
    def outputs(self) -> list[Component]:
        """What `opened` gives updates of."""
        return self.choices

    def opened(self, source: str = "", sample: str = "") -> list[Any]:
        """The choice as an address asks for it; what it does not name stays."""
        chosen = gr.Dropdown(value=sample) if sample in self.samples else gr.skip()
        return [gr.Radio(value=source) if source else gr.skip(), chosen]

    def is_empty(self, chosen: tuple[Any, ...], held: Mapping[str, Any]) -> bool:
        """Whether nothing is chosen yet."""
        wanted = {OWN: self._files[:1], HUB: [HUB_DATA]}.get(chosen[0], [])
        return bool(wanted) and not any(held.get(name) for name in wanted)

    def applied(
        self, chosen: tuple[Any, ...], settings: Mapping[str, Any], files: Mapping[str, Path | None]
    ) -> tuple[dict[str, Any], dict[str, Path | None]]:
        """The settings and files of a request, with only the chosen source among them.

        Raises:
            UserError: If it names no data.
        """
        source, sample = chosen
        own = self._files
        settings, files = dict(settings), dict(files)
        if source == SAMPLE:
            settings = {**settings, own[0]: self._named(sample).value}
            return _without(settings, [HUB_DATA]), _without(files, [*own, *self._named(sample).files])
        if source == HUB:
            if not settings.get(HUB_DATA):
                raise UserError("Data set of the Hub: write its name, owner/name, and press Enter.")
            return settings, _without(files, own)
        if own and not files.get(own[0]):
            raise UserError("Choose a file under Data first, or take the sample data.")
        return _without(settings, [HUB_DATA]), files

    def _named(self, sample: str | None) -> Any:
        if sample not in self.samples:
            raise UserError("Choose a sample first.")
        return self.samples[sample]

    def _shown(self, source: str) -> list[Any]:
        return [gr.Column(visible=source == each) for each in (SAMPLE, OWN, HUB)]


def _about(sample: Any) -> str:
    return f"{sample.about} Licence: {sample.license}." if sample else ""


def _without(values: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}
