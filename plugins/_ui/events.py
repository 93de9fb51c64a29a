"""Events of a box: a mistake of the visitor is one sentence in the box, and an old result does not stay beside it."""

from __future__ import annotations

import functools
import html
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from training.errors import UserError


def message_area() -> gr.HTML:
    """Render the place of the box's message, under the fields that it concerns; it takes no room while empty."""
    return gr.HTML(elem_classes="box-message", padding=False)


def on_box(
    triggers: Any,
    function: Callable[..., Any],
    inputs: Any,
    outputs: Component | Sequence[Component],
    message: gr.HTML,
    **options: Any,
) -> Any:
    """Connect triggers as `gr.on` does; a `UserError` of the function clears the outputs and is shown as the message.

    Outputs that are inputs too keep what they hold.

    Args:
        triggers: One event of a component (`button.click`), or a list of them.
        outputs: One component, for which the function returns the bare value, or a list of them.
        options: Of the event, such as `queue`.
    """
    shown = [outputs] if isinstance(outputs, Component) else list(outputs)
    given = [inputs] if isinstance(inputs, Component) else list(inputs or [])
    cleared = [gr.skip() if output in given else None for output in shown]

    def values(result: Any) -> list[Any]:
        return [*([result] if len(shown) == 1 else result), ""]

    @functools.wraps(function)
    def call(*args: Any) -> list[Any]:
        try:
            return values(function(*args))
        except UserError as error:
            return [*cleared, sentence(error)]

    @functools.wraps(function)
    def stream(*args: Any) -> Iterator[list[Any]]:
        try:
            for result in function(*args):
                yield values(result)
        except UserError as error:
            yield [*cleared, sentence(error)]

    handler = stream if inspect.isgeneratorfunction(function) else call
    return gr.on(triggers, handler, inputs, [*shown, message], **options)


def sentence(error: UserError) -> str:
    """The message as HTML: its text escaped, announced by screen readers."""
    return f'<p role="alert">{html.escape(str(error))}</p>'
