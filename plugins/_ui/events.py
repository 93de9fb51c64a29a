"""Events of a box: a mistake of the visitor is one sentence in the box, and an old result does not stay beside it."""

from __future__ import annotations

import functools
import html
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from plugins._ui.newest import Newest
from training.errors import UserError

EMPTY_TABLE = {"headers": [""], "data": []}  # a table whose headers come with its rows: Gradio writes "1 2 3" there
# What was asked last counts: nothing that is asked meanwhile gets lost, and an answer that was overtaken is not shown.
LATEST: dict[str, Any] = {"trigger_mode": "always_last", "show_progress": "minimal"}  # of a box that is quick
RESTARTED: dict[str, Any] = {"trigger_mode": "multiple", "show_progress": "minimal"}  # of a stream: the old one ends

# A component of a tab that was never open is not on the page yet; once there, it may be built again, for which the page
# remembers it. The page that is opened with ?weights=... or ?labels=... says when they are chosen; until then the
# example would be answered by others.
ON_SIGHT = """
const key = element.closest("[id]")?.id ?? "", seen = (window.boxesSeen ??= new Set());
const run = (waits) => (waits && !window.weightsChosen ? setTimeout(run, 50, waits - 1) : trigger("play"));
if (!seen.has(key) || !key) { seen.add(key); run(/[?&](weights|data|labels)=/.test(location.search) ? 200 : 0); }
"""


@dataclass(frozen=True)
class Unfit:
    """Stands for what a field of a box holds in vain, such as a number beyond its bounds; the page puts it there."""

    message: str


def message_area(hint: str = "") -> gr.HTML:
    """Render the place of the box's message, under the fields that it concerns; it takes no room while empty.

    Its event `play` fires once, when the box is first in sight: the time to run the first example. (Gradio itself fires
    `load` of every component when the page opens, also in tabs that were never open.)

    Args:
        hint: What to do, as long as there is no result.
    """
    value = f'<p class="hint">{html.escape(hint)}</p>' if hint else None
    return gr.HTML(value, elem_classes="box-message", padding=False, js_on_load=ON_SIGHT)


def on_box(
    triggers: Any,
    function: Callable[..., Any],
    inputs: Any,
    outputs: Component | Sequence[Component],
    message: gr.HTML,
    keep: Sequence[Component] = (),
    **options: Any,
) -> Any:
    """Connect triggers as `gr.on` does; a `UserError` of the function clears the outputs and is shown as the message.

    Outputs that are inputs too keep what they hold.

    Args:
        triggers: One event of a component (`button.click`), or a list of them.
        outputs: One component, for which the function returns the bare value, or several.
        keep: Outputs that keep what they hold, too.
        options: Of the event, such as `queue`. With those of `LATEST` and `RESTARTED`, an answer is not shown that
            another such event of the box, with the same outputs, has overtaken.
    """
    counts_last = options.get("trigger_mode") in (LATEST["trigger_mode"], RESTARTED["trigger_mode"])
    handler, shown = boxed(function, inputs, outputs, message, keep, counts_last)
    return gr.on(triggers, handler, inputs, shown, **options)


def boxed(
    function: Callable[..., Any],
    inputs: Any,
    outputs: Component | Sequence[Component],
    message: gr.HTML,
    keep: Sequence[Component] = (),
    counts_last: bool = False,
) -> tuple[Callable[..., Any], list[Component]]:
    """What `on_box` connects, for an event that follows another (`.then`): the handler and its outputs.

    Args:
        counts_last: Whether an answer that another such event has overtaken is not shown.
    """
    shown = [outputs] if isinstance(outputs, Component) else list(outputs)
    given = [*([inputs] if isinstance(inputs, Component) else inputs or []), *keep]
    cleared = [gr.skip() if output in given else _empty(output) for output in shown]
    newest = _newest_of(message, [output for output in shown if output not in given])
    nothing = [gr.skip()] * (len(shown) + 1)

    def values(result: Any) -> list[Any]:
        return [*([result] if isinstance(outputs, Component) else result), ""]

    @functools.wraps(function)
    def call(*args: Any) -> list[Any]:
        return next(answers(args, lambda: iter([function(*args)])))

    @functools.wraps(function)
    def stream(*args: Any) -> Iterator[list[Any]]:
        yield from answers(args, lambda: function(*args))

    def answers(args: Sequence[Any], results: Callable[[], Iterator[Any]]) -> Iterator[list[Any]]:
        overtaken = newest.ask() if counts_last else bool
        try:
            _refuse_unfit(args)
            for result in results():
                if overtaken():
                    break
                yield values(result)
        except UserError as error:
            if not overtaken():
                yield [*cleared, sentence(error)]
        if overtaken():
            yield nothing  # also as Gradio's last message, which repeats the last answer

    handler: Any = stream if inspect.isgeneratorfunction(function) else call
    handler.takes_unfit = True
    return handler, [*shown, message]


def _newest_of(message: gr.HTML, outputs: Sequence[Component]) -> Newest:
    """That of the box's events which answer in the same outputs."""
    of_box: dict[frozenset[int], Newest] = vars(message).setdefault("newest", {})
    return of_box.setdefault(frozenset(output._id for output in outputs), Newest())


def _refuse_unfit(args: Sequence[Any]) -> None:
    for each in args:
        if isinstance(each, Unfit):
            raise UserError(each.message)


def _empty(output: Component) -> Any:
    """What an output shows while there is nothing; a button keeps its words, and a timer rests."""
    if isinstance(output, gr.Timer):  # of no seconds it would tick without a pause
        return gr.Timer(active=False)
    if isinstance(output, gr.Button):
        return gr.skip()
    return EMPTY_TABLE if isinstance(output, gr.Dataframe) and output.headers == ["1", "2", "3"] else None


def sentence(error: UserError) -> str:
    """The message as HTML: its text escaped, announced by screen readers."""
    return f'<p role="alert">{html.escape(str(error))}</p>'
