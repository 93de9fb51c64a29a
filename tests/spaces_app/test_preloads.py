"""Links to scripts and styles in the head of a page: what its components need, and nothing else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

import gradio as gr
import httpx
import pytest
from gradio.routes import App
from starlette.middleware import Middleware

from spaces_app.page import preloads
from spaces_app.page_cache import PageCache


def page_of(draw: Callable[[], object]) -> str:
    """The page of these components, as a browser gets it."""
    with gr.Blocks(analytics_enabled=False) as demo:
        draw()
    demo.theme, demo.theme_hash = gr.themes.Base(), "0a1b"  # as `launch` does
    demo.config = demo.get_config_file()
    app = App.create_app(demo, app_kwargs={"middleware": [Middleware(PageCache)]})

    async def get() -> str:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
            return (await client.get("/")).text

    return asyncio.run(get())


def links(page: str) -> list[str]:
    return re.findall(r'<link rel="(?:modulepreload|stylesheet)" crossorigin href="./assets/([^"]+)"', page)


def files_of(kind: str, variant: str = "component") -> set[str]:
    entry = next(path.name for path in preloads.ASSETS.glob("index-*.js") if "gradio-app" in path.read_text("utf-8"))
    return {name for name in preloads._components(entry)[kind, variant] if not name.startswith("index-")}


def test_a_page_links_what_its_components_need_and_every_file_is_there() -> None:
    found = links(page_of(lambda: (gr.Dataframe(), gr.Examples(["a"], gr.Textbox()))))
    assert files_of("dataframe") | files_of("dataset") | files_of("textbox", "example") <= set(found)
    assert not files_of("gallery") <= set(found)
    assert len(found) == len(set(found)) > 20 and all((preloads.ASSETS / name).is_file() for name in found)


def test_what_is_not_shown_is_not_loaded() -> None:
    assert not files_of("json") <= set(links(page_of(lambda: gr.JSON(visible=False))))
    assert files_of("json") <= set(links(page_of(gr.JSON)))


def test_a_value_that_looks_like_the_head_of_a_page_changes_nothing() -> None:
    page = page_of(lambda: gr.Textbox("</head><script>window.gradio_config = 1"))
    assert page.count("modulepreload") > 5 and page.index("modulepreload") < page.index("<body")


@pytest.mark.parametrize("page", ["<p>another page</p>", "<head></head>window.gradio_config = {}"])
def test_a_page_of_something_else_stays_as_it_is(page: str) -> None:
    assert preloads.with_preloads(page) == page


def test_of_another_version_of_gradio_nothing_is_linked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preloads, "IMPORT", re.compile("no such words"))
    preloads._shell.cache_clear()
    assert "modulepreload" not in page_of(gr.Textbox)
    preloads._shell.cache_clear()
