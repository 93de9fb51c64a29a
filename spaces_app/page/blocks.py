"""The page's `gr.Blocks`: what is wrong with the values of a call is answered in words, before any function runs."""

from __future__ import annotations

import logging
import sys
from typing import Any

import gradio as gr
from gradio.blocks import BlockFunction
from gradio.exceptions import InvalidPathError
from gradio.state_holder import SessionState

from plugins._ui.events import Unfit
from spaces_app.admission import Admission
from spaces_app.api.bind import caller_parameters
from spaces_app.api.unmatched import wrong_number
from spaces_app.arguments import NOT_UPLOADED, check_text, holds_file
from spaces_app.page.assembly import without_web_apps
from spaces_app.uploads import remember_results
from training.errors import UserError
from training.home import is_shared

logger = logging.getLogger(__name__)


class Page(gr.Blocks):
    """Values that a call leaves out have their defaults; others that cannot be read are refused by a sentence."""

    def get_block_name(self) -> str:
        """Gradio's own name of the class."""
        return "blocks"

    def queue(self, *args: object, max_size: int | None = None, **options: Any) -> Page:
        """The queue, in which at most `max_size` calls wait."""
        with without_web_apps():
            super().queue(*args, max_size=sys.maxsize, **options)  # type: ignore[misc]
        if max_size is not None:
            self._queue.push = Admission(self._queue, max_size).push  # type: ignore[method-assign]
        return self

    def validate_inputs(self, block_fn: BlockFunction, inputs: list[Any]) -> None:
        """Fill in the defaults of the last values; Gradio's own message would repeat all values, a key among them."""
        wanted = len(block_fn.inputs)
        if len(inputs) == wanted or (len(inputs) > wanted and block_fn.api_visibility != "public"):
            return
        parameters = caller_parameters(block_fn.fn) if block_fn.fn else []
        if len(parameters) != wanted:
            raise gr.Error(f"{len(inputs)} of {wanted} values were given.", print_exception=False)
        missing = [each.name for each in parameters[len(inputs) :] if each.default is each.empty]
        if missing or len(inputs) > wanted:
            raise gr.Error(wrong_number(str(block_fn.api_name), parameters, len(inputs)), print_exception=False)
        inputs += [each.default for each in parameters[len(inputs) :]]

    async def process_api(self, *args: Any, **options: Any) -> dict[str, Any]:
        """As Gradio's; on a shared server the files of the results are their visitor's."""
        answer = await super().process_api(*args, **options)
        if is_shared():
            remember_results(answer.get("data"), options.get("request"))
        return answer

    async def preprocess_data(
        self,
        block_fn: BlockFunction,
        inputs: list[Any],
        state: SessionState | None,
        explicit_call: bool = False,
    ) -> list[Any]:
        """The values as the function takes them; Gradio's own errors of one would be without words, or repeat it."""
        named = list(zip(_names(block_fn), inputs, strict=False))
        try:
            for name, value in named:
                check_text(name, value)
            unfit = _unfit_numbers(block_fn, inputs, state)
            fitting = [unfit[place][0] if place in unfit else value for place, value in enumerate(inputs)]
            processed = await super().preprocess_data(block_fn, fitting, state, explicit_call)
            return [unfit[place][1] if place in unfit else value for place, value in enumerate(processed)]
        except gr.Error:
            raise
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from None
        except InvalidPathError:
            name = next((name for name, value in named if holds_file(value)), "A value")
            raise gr.Error(f"{name}: {NOT_UPLOADED}", print_exception=False) from None
        except Exception as error:  # of Gradio and pydantic, of many kinds: the values are a stranger's
            logger.info("A value of %s was refused (%s).", block_fn.api_name, type(error).__name__)
            raise gr.Error("A value has another type than its parameter: see /info.", print_exception=False) from None


def _unfit_numbers(
    block_fn: BlockFunction, inputs: list[Any], state: SessionState | None
) -> dict[int, tuple[float, Unfit]]:
    """Empty sliders and numbers beyond their bounds, by place, for a box: a number that fits, and what to say instead.

    Gradio itself would leave a red "Error" on every output.
    """
    unfit: dict[int, tuple[float, Unfit]] = {}
    if not getattr(block_fn.fn, "takes_unfit", False):
        return unfit
    for place, (block, value) in enumerate(zip(block_fn.inputs, inputs, strict=False)):
        field = state[block._id] if state is not None and block._id in state else block
        if isinstance(field, gr.Slider | gr.Number) and (message := _wrong_number(field, value)):
            bounds = (each for each in (field.minimum, field.maximum) if each is not None)
            unfit[place] = (next(bounds, 0), Unfit(message))
    return unfit


def _wrong_number(field: gr.Slider | gr.Number, value: Any) -> str:
    """What is wrong with a field's number; empty where nothing is."""
    low, high = field.minimum, field.maximum
    if value is None:
        return f"{_named(field)} is empty: write a number." if isinstance(field, gr.Slider) else ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    if (low is not None and value < low) or (high is not None and value > high):
        least, most = (
            (f"at least {low:g}" if low is not None else ""),
            (f"at most {high:g}" if high is not None else ""),
        )
        return f"{_named(field)}: {value:g} was given; it may be {' and '.join(filter(None, [least, most]))}."
    return ""


def _named(field: gr.Slider | gr.Number) -> str:
    """What a message calls a field: its label, without what the label explains."""
    return (field.label or "The number").partition(":")[0]


def _names(block_fn: BlockFunction) -> list[str]:
    """What a message calls each value: an endpoint's parameter; an event of the page has components instead."""
    names = [each.name for each in caller_parameters(block_fn.fn)] if block_fn.fn else []
    return names if len(names) == len(block_fn.inputs) else ["A value"] * len(block_fn.inputs)
