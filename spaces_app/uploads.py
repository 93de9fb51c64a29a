"""Uploads and whose they are, on a server that many visitors share."""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

from spaces_app.identity import visitor

REMEMBERED = 100_000  # uploads, the most recent
ANYBODY = ""  # sent by a client of the API, which has no cookie
_owners: OrderedDict[str, set[str]] = OrderedDict()  # path -> visitors; the same content has the same path


def remember_uploads(answer: bytes, request: Any) -> None:
    """Note whose the files of Gradio's answer to an upload are."""
    name = visitor(request)
    try:
        paths = json.loads(answer)
    except ValueError:
        return
    for path in paths if isinstance(paths, list) else []:
        _owners.setdefault(str(Path(path).resolve()), set()).add(name or ANYBODY)
        while len(_owners) > REMEMBERED:
            _owners.popitem(last=False)


def may_use(path: str | Path, request: Any) -> bool:
    """Whether this visitor may use a file: they sent it, or someone whom nothing tells from them."""
    try:
        owners = _owners.get(str(Path(path).resolve()), {ANYBODY})
    except ValueError:  # NUL: it is no path, and Gradio says so
        return True
    return ANYBODY in owners or visitor(request) in owners
