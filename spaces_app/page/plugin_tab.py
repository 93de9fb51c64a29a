"""One plugin's tab: its own Try and Look inside, then Train and Publish."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from plugins._contract import Plugin
from spaces_app.events import UNQUEUED
from spaces_app.identity import visitor
from spaces_app.panels import publish, train, try_form
from spaces_app.panels.publish import PublishPanel
from spaces_app.panels.run_view import kind_of, run_choices
from spaces_app.panels.train import TrainPanel
from spaces_app.panels.workbench import PluginWorkbench
from spaces_app.services import Services

TRAIN = "train"  # the id of that tab in each plugin's tabs


@dataclass
class PluginTab:
    """The components of a tab that the page fills when it opens, and when the visitor goes from tab to tab."""

    plugin: Plugin
    workbench: PluginWorkbench
    tabs: gr.Tabs
    train: TrainPanel
    publish: PublishPanel

    def components(self) -> list[Any]:
        """What `opened` gives values for."""
        view = self.train.view
        return [self.tabs, view.monitor, self.train.kind, view.chosen, *self.choices()]

    def choices(self) -> list[Any]:
        """What `refreshed` gives values for."""
        pickers = [picker.component for picker in self.workbench.pickers]
        return [self.publish.pushed_run, self.publish.job_run, *self.train.models, *pickers]


def render(services: Services, plugin: Plugin) -> PluginTab:
    """Render the tab's content."""
    workbench = PluginWorkbench(services, plugin)
    gr.Markdown(plugin.summary, elem_classes="studio-summary")
    with gr.Tabs() as tabs:
        _tab_of(plugin)(workbench)
        with gr.Tab("Train", id=TRAIN):
            train_panel = train.render(services, plugin)
        with gr.Tab("Publish"):
            publish_panel = publish.render(services, plugin)
    tab = PluginTab(plugin, workbench, tabs, train_panel, publish_panel)

    def refresh(request: gr.Request, *chosen: str | None) -> list[Any]:
        return refreshed(services, tab, request, *chosen)

    tabs.change(refresh, tab.choices(), tab.choices(), **UNQUEUED)
    return tab


def _tab_of(plugin: Plugin) -> Callable[[PluginWorkbench], None]:
    if not plugin.tab:
        return try_form.render
    module, _, name = plugin.tab.partition(":")
    return getattr(importlib.import_module(module), name)


def opened(services: Services, tab: PluginTab, request: gr.Request, run_id: str) -> list[Any]:
    """Values of `components` for a page that opens: the run of this id, or the plugin's newest."""
    newest = next((run.id for run in services.runs.own(visitor(request), tab.plugin)), "")
    shown = run_id or newest
    return [
        gr.Tabs(selected=TRAIN) if run_id else gr.skip(),
        shown,
        kind_of(services, tab.plugin, request, run_id) if run_id else gr.skip(),
        run_choices(services, tab.plugin, request, shown or None),
        *refreshed(services, tab, request, *[None] * len(tab.choices())),
    ]


def refreshed(services: Services, tab: PluginTab, request: gr.Request, *chosen: str | None) -> list[Any]:
    """Values of `choices`: runs and weights that exist by now; what is chosen is kept."""
    pushed, sent, *weights = chosen
    names = services.models.names(tab.plugin, visitor(request))
    models = [gr.Dropdown(choices=list(names)) for _ in tab.train.models]
    pickers = zip(tab.workbench.pickers, weights[len(models) :], strict=True)
    return [
        run_choices(services, tab.plugin, request, pushed, with_weights=True),
        run_choices(services, tab.plugin, request, sent),
        *models,
        *(picker.update(names, value) for picker, value in pickers),
    ]
