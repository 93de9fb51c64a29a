"""Uploads and results and whose they are, on a server that many visitors share."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gradio import processing_utils
from starlette.requests import HTTPConnection

from spaces_app.identity import visitor

REMEMBERED = 100_000  # files, the most recent
ANYBODY = ""  # sent or asked for by a client of the API, which has no cookie
_owners: OrderedDict[str, set[str]] = OrderedDict()  # path -> visitors; the same content has the same path


def remember_uploads(answer: bytes, request: Any) -> None:
    """Note whose the files of Gradio's answer to an upload are."""
    try:
        paths = json.loads(answer)
    except ValueError:
        return
    for path in paths if isinstance(paths, list) else []:
        _remember(path, visitor(request))


def remember_results(values: Any, request: Any) -> None:
    """Note whose the files of an event's results are: of the browser or account that asked for them."""
    below = getattr(request, "request", None) or request
    scope = getattr(below, "scope", None)
    name = visitor(HTTPConnection(scope)) if scope else ANYBODY  # as the request for the file itself will say it
    for path in _paths(values):
        _remember(path, name)


def share_what_is_there() -> None:
    """Let the files of the page as it was built, such as samples, be everybody's, also as results."""
    for path in Path(processing_utils.get_upload_folder()).rglob("*"):
        _owners.setdefault(str(path.resolve()), set()).add(ANYBODY)


def _remember(path: str, name: str) -> None:
    _owners.setdefault(str(Path(path).resolve()), set()).add(name or ANYBODY)
    while len(_owners) > REMEMBERED:
        _owners.popitem(last=False)


def _paths(values: Any) -> Iterator[str]:
    """The paths of Gradio's records of files, wherever they are in a value."""
    if isinstance(values, dict):
        path = values.get("path")
        if isinstance(path, str) and isinstance(values.get("meta"), dict):
            yield path
        values = list(values.values())
    if isinstance(values, list | tuple):
        for value in values:
            yield from _paths(value)


def may_use(path: str | Path, request: Any) -> bool:
    """Whether this visitor may use a file: they sent it, or someone whom nothing tells from them."""
    try:
        owners = _owners.get(str(Path(path).resolve()), {ANYBODY})
    except ValueError:  # NUL: it is no path, and Gradio says so
        return True
    return ANYBODY in owners or visitor(request) in owners
