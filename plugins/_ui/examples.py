"""Examples of a box: a click fills in the fields and runs the box, in one event."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from plugins._ui.events import LATEST, on_box


def render_examples(
    samples: Sequence[Sequence[Any]],
    fields: Sequence[Component],
    function: Callable[..., Any],
    inputs: Sequence[Component],
    outputs: Sequence[Component],
    message: gr.HTML,
    labels: Sequence[str] = (),
    **options: Any,
) -> Any:
    """Render the samples as buttons; returns the event, as `on_box` does.

    Args:
        samples: For each example, the values of `fields`.
        function: That of the box's button: the values of `inputs` -> a list of those of `outputs`, or several in turn.
        labels: Words of the buttons; by default the first value of each sample.
        options: Of the event; by default the example that is clicked last counts.
    """
    names = list(labels) or [str(sample[0]) for sample in samples]
    dataset = gr.Dataset(
        components=["textbox"] * len(fields),
        samples=[list(sample) for sample in samples],
        sample_labels=names,
        label="Examples",
        layout="gallery" if len(fields) == 1 else None,
    )
    at = [list(inputs).index(field) for field in fields]
    kept = [output for output in outputs if output not in fields]

    def filled(sample: Sequence[Any], values: Sequence[Any]) -> list[Any]:
        arguments = list(values)
        for place, value in zip(at, sample, strict=True):
            arguments[place] = value
        return arguments

    def run(sample: list[Any], *values: Any) -> Iterator[list[Any]]:
        yield [*sample, *([gr.skip()] * len(kept))]
        result: Any = function(*filled(sample, values))
        states: Any = result if inspect.isgenerator(result) else [result]
        for state in states:
            yield [*sample, *(value for output, value in zip(outputs, state, strict=True) if output not in fields)]

    return on_box(dataset.click, run, [dataset, *inputs], [*fields, *kept], message, **{**LATEST, **options})
