"""The page that a visitor sees first: what this is, the families with a live result each, the way to the tour."""

from __future__ import annotations

import html

import gradio as gr

from plugins._contract import Plugin
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
LOOK_AGAIN_SECONDS = 3  # for results that the server has not computed yet
# A row of words with one hidden, an arrow, and the row with the word back.
DRAWING = """
<svg class="home-drawing" viewBox="0 0 330 150" role="img" aria-label="A sentence with a hidden word
goes into a network, which puts the word back.">
<g class="words"><rect x="4" y="16" width="44" height="26" rx="5"/><rect x="54" y="16" width="58" height="26" rx="5"/>
<rect class="hole" x="118" y="16" width="66" height="26" rx="5"/><rect x="190" y="16" width="44" height="26" rx="5"/>
<rect x="240" y="16" width="84" height="26" rx="5"/>
<text x="26" y="34">the</text><text x="83" y="34">river</text>
<text x="151" y="34">?</text><text x="212" y="34">to</text>
<text x="282" y="34">the sea</text></g>
<path class="arrow" d="M165 52v38m-7-9 7 9 7-9"/><text class="aside" x="182" y="76">guess, compare, learn</text>
<g class="words"><rect x="4" y="104" width="44" height="26" rx="5"/><rect x="54" y="104" width="58" height="26" rx="5"/>
<rect class="back" x="118" y="104" width="66" height="26" rx="5"/><rect x="190" y="104" width="44" height="26" rx="5"/>
<rect x="240" y="104" width="84" height="26" rx="5"/>
<text x="26" y="122">the</text><text x="83" y="122">river</text><text class="back" x="151" y="122">flows</text>
<text x="212" y="122">to</text><text x="282" y="122">the sea</text></g></svg>
"""
ABOUT = f"""
<section class="home-about"><div><h1>Learn from data without labels</h1>
<p>Labels cost a person's time; texts, tables and pictures are there already. A self-supervised model makes its own
exercises from them: hide a word, a cell or a pixel, and learn to put it back. What it has learned then needs few
labels, or none.</p>
<p class="home-links"><a class="primary" href="{link(routes.TOUR)}">Take the tour</a>
<a href="{link(routes.RUNS)}">Your runs</a></p></div>{DRAWING}</section>
"""


def render(services: Services, demo: gr.Blocks) -> None:
    """Render the content."""
    gr.HTML(ABOUT, padding=False)
    families = gr.HTML(cards(services, ""), padding=False)
    if not services.plugins.found:
        gr.Markdown("No plugin was found. `SELFSUP_PLUGINS` may name only plugins that do not exist.")
    runs = gr.HTML(padding=False)
    clock = gr.Timer(LOOK_AGAIN_SECONDS, active=False)

    def look(request: gr.Request) -> tuple[str, gr.Timer]:
        return cards(services, visitor(request)), gr.Timer(active=not services.tour.is_ready)

    def opened(request: gr.Request) -> str:
        name = visitor(request)
        server = f' · <a href="{link(routes.SERVER)}">Server</a>' if services.operator.may_operate(name) else ""
        number = sum(services.runs.count(name).values())
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
    demo.load(look, None, [families, clock], **UNQUEUED)
    clock.tick(look, None, [families, clock], **UNQUEUED)
    demo.load(announce_lost, None, None, **UNLIMITED)


def cards(services: Services, name: str) -> str:
    """A card per family: a live result, the first steps, and the visitor's runs; all text is escaped."""
    numbers = services.runs.count(name) if name else {}
    drawn = (_card(services, plugin, numbers.get(plugin.name, 0)) for plugin in services.plugins.all())
    return f'<div class="home-cards">{"".join(drawn)}</div>'


def _card(services: Services, plugin: Plugin, number: int) -> str:
    kind = next((kind for kind in plugin.trainable if kind.samples), None)
    sample = link(routes.trainer(plugin.name, kind.name), sample=kind.samples[0].name) if kind else ""
    train = f'<a href="{html.escape(sample, quote=True)}">Train on sample data</a>' if kind else ""
    address = link(routes.RUNS, plugin=plugin.name)
    runs = f'<a class="quiet" href="{address}">{number} run{"s" * (number != 1)}</a>' if number else ""
    live = services.tour.card(plugin.name)
    return (
        f'<article class="home-card"><h2>{icon(plugin.name)}{html.escape(plugin.title)}</h2>'
        f"<p>{html.escape(plugin.summary)}</p>"
        f'<div class="home-live">{live}</div>'
        f'<p class="home-links"><a class="primary" href="{link(plugin.name)}">Try it</a>{train}{runs}</p></article>'
    )
