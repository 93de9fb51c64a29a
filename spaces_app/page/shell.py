"""Build the app: a page per family and per training form, home, runs and the Hub, and the public endpoints."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import gradio as gr
from fastapi.exceptions import RequestValidationError

from plugins._contract import Plugin
from plugins._discovery import Found
from spaces_app.api.mcp_tools import use_json_tools
from spaces_app.api.publish import publish
from spaces_app.api.unmatched import UNMATCHED
from spaces_app.errors import as_gradio_error
from spaces_app.page import family, home, hub, reference, routes, run, tour, trainer
from spaces_app.page.assembly import without_web_apps
from spaces_app.page.blocks import Page
from spaces_app.page.navigation import TITLE, header
from spaces_app.page.theme import CSS, HEAD, THEME
from spaces_app.panels import operator, runs
from spaces_app.requests import check_bind, middleware, refuse_body
from spaces_app.services import Services
from spaces_app.sessions import CAPACITY, use_small_sessions
from spaces_app.settings import Settings

Render = Callable[[gr.Blocks], object]  # of a page's content; its argument takes the page's load events


def build(settings: Settings | None = None, found: list[Found] | None = None) -> gr.Blocks:
    """Build the app. Its `services` attribute holds the services; `start` them to work the queue."""
    use_small_sessions()
    services = Services(settings or Settings.from_environment(), found)
    with without_web_apps():
        demo, endpoints = _pages(services)
    demo.config = demo.get_config_file()
    for number, event in demo.fns.items():
        event.api_visibility = "public" if number in endpoints else "private"
        event.fn = as_gradio_error(event.fn) if event.fn else None
    demo.services = services  # type: ignore[attr-defined]
    return demo


def _pages(services: Services) -> tuple[Page, set[int]]:
    """All pages, and the numbers of the public endpoints' events."""
    families = [drawn for candidate in services.plugins.found for drawn in _family_of(services, candidate)]
    with Page(title=TITLE, fill_width=False, analytics_enabled=False, delete_cache=(3600, 86_400)) as demo:
        _render(services, routes.HOME, lambda demo: home.render(services, demo), demo)
    with demo.route("API", routes.API):
        before = set(demo.fns)
        publish(services)  # before the plugins' pages, so that no event of theirs takes an endpoint's name
        endpoints = set(demo.fns) - before
        _render(services, routes.API, lambda demo: reference.render(services, demo), demo)
    own: list[tuple[str, str, Render]] = [
        ("Tour", routes.TOUR, lambda demo: tour.render(services, demo)),
        ("Runs", routes.RUNS, lambda demo: runs.render(services, demo)),
        ("Run", routes.RUN, lambda demo: run.render(services, demo)),
        ("Hub", routes.HUB, lambda demo: hub.render(services, demo)),
        ("Server", routes.SERVER, lambda demo: operator.render(services, demo)),
    ]
    for title, page, content in [*families, *own]:
        with demo.route(title, page):
            _render(services, page, content, demo)
    return demo, endpoints


def launch_options(settings: Settings | None = None) -> dict[str, Any]:
    """The arguments of `launch()`; host and port come from Gradio's own variables."""
    settings = settings or Settings.from_environment()
    check_bind(settings)
    if settings.mcp:
        use_json_tools()
    return {
        "app_kwargs": {
            "middleware": middleware(settings),
            "exception_handlers": {RequestValidationError: refuse_body, **UNMATCHED},
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
        "footer_links": ["api", "settings"],  # the former is shown on the page of the API alone
        "state_session_capacity": CAPACITY,
        "_frontend": False,  # else Gradio requests its own page at once, and on a busy machine gives up after 3 s
    }


def _render(services: Services, page: str, content: Render, demo: gr.Blocks) -> None:
    """One page: the header, then its content."""
    gr.HTML(header(services.plugins.found, page), padding=False)
    if services.settings.on_space:
        with gr.Row(elem_classes="space-buttons"):
            gr.LoginButton(size="sm", min_width=160, scale=0)
            gr.DuplicateButton(size="sm", min_width=160, scale=0)
    content(demo)


def _family_of(services: Services, candidate: Found) -> list[tuple[str, str, Render]]:
    """The pages of a plugin, rendered apart, so that one that fails leaves nothing behind but its reason."""
    reason = (candidate.error, candidate.details)
    if candidate.name in routes.OWN:
        reason = ("Its name is that of a page of the app.", "")
        services.plugins.drop(candidate.name, *reason)
    elif candidate.plugin:
        try:
            return _drawn(services, candidate.plugin)
        except Exception as error:  # a third party's code renders here
            reason = (f"{type(error).__name__}: {error}", traceback.format_exc())
            services.plugins.drop(candidate.name, *reason)
    return [(candidate.name, candidate.name, lambda demo: _render_failure(candidate.name, candidate.origin, *reason))]


def _drawn(services: Services, plugin: Plugin) -> list[tuple[str, str, Render]]:
    def draw(title: str, page: str, content: Callable[[], Render]) -> tuple[str, str, Render]:
        with gr.Blocks(analytics_enabled=False) as apart:
            connect = content()
        for block in apart.blocks.values():
            if isinstance(block, gr.Tabs):  # on a phone a menu behind three dots would hide most of them
                block.overflow_behavior = "wrap"

        def place(demo: gr.Blocks) -> None:
            apart.render()
            connect(demo)

        return title, page, place

    return [
        draw(plugin.title, plugin.name, lambda: family.render(services, plugin)),
        *(
            draw(
                kind.title,
                routes.trainer(plugin.name, kind.name),
                lambda kind=kind: trainer.render(services, plugin, kind),
            )
            for kind in plugin.trainable
        ),
    ]


def _render_failure(name: str, origin: str, error: str, details: str) -> None:
    gr.Markdown(f"## {name} could not be loaded\nFrom `{origin}`. The rest of the app works without it.")
    gr.Textbox(error, label="Reason", interactive=False)
    with gr.Accordion("Traceback", open=False):
        gr.Code(details, language=None, interactive=False)
