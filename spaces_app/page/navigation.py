"""The header of every page: links to the families, the runs and the Hub, and in a family to its pages."""

from __future__ import annotations

import html
from collections.abc import Sequence

from plugins._contract import Plugin
from plugins._discovery import Found
from spaces_app.page import routes
from spaces_app.page.routes import link

TITLE = "Selfsup Studio"
# Drawn on 24 by 24, stroked with the text's colour. A plugin without one of its own gets the last.
ICONS = {
    "bert_finetune": "M4 6h16M4 12h5m6 0h5M4 18h16M10 10h4v4h-4z",
    "gpt_prompting": "M4 5h16v11H10l-4 4v-4H4zM8 9h8M8 12h5",
    "ae_anomaly": "M5 18 9 13 12 15 17 8M6 7h.01M11 9h.01M18 17h.01M19 4a2 2 0 1 0 .01 0",
    "denoising_ae": "M3 12h3l2-6 3 12 3-9 2 3h5M17 5h.01M20 8h.01M5 18h.01",
    "diffusion_cfg": "M12 3v2M12 19v2M3 12h2M19 12h2M6 6l1 1M17 17l1 1M18 6l-1 1M7 17l-1 1M12 8a4 4 0 1 0 .01 0",
    "": "M9 4h6v4h5v6h-4v6H9v-5H4V8h5z",
}


def header(found: Sequence[Found], current: str) -> str:
    """The header as HTML; all names in it are escaped.

    Args:
        current: The page that it stands on.
    """
    family = next((each.plugin for each in found if each.plugin and current in pages_of(each.plugin)), None)
    families = []
    for each in found:
        at = current if family and each.name == family.name else ""
        title = each.plugin.title if each.plugin else f"⚠ {each.name}"
        families.append(_link(each.name, title, each.name if at else current, icon(each.name)))
    rest = [(routes.TOUR, "Tour"), (routes.RUNS, "Runs"), (routes.HUB, "Hub"), (routes.API, "API")]
    links = [
        _link(routes.HOME, TITLE, current, css="brand"),
        f'<span class="families">{"".join(families)}</span>',
        f'<span class="push">{"".join(_link(page, title, current) for page, title in rest)}</span>',
    ]
    below = _family_links(family, current) if family else ""
    title = f'<h1 class="unseen">{html.escape(heading(found, current))}</h1>' if current != routes.HOME else ""
    return f'<header class="studio-header"><nav aria-label="Pages">{"".join(links)}</nav>{below}{title}</header>'


def heading(found: Sequence[Found], current: str) -> str:
    """The heading of a page, for screen readers: those who see it know by the marked link where they are."""
    for plugin in (each.plugin for each in found if each.plugin):
        trainers = {routes.trainer(plugin.name, kind.name): kind.title for kind in plugin.trainable}
        if current in trainers:
            return f"{plugin.title}: train {trainers[current]}"
        if current == plugin.name:
            return plugin.title
    return {routes.API: "API", routes.TOUR: "Guided tour"}.get(current, current.capitalize())


def pages_of(plugin: Plugin) -> list[str]:
    """The pages of a family: its own, and one for each kind that can be trained."""
    return [plugin.name, *(routes.trainer(plugin.name, kind.name) for kind in plugin.trainable)]


def _family_links(plugin: Plugin, current: str) -> str:
    trainers = [_link(routes.trainer(plugin.name, kind.name), kind.title, current) for kind in plugin.trainable]
    first = _link(plugin.name, "Try and look inside", current)
    name = html.escape(plugin.title, quote=True)
    return f'<nav class="family" aria-label="{name}">{first}<span>Train:</span>{"".join(trainers)}</nav>'


def icon(plugin: str) -> str:
    """A plugin's icon as SVG."""
    return f'<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="{ICONS.get(plugin, ICONS[""])}"/></svg>'


def _link(page: str, text: str, current: str, drawn: str = "", css: str = "") -> str:
    here = ' aria-current="page"' if page == current else ""
    kind = f' class="{css}"' if css else ""
    return f'<a href="{link(page)}"{kind}{here}>{drawn}<span>{html.escape(text)}</span></a>'
