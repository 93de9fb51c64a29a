"""Events of a box: a mistake is a sentence in the box, and the old result is cleared."""

import inspect
from collections.abc import Iterator

import gradio as gr
import pytest

from plugins._ui.events import message_area, on_box
from training.errors import UserError


@pytest.fixture
def box():
    with gr.Blocks(analytics_enabled=False) as demo:
        text, button, shown = gr.Textbox(), gr.Button(), gr.Label()
        message = message_area()
    return demo, text, button, shown, message


def _handler(demo: gr.Blocks):
    return next(iter(demo.fns.values())).fn


def test_a_result_clears_the_message(box):
    demo, text, button, shown, message = box
    with demo:
        on_box(button.click, lambda word: {word: 1.0}, text, shown, message)
    assert _handler(demo)("good") == [{"good": 1.0}, ""]


def test_a_mistake_clears_the_result_and_keeps_what_was_typed(box):
    demo, text, button, shown, message = box

    def refuse(word: str) -> list:
        raise UserError("<b>Write</b> a text.")

    with demo:
        on_box(button.click, refuse, text, [text, shown], message)
    kept, cleared, words = _handler(demo)("")
    assert kept == gr.skip()
    assert cleared is None
    assert words == '<p role="alert">&lt;b&gt;Write&lt;/b&gt; a text.</p>'


def test_a_stream_that_fails_in_the_middle_ends_with_the_sentence(box):
    demo, text, button, shown, message = box

    def stream(word: str) -> Iterator[dict]:
        yield {word: 0.5}
        raise UserError("It ended.")

    with demo:
        on_box(button.click, stream, text, shown, message)
    first, last = _handler(demo)("a")
    assert first == [{"a": 0.5}, ""]
    assert last == [None, '<p role="alert">It ended.</p>']


def test_the_request_is_still_found_by_its_annotation(box):
    demo, text, button, shown, message = box

    def named(word: str, request: gr.Request) -> dict:
        return {word: 1.0}

    with demo:
        on_box(button.click, named, text, shown, message)
    assert "request" in inspect.signature(_handler(demo)).parameters
