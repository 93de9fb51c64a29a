"""Addresses of the pages, and links between them.

Every page lies one level below the root, so that a relative link works wherever the root is. An event of Gradio stays
on its page: what one page says to another is in the link's query.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

import gradio as gr

HOME, TOUR, RUNS, RUN, HUB, SERVER, API = "", "tour", "runs", "run", "hub", "server", "api"
OWN = (TOUR, RUNS, RUN, HUB, SERVER, API)  # no plugin may be called so
PAGE = re.compile(r"/[A-Za-z0-9_-]*")
NOT_PAGES = ("/config", "/login", "/logout", "/monitoring")  # Gradio's own


def trainer(plugin: str, kind: str) -> str:
    """The page with the training form of a kind; no name has a hyphen."""
    return f"{plugin}-{kind}"


def link(page: str, **query: str) -> str:
    """A relative address; what is empty is left out of the query."""
    given = {name: value for name, value in query.items() if value}
    return f"./{page}" + (f"?{urlencode(given)}" if given else "")


def is_page(path: str) -> bool:
    """Whether an address may be one of the pages."""
    return PAGE.fullmatch(path) is not None and path not in NOT_PAGES


def query(request: gr.Request, name: str) -> str:
    """What the page's address says of this name; empty if nothing."""
    return str(request.query_params.get(name, ""))
