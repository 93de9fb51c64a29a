"""The page of one family: its own Try and Look inside."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from plugins._contract import Kind, Plugin
from plugins._ui.events import message_area, sentence
from spaces_app.events import UNQUEUED
from spaces_app.identity import visitor
from spaces_app.page import routes
from spaces_app.panels import try_form
from spaces_app.panels.stale import stale
from spaces_app.panels.workbench import PluginWorkbench, WeightsPicker
from spaces_app.services import Services
from training.errors import UserError
from training.home import RUN_ID

WEIGHTS_CHOSEN = "() => { window.weightsChosen = true; }"  # for what runs by itself: see plugins._ui.events


def render(services: Services, plugin: Plugin) -> Callable[[gr.Blocks], None]:
    """Render the content; returns the function that connects what happens when the page opens (`?weights=…`)."""
    workbench = PluginWorkbench(services, plugin)
    gr.Markdown(plugin.summary, elem_classes="studio-summary")
    message = message_area()
    with gr.Tabs() as tabs:
        _tab_of(plugin)(workbench)
    pickers = workbench.pickers
    choices, files = [picker.component for picker in pickers], [file for _, file in workbench.files]
    places = [*(picker.tabs for picker in pickers), *workbench.opened.values()]
    holders = list(dict.fromkeys(holder for place in places for holder, _ in place))

    def refresh(request: gr.Request, *chosen: str | None, wanted: str = "") -> list[Any]:
        owners = {picker.plugin.name: picker.plugin for picker in pickers}
        names = {name: services.models.names(owner, visitor(request)) for name, owner in owners.items()}
        labels = {name: services.models.labels(owner, visitor(request)) for name, owner in owners.items()}
        nearest = nearest_picker(pickers, names.get(plugin.name, {}).get(wanted))
        return [
            picker.update(
                names[picker.plugin.name], labels[picker.plugin.name], value, wanted if picker is nearest else ""
            )
            for picker, value in zip(pickers, chosen, strict=True)
        ]

    def filled(request: gr.Request, picker: gr.Dropdown | None) -> list[Any]:
        """The files that the address fills, and a sentence on what it names in vain."""
        try:
            path = _data_of(services, request)
        except UserError as error:
            return [*[gr.skip()] * len(files), sentence(error)]
        value = gr.skip() if path is None else gr.File(str(path))
        return [*(value if picker in (each, None) else gr.skip() for each, _ in workbench.files), ""]

    def opened(request: gr.Request) -> list[Any]:
        wanted = routes.query(request, "weights")
        nearest = nearest_picker(pickers, services.models.names(plugin, visitor(request)).get(wanted))
        named = next((place for name, place in workbench.opened.items() if routes.query(request, name)), ())
        place = named or (nearest.tabs if nearest else ())
        shown = {holder: gr.Tabs(selected=inner.id) for holder, inner in place}
        return [
            *(shown.get(each, gr.skip()) for each in holders),
            *refresh(request, *[None] * len(choices), wanted=wanted),
            *filled(request, nearest.component if nearest else None),
        ]

    def connect(demo: gr.Blocks) -> None:
        demo.load(opened, None, [*holders, *choices, *files, message], **UNQUEUED).then(None, js=WEIGHTS_CHOSEN)

    gr.on([tabs.change, stale()], refresh, choices, choices, **UNQUEUED)
    return connect


def _data_of(services: Services, request: gr.Request) -> Path | None:
    """The file of `?data=`, or the data of the run that `?weights=` names; None where the address names none.

    Raises:
        UserError: If it is gone.
    """
    token, run_id = routes.query(request, "data"), routes.query(request, "weights")
    if token:
        return services.sent.open(token, visitor(request))
    found = services.runs.data(run_id, visitor(request)) if RUN_ID.fullmatch(run_id) else None
    return services.sent.copy_of(found[1], found[0]) if found else None


def _tab_of(plugin: Plugin) -> Callable[[PluginWorkbench], None]:
    if not plugin.tab:
        return try_form.render
    module, _, name = plugin.tab.partition(":")
    return getattr(importlib.import_module(module), name)


def nearest_picker(pickers: list[WeightsPicker], kind: Kind | None) -> WeightsPicker | None:
    """The first picker that offers this kind among the fewest: its own interface before one for a common base."""
    fitting = [picker for picker in pickers if kind and kind in picker.kinds]
    return min(fitting, key=lambda picker: len(picker.kinds), default=None)
