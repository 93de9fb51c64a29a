"""Bind the services to an endpoint function, and validate its other arguments."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import gradio as gr

from spaces_app.arguments import argument, gathered, parameters_of


def bind(function: Callable[..., Any], *bound: Any, name: str = "", description: str = "") -> Callable[..., Any]:
    """Fill in the first parameters, and validate the others against their annotations when it is called.

    In place of a record stand its fields, see `parameters_of`.
    The types themselves take the place of their names, since Gradio reads annotations as they stand.
    """
    returned = get_type_hints(function)["return"]
    parameters = parameters_of(function, len(bound))

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        given = {
            parameter.name: argument(parameter.name, parameter.annotation, value)
            for parameter, value in zip(parameters, args, strict=True)
        }
        return function(*bound, **gathered(function, given, len(bound)))

    call.__name__ = call.__qualname__ = name or function.__name__
    call.__doc__ = description or function.__doc__
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters} | {"return": returned}
    call.__signature__ = inspect.Signature(parameters, return_annotation=returned)  # type: ignore[attr-defined]
    return call


def caller_parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters that a caller gives: Gradio fills in the request and the token itself."""
    return [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.annotation is not gr.Request and "OAuth" not in str(parameter.annotation)
    ]
