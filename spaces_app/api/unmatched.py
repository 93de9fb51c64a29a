"""Answers to calls that match no endpoint, or not its parameters: Gradio would answer HTTP 500 without words."""

from __future__ import annotations

import difflib
import inspect
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from gradio.route_utils import FnIndexInferError
from starlette.requests import Request
from starlette.responses import JSONResponse

from spaces_app.api.bind import caller_parameters

ROUTE = re.compile(r"/gradio_api/(?P<verb>call|call/v2|run|api)/(?P<name>[^/]+)/?")


def wrong_number(endpoint: str, parameters: Sequence[inspect.Parameter], given: int) -> str:
    """What to say of a call with so many values, in order, where some are missing or too many."""
    names = ", ".join(each.name for each in parameters)
    if given > len(parameters):
        return f"{given} values were given; /{endpoint} takes {len(parameters)}: {names or 'none'}."
    return missing(endpoint, parameters, [each.name for each in parameters[:given]])


def missing(endpoint: str, parameters: Sequence[inspect.Parameter], given: Sequence[str]) -> str:
    """What to say of a call without some of the parameters that have no default."""
    required = [each.name for each in parameters if each.default is each.empty]
    optional = [each.name for each in parameters if each.default is not each.empty]
    absent = ", ".join(name for name in required if name not in given)
    also = f"; it may have {', '.join(optional)}" if optional else ""
    return f"{absent}: no value was given. /{endpoint} needs {', '.join(required)}{also}."


async def refuse_unmatched(request: Request, error: Exception) -> JSONResponse:
    """Answer what Gradio's route of a call could not look up: 404 for an unknown name, 422 for wrong parameters.

    Raises:
        Exception: The error itself, where it is of another kind.
    """
    route = ROUTE.fullmatch(request.url.path.removeprefix(request.scope.get("root_path", "")))
    if route is None or request.method != "POST":
        raise error
    function = _endpoints(request).get(route["name"])
    if function is None:
        return JSONResponse({"error": _no_endpoint(route["name"], list(_endpoints(request)))}, 404)
    message = await _wrong_names(request, route["name"], function) if route["verb"] == "call/v2" else ""
    if not message:
        raise error
    return JSONResponse({"error": message}, 422)


UNMATCHED = dict.fromkeys((FnIndexInferError, KeyError, TypeError), refuse_unmatched)


def _endpoints(request: Request) -> dict[str, Callable[..., Any]]:
    functions = request.app.get_blocks().fns.values()
    return {str(each.api_name): each.fn for each in functions if each.api_visibility == "public" and each.fn}


def _no_endpoint(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, 1)
    return f"There is no endpoint '{name[:80]}'. " + (
        f"Did you mean '{near[0]}'?" if near else "/gradio_api/info lists them all."
    )


async def _wrong_names(request: Request, endpoint: str, function: Callable[..., Any]) -> str:
    parameters, body = caller_parameters(function), json.loads(await request.body())
    names = [each.name for each in parameters]
    if unknown := [name for name in body if name not in (*names, "oauth_token")]:
        near = difflib.get_close_matches(unknown[0], names, 1)
        hint = f"Did you mean '{near[0]}'?" if near else f"It has: {', '.join(names) or 'none'}."
        return f"/{endpoint} has no parameter '{unknown[0][:80]}'. {hint}"
    absent = [each.name for each in parameters if each.default is each.empty and each.name not in body]
    return missing(endpoint, parameters, list(body)) if absent else ""
