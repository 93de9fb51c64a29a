"""The Train tab, the same for every plugin: on the left a form per kind, on the right the run that is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
from gradio.components import Component

from plugins._contract import Plugin
from spaces_app.events import UNQUEUED
from spaces_app.panels import run_view, train_form
from spaces_app.panels.run_view import RunView
from spaces_app.services import Services
from spaces_app.settings import Settings


@dataclass
class TrainPanel:
    """The components that the page fills when it opens."""

    view: RunView
    kind: gr.Radio
    models: list[Component] = field(default_factory=list)  # the settings that name weights to start from


def render(services: Services, plugin: Plugin) -> TrainPanel:
    """Render the tab's content."""
    if limits := _limits(services.settings):
        gr.Markdown(limits)
    models: list[Component] = []
    secrets: dict[str, Component] = {}  # kind -> the box of its secret, such as an API key
    connections: list[Callable[[RunView], None]] = []
    with gr.Row():
        with gr.Column(scale=5, min_width=340):
            titles = [kind.title for kind in plugin.trainable]
            choice = gr.Radio(titles, value=titles[0], label="What to train", visible=len(titles) > 1)
            columns = []
            for number, kind in enumerate(plugin.trainable):
                with gr.Column(visible=not number) as column:
                    connections.append(train_form.render(services, plugin, kind, models, secrets))
                columns.append(column)
        with gr.Column(scale=6, min_width=340):
            view = run_view.render(services, plugin, choice, secrets)
    if len(titles) > 1:
        choice.change(lambda title: _shown(titles, title), choice, columns, **UNQUEUED)
    for connect in connections:
        connect(view)
    return TrainPanel(view, choice, models)


def _shown(titles: list[str], chosen: str) -> list[Any]:
    return [gr.Column(visible=title == chosen) for title in titles]


def _limits(settings: Settings) -> str:
    """What this server restricts, as sentences; empty where it restricts nothing."""
    if settings.training == "off":
        return "Training is switched off here."
    sentences = {
        f"A run here has at most {settings.max_steps} steps.": settings.max_steps,
        f"It is stopped, with its best weights, after {settings.max_seconds} seconds.": settings.max_seconds,
        "It trains on the CPU: ZeroGPU lends its GPU to single calls, not to a process of its own.": settings.zero_gpu,
        "Sign in to train.": settings.training == "signed-in",
    }
    return " ".join(sentence for sentence, holds in sentences.items() if holds)
