"""Build the page: a header, a tab per plugin, and a tab with the reason for a plugin that failed."""

from __future__ import annotations

import traceback
from typing import Any

import gradio as gr
from fastapi.exceptions import RequestValidationError

from plugins._discovery import Found
from spaces_app.api.publish import publish
from spaces_app.errors import as_gradio_error
from spaces_app.page import plugin_tab
from spaces_app.page.blocks import Page
from spaces_app.page.fill import fill_on_load
from spaces_app.page.open_pulled import open_pulled
from spaces_app.page.plugin_tab import PluginTab
from spaces_app.page.theme import CSS, HEAD, THEME
from spaces_app.panels import operator
from spaces_app.requests import check_bind, middleware, refuse_body
from spaces_app.services import Services
from spaces_app.sessions import CAPACITY, use_small_sessions
from spaces_app.settings import Settings

TITLE = "Selfsup Studio"
HEADER = """<header class="studio-header"><h1>Selfsup Studio</h1>
<p>Self-supervised models: see what they do, train them on your own data, publish them, call them from anywhere.</p>
</header>"""


def build(settings: Settings | None = None, found: list[Found] | None = None) -> gr.Blocks:
    """Build the page. Its `services` attribute holds the services; `start` them to work the queue."""
    use_small_sessions()
    services = Services(settings or Settings.from_environment(), found)
    candidates = list(services.plugins.found)
    pages = [_page_of(services, candidate) for candidate in candidates]
    rendered: dict[str, PluginTab] = {}
    with Page(title=TITLE, fill_width=False, analytics_enabled=False, delete_cache=(3600, 86_400)) as demo:
        publish(services)  # first, so that no event of a tab takes an endpoint's name
        endpoints = set(demo.fns)
        _render_header(services.settings)
        with gr.Tabs() as tabs:
            for candidate, (page, tab) in zip(candidates, pages, strict=True):
                with gr.Tab(tab.plugin.title if tab else f"⚠ {candidate.name}", id=candidate.name):
                    page.render()
                rendered |= {candidate.name: tab} if tab else {}
            server = operator.render(services)
        if not candidates:
            gr.Markdown("No plugin was found. `SELFSUP_PLUGINS` may name only plugins that do not exist.")
        fill_on_load(demo, services, tabs, rendered)
        open_pulled(services, tabs, rendered)
        operator.show_to_operator(demo, services, server)
    for number, event in demo.fns.items():
        event.api_visibility = "public" if number in endpoints else "private"
        event.fn = as_gradio_error(event.fn) if event.fn else None
    demo.services = services  # type: ignore[attr-defined]
    return demo


def launch_options(settings: Settings | None = None) -> dict[str, Any]:
    """The arguments of `launch()`; host and port come from Gradio's own variables."""
    settings = settings or Settings.from_environment()
    check_bind(settings)
    return {
        "app_kwargs": {
            "middleware": middleware(settings),
            "exception_handlers": {RequestValidationError: refuse_body},
        },
        "auth": settings.accounts or None,
        "theme": THEME,
        "css": CSS,
        "head": HEAD,
        "mcp_server": settings.mcp,
        "ssr_mode": False,
        "run_history": False,
        "show_error": False,
        "enable_monitoring": False,
        "max_file_size": settings.max_upload_mb * 2**20,
        "footer_links": ["api", "settings"],
        "state_session_capacity": CAPACITY,
        "_frontend": False,  # else Gradio requests its own page at once, and on a busy machine gives up after 3 s
    }


def _render_header(settings: Settings) -> None:
    gr.HTML(HEADER)
    if settings.on_space:
        with gr.Row():
            gr.LoginButton(size="sm")
            gr.DuplicateButton(size="sm")


def _page_of(services: Services, candidate: Found) -> tuple[gr.Blocks, PluginTab | None]:
    """Render a plugin's tab as a page of its own, so that one that fails leaves nothing behind but its reason."""
    reason = (candidate.error, candidate.details)
    if candidate.plugin:
        try:
            with gr.Blocks(analytics_enabled=False) as page:
                tab = plugin_tab.render(services, candidate.plugin)
            return page, tab
        except Exception as error:  # a third party's code renders here
            reason = (f"{type(error).__name__}: {error}", traceback.format_exc())
            services.plugins.drop(candidate.name, *reason)
    with gr.Blocks(analytics_enabled=False) as page:
        _render_failure(candidate.name, candidate.origin, *reason)
    return page, None


def _render_failure(name: str, origin: str, error: str, details: str) -> None:
    gr.Markdown(f"### {name} could not be loaded\nFrom `{origin}`. The rest of the page works without it.")
    gr.Textbox(error, label="Reason", interactive=False)
    with gr.Accordion("Traceback", open=False):
        gr.Code(details, language=None, interactive=False)
