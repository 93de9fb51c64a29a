"""Assembly of an app of many pages in linear time.

Whenever a `gr.Blocks` is created or left, and at the end of each page, Gradio makes a web app and a configuration of
all components so far: forty of each for twenty pages. It launches with one that it makes last.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
from gradio.routes import App


@contextmanager
def without_web_apps() -> Iterator[None]:
    """Inside, blocks have neither a web app nor a configuration: `launch` makes both."""
    create, configure = App.create_app, gr.Blocks.get_config_file
    App.create_app = staticmethod(_nothing)  # type: ignore[method-assign]
    gr.Blocks.get_config_file = _nothing  # type: ignore[method-assign]
    try:
        yield
    finally:
        App.create_app = staticmethod(create)  # type: ignore[method-assign]
        gr.Blocks.get_config_file = configure  # type: ignore[method-assign]


def _nothing(*_: object, **__: object) -> Any:
    return {}
