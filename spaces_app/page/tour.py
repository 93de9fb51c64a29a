"""The guided tour: one stop at a time, `./tour?stop=NAME`, in fields that all stops share."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import gradio as gr

from plugins._tour import Choice, Field, Link, Range, Stop, Text
from plugins._ui.events import LATEST, boxed, message_area, on_box
from spaces_app.events import MODEL_QUEUE, UNQUEUED
from spaces_app.identity import caller
from spaces_app.page import routes
from spaces_app.page.routes import link
from spaces_app.services import Services
from training.errors import UserError

SLOTS: tuple[type, ...] = (Choice, Text, Text, Range)  # of the fields, in the order in which they are rendered
LARGEST = 1e6  # of a slider, which a stop narrows: Gradio checks a value by the limits at the start
TO_RESULT = "() => document.querySelector('.tour-result')?.scrollIntoView({ block: 'center', behavior: 'smooth' })"
RUN = {**MODEL_QUEUE, "trigger_mode": LATEST["trigger_mode"]}
BROKEN = "This stop cannot be shown: {reason}"


def render(services: Services, demo: gr.Blocks) -> None:
    """Render the page, and connect what happens when it opens."""
    with gr.Row(elem_classes="tour"):
        with gr.Column(scale=1, min_width=220, elem_classes="tour-list"):
            listed = gr.HTML(padding=False)
        with gr.Column(scale=4, min_width=320):
            intro = gr.HTML(padding=False)
            with gr.Column(elem_classes="tour-box"):
                fields = _render_fields()
                run = gr.Button("Run", variant="primary")
                message = message_area()
                result = gr.HTML(elem_classes="tour-result", padding=False)
            notice = gr.HTML(padding=False)
            with gr.Row(equal_height=True, elem_classes="tour-try"):
                question = gr.HTML(padding=False)
                ask = gr.Button("Try it", scale=0, min_width=120)
            onward = gr.HTML(padding=False)
    name = gr.Textbox(visible=False)

    def opened(request: gr.Request) -> list[Any]:
        wanted = routes.query(request, "stop")
        try:
            stop = services.tour.stop(wanted)
        except UserError as error:
            none = _list(services.tour.stops, None), _unknown(str(error)), *[_hidden(slot) for slot in SLOTS]
            return [*none, gr.Button(visible=False), "", gr.Button(visible=False), "", "", ""]
        return [
            _list(services.tour.stops, stop),
            _intro(services.tour.stops, stop),
            *_filled(stop, stop.values),
            gr.Button(stop.button, visible=True),
            _notice(stop),
            gr.Button(visible=True),
            _question(stop),
            _onward(services.tour.stops, stop),
            stop.name,
        ]

    def answer(stop: str, *values: Any) -> str:
        return services.tour.answer(stop, _given(services.tour.stop(stop), values), caller(services.settings))

    def first(stop: str, *values: Any) -> str:
        return answer(stop, *values) if stop else ""

    def tried(stop: str) -> list[Any]:
        found = services.tour.stop(stop)
        return _filled(found, found.trial)

    inputs = [name, *fields]
    shown = demo.load(opened, None, [listed, intro, *fields, run, notice, ask, question, onward, name], **UNQUEUED)
    begin, outputs = boxed(first, inputs, result, message, counts_last=True)
    shown.then(begin, inputs, outputs, **MODEL_QUEUE)
    triggers = [run.click, *(field.submit for field in fields if isinstance(field, gr.Textbox))]
    on_box(triggers, answer, inputs, result, message, **RUN)
    again, outputs = boxed(answer, inputs, result, message, counts_last=True)
    ask.click(tried, name, fields, js=None, **UNQUEUED).then(again, inputs, outputs, **MODEL_QUEUE).then(
        None, None, None, js=TO_RESULT
    )


def _render_fields() -> list[Any]:
    return [
        gr.Dropdown([], label="Choice", visible=False, allow_custom_value=True),
        gr.Textbox(label="Text", visible=False, lines=1, max_lines=8),
        gr.Textbox(label="Second text", visible=False, lines=1, max_lines=8),
        gr.Slider(-LARGEST, LARGEST, 0, label="Number", visible=False),
    ]


def _places(stop: Stop) -> list[int | None]:
    """For each of the page's fields, the number of the stop's field that it shows; None for none."""
    left = list(enumerate(stop.fields))
    places: list[int | None] = []
    for slot in SLOTS:
        found = next((pair for pair in left if isinstance(pair[1], slot)), None)
        if found:
            left.remove(found)
        places.append(found[0] if found else None)
    return places


def _given(stop: Stop, values: Sequence[Any]) -> list[Any]:
    """What the page's fields hold, in the order of the stop's."""
    by_number = dict(zip(_places(stop), values, strict=True))
    return [by_number[number] for number in range(len(stop.fields))]


def _filled(stop: Stop, values: Sequence[Any]) -> list[Any]:
    """Updates of the page's fields, to show the stop's with these values."""
    return [
        _hidden(slot) if number is None else _shown(stop.fields[number], values[number])
        for slot, number in zip(SLOTS, _places(stop), strict=True)
    ]


def _shown(field: Field, value: Any) -> Any:
    if isinstance(field, Text):
        return gr.Textbox(value, label=field.label, visible=True)
    if isinstance(field, Choice):
        return gr.Dropdown(list(field.options), value=value, label=field.label, visible=True)
    return gr.Slider(field.low, field.high, value, step=field.step, label=field.label, visible=True)


def _hidden(slot: type) -> Any:
    component = {Text: gr.Textbox, Choice: gr.Dropdown, Range: gr.Slider}[slot]
    return component(visible=False)


# -- what is said of a stop; all text is escaped ---------------------------------------------------------------------


def _list(stops: Sequence[Stop], current: Stop | None) -> str:
    items = "".join(
        f'<li><a href="{_address(stop)}"{_here(stop is current)}>{html.escape(stop.title)}</a></li>' for stop in stops
    )
    return f'<nav aria-label="Stops of the tour"><h2>The tour</h2><ol>{items}</ol></nav>'


def _here(is_current: bool) -> str:
    return ' aria-current="step"' if is_current else ""


def _address(stop: Stop) -> str:
    return html.escape(link(routes.TOUR, stop=stop.name), quote=True)


def _intro(stops: Sequence[Stop], stop: Stop) -> str:
    place = f"Stop {stops.index(stop) + 1} of {len(stops)}"
    return (
        f'<section class="tour-intro"><p class="tour-place">{place}</p><h2>{html.escape(stop.title)}</h2>'
        f"<p>{html.escape(stop.about)}</p></section>"
    )


def _unknown(error: str) -> str:
    said = f'<h2>No such stop</h2><p role="alert">{html.escape(error)}</p>'
    return f'<section class="tour-intro tour-unknown">{said}</section>'


def _notice(stop: Stop) -> str:
    return f'<p class="tour-notice"><strong>What to notice.</strong> {html.escape(stop.notice)}</p>'


def _question(stop: Stop) -> str:
    return f'<p class="tour-question"><strong>A question.</strong> {html.escape(stop.question)}</p>'


def _onward(stops: Sequence[Stop], stop: Stop) -> str:
    at = stops.index(stop)
    before = f'<a href="{_address(stops[at - 1])}">← {html.escape(stops[at - 1].title)}</a>' if at else "<span></span>"
    after = (
        f'<a class="primary" href="{_address(stops[at + 1])}">Next: {html.escape(stops[at + 1].title)} →</a>'
        if at + 1 < len(stops)
        else f'<a class="primary" href="{link(routes.HOME)}">Home</a>'
    )
    more = "".join(f'<a href="{_target(each)}">{html.escape(each.text)}</a>' for each in stop.links)
    links = f'<nav class="tour-links home-links" aria-label="More on this">{more}</nav>' if more else ""
    return f'{links}<nav class="tour-onward home-links" aria-label="Next and previous stop">{before}{after}</nav>'


def _target(target: Link) -> str:
    page = routes.trainer(target.plugin, target.kind) if target.kind else target.plugin
    return html.escape(link(page, **target.query), quote=True)
