"""The page that a visitor sees first."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from spaces_app.events import UNLIMITED, UNQUEUED
from spaces_app.identity import visitor
from spaces_app.page import routes
from spaces_app.page.navigation import icon
from spaces_app.page.routes import link
from spaces_app.services import Services

OPEN_RUN = (  # the address that a run had when the app was one page
    "() => { const run = new URLSearchParams(location.search).get('run');"
    " if (run) location.replace(`./run?run=${encodeURIComponent(run)}`); }"
)
ABOUT = """
<section class="home-about"><h1>Selfsup Studio</h1>
<p>Labels are dear; text, tables and pictures are not. A self-supervised model learns from the data alone: it hides a
word, a cell or a pixel and learns to put it back. What it has learnt then needs few labels, or none.</p>
<p>See what such models do, train them on your own data, publish them, call them from anywhere.</p></section>
"""


def render(services: Services, demo: gr.Blocks) -> None:
    """Render the content."""
    gr.HTML(ABOUT, padding=False)
    gr.HTML(cards(services), padding=False)
    if not services.plugins.found:
        gr.Markdown("No plugin was found. `SELFSUP_PLUGINS` may name only plugins that do not exist.")
    runs = gr.HTML(padding=False)

    def opened(request: gr.Request) -> str:
        name = visitor(request)
        server = f' · <a href="{link(routes.SERVER)}">Server</a>' if services.operator.may_operate(name) else ""
        number = len(services.runs.own(name))
        mine = f"{number} runs" if number != 1 else "1 run"
        return f'<p>You have {mine}: <a href="{link(routes.RUNS)}">see them</a>{server}</p>'

    def announce_lost(request: gr.Request) -> None:
        lost = services.runs.lost(visitor(request))
        if lost:
            count = "A run" if len(lost) == 1 else f"{len(lost)} runs"
            gr.Warning(
                f"{count} stopped unexpectedly: {', '.join(lost[:3])}. Resume continues from the last checkpoint.",
                title="Lost",
            )

    demo.load(None, None, None, js=OPEN_RUN)
    demo.load(opened, None, runs, **UNQUEUED)
    demo.load(announce_lost, None, None, **UNLIMITED)


def cards(services: Services) -> str:
    """A card per family, with its first steps; all text is escaped."""
    drawn = []
    for found in services.plugins.found:
        plugin: Any = found.plugin
        if plugin is None:
            continue
        kind = plugin.trainable[0]
        train = (
            f'<a href="{link(routes.trainer(plugin.name, kind.name))}">Train on sample data</a>' if kind.samples else ""
        )
        drawn.append(
            f'<article class="home-card">{icon(plugin.name)}<h2>{html.escape(plugin.title)}</h2>'
            f"<p>{html.escape(plugin.summary)}</p>"
            f'<p class="home-links"><a class="primary" href="{link(plugin.name)}">Try it</a>{train}</p></article>'
        )
    return f'<div class="home-cards">{"".join(drawn)}</div>'
