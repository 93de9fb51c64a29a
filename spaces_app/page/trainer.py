"""The page of one training form, and what the server restricts."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr

from plugins._contract import Kind, Plugin
from spaces_app.panels.train_form import TrainForm
from spaces_app.services import Services
from spaces_app.settings import Settings


def render(services: Services, plugin: Plugin, kind: Kind) -> Callable[[gr.Blocks], None]:
    """Render the content; returns the function that connects what happens when the page opens."""
    if limits := _limits(services.settings):
        gr.Markdown(limits)
    return TrainForm(services, plugin, kind).connect


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
