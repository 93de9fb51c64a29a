"""Events of a box: a mistake is a sentence in the box, and the old result is cleared."""

import asyncio
import inspect
from collections.abc import Iterator

import gradio as gr
import pytest

from plugins._ui.events import message_area, on_box
from spaces_app.errors import as_gradio_error
from spaces_app.page.blocks import Page
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


def test_what_a_mistake_is_to_keep_is_kept(box):
    demo, text, button, shown, message = box

    def refuse(word: str) -> list:
        raise UserError("No.")

    with demo:
        on_box(button.click, refuse, text, shown, message, keep=[shown])
    assert _handler(demo)("a") == [gr.skip(), '<p role="alert">No.</p>']


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


@pytest.mark.parametrize("known", [None, ["word", "share"]])
def test_a_mistake_leaves_no_numbered_headers_on_a_table(known: list[str] | None):
    def refuse() -> list:
        raise UserError("No.")

    with gr.Blocks(analytics_enabled=False) as demo:
        button, table, message = gr.Button(), gr.Dataframe(headers=known), message_area()
        on_box(button.click, refuse, None, table, message)
    cleared, _ = _handler(demo)()
    assert table.postprocess(cleared).headers == (known or [""])


@pytest.mark.parametrize(
    ("scale", "row", "sentence"),
    [
        (None, 1, "Scale is empty: write a number."),
        (9, 1, "Scale: 9 was given; it may be at least 0 and at most 1."),
        (0.5, 0, "Row: 0 was given; it may be at least 1."),
        (0.5, 2, ""),
    ],
)
def test_a_number_that_does_not_fit_is_a_sentence_in_the_box(scale: float | None, row: float, sentence: str):
    with Page(analytics_enabled=False) as demo:
        fields = [gr.Slider(0, 1, 0.5, label="Scale"), gr.Number(1, minimum=1, label="Row")]
        button, shown, message = gr.Button(), gr.Textbox(), message_area()
        on_box(button.click, lambda scale, row: f"{scale} of {row}", fields, shown, message)
    event = next(iter(demo.fns.values()))
    values = asyncio.run(demo.preprocess_data(event, [scale, row], None))
    answer = [None, f'<p role="alert">{sentence}</p>'] if sentence else ["0.5 of 2", ""]
    assert as_gradio_error(event.fn)(*values) == answer


def test_the_request_is_still_found_by_its_annotation(box):
    demo, text, button, shown, message = box

    def named(word: str, request: gr.Request) -> dict:
        return {word: 1.0}

    with demo:
        on_box(button.click, named, text, shown, message)
    assert "request" in inspect.signature(_handler(demo)).parameters


def test_a_mistake_leaves_a_button_its_words_and_stops_a_timer():
    def refuse() -> list:
        raise UserError("No.")

    with gr.Blocks(analytics_enabled=False) as demo:
        button, timer, message = gr.Button("Stop"), gr.Timer(1.0), message_area()
        on_box(button.click, refuse, None, [button, timer], message)
    words, rests, _ = _handler(demo)()
    assert words == gr.skip()
    assert rests.active is False and rests.value > 0  # of no seconds it would tick without a pause
