"""What a page asks last counts: an answer that another call has overtaken is not shown."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr
from gradio.context import LocalContext
from starlette.requests import Request

from plugins._ui.events import LATEST, RESTARTED, message_area, on_box
from plugins._ui.examples import render_examples
from plugins._ui.newest import ARRIVED, PAGES, Newest, arrivals
from training.errors import UserError

NOTHING = [gr.skip()] * 2


@contextmanager
def page(name: str, scope: dict[str, Any] | None = None) -> Iterator[None]:
    """Calls of an open page, as Gradio marks them."""
    token = LocalContext.request.set(gr.Request(Request(scope or {"type": "http"}), session_hash=name))
    yield
    LocalContext.request.reset(token)


def handlers(function: Any, **options: Any) -> list[Any]:
    """Those of a box's examples and of its button."""
    with gr.Blocks(analytics_enabled=False) as demo:
        text, button, shown, message = gr.Textbox(), gr.Button(), gr.Label(), message_area()
        render_examples([["an example"]], [text], function, [text], [shown], message)
        on_box(button.click, function, text, shown, message, **options)
    return [each.fn for each in demo.fns.values()]


def test_a_later_call_overtakes_those_of_its_page_alone():
    newest = Newest()
    with page("one"):
        first = newest.ask()
    with page("two"):
        of_another_page = newest.ask()
    assert not first()
    with page("one"):
        second = newest.ask()
    assert [first(), of_another_page(), second()] == [True, False, False]


def test_a_call_that_waited_for_its_turn_is_as_old_as_its_request():
    newest = Newest()
    waits, looks = ({"type": "http", ARRIVED: next(arrivals)} for _ in range(2))
    with page("one", looks):
        second = newest.ask()
    with page("one", waits):
        first = newest.ask()
    assert [first(), second()] == [True, False]


def test_calls_without_a_page_do_not_overtake_one_another():
    newest = Newest()
    first, second = newest.ask(), newest.ask()
    assert [first(), second()] == [False, False]


def test_no_more_pages_are_known_than_are_open():
    newest = Newest()
    for number in range(PAGES + 10):
        with page(f"page {number}"):
            newest.ask()
    assert len(newest._newest) == PAGES


def test_a_stream_ends_where_an_example_is_clicked_meanwhile():
    closed = []

    def stream(text: str) -> Iterator[list[Any]]:
        try:
            for share in (0.1, 0.2, 0.3):
                yield [{text: share}]
        finally:
            closed.append(text)

    example, button = handlers(stream, **RESTARTED)
    with page("one"):
        old = button("old")
        assert next(old)[0] == [{"old": 0.1}]
        new = example(["an example"], "old")
        assert next(new) == ["an example", gr.skip(), ""]
        assert list(old) == [NOTHING]
        assert closed == ["old"]
        assert [shown for _, shown, _ in new] == [{"an example": 0.1}, {"an example": 0.2}, {"an example": 0.3}]


def test_a_late_answer_and_a_late_mistake_are_not_shown():
    late = []

    def answer(text: str) -> dict[str, float]:
        if text.startswith("old"):
            late.append(button("new"))  # asked while this one is answered
        if text == "old mistake":
            raise UserError("Write another text.")
        return {text: 1.0}

    _, button = handlers(answer, **LATEST)
    with page("one"):
        assert button("old") == NOTHING
        assert button("old mistake") == NOTHING
    assert late == [[{"new": 1.0}, ""]] * 2


def test_what_does_not_say_that_the_last_counts_is_always_shown():
    def answer(text: str) -> dict[str, float]:
        if text == "first":
            button("second")
        return {text: 1.0}

    _, button = handlers(answer)
    with page("one"):
        assert button("first") == [{"first": 1.0}, ""]
