"""The shell around the plugins: page, panels, API and services. Only it and `plugins/*/ui` import gradio."""

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from training.home import bind_name, is_loopback, is_shared, is_space

# Read by gradio when it is imported: no telemetry, and no data frame rebuilt after every event (2.7 times the latency).
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000")
if not (is_space() or is_loopback(bind_name())):
    os.environ.setdefault("SELFSUP_SHARED", "1")  # for this process and those that it starts
if is_shared():  # read by huggingface_hub: a visitor never acts with the Space's own token
    os.environ["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1"


@contextmanager
def without_stubs() -> Iterator[None]:
    """Keep gradio from writing a type stub for every component class: that is half of its import time (3.5 s to 1.8 s).

    It skips classes whose source file cannot be found, so `inspect.getfile` finds none meanwhile.
    """
    getfile = inspect.getfile

    def refuse_classes(thing: Any) -> str:
        if isinstance(thing, type):
            raise OSError("no stub is wanted")
        return getfile(thing)

    inspect.getfile = refuse_classes
    try:
        yield
    finally:
        inspect.getfile = getfile


with without_stubs():
    import gradio  # noqa: F401 - here first, so that every later import finds it done

    import spaces_app.panels.monitor  # noqa: F401 - a component class of our own
