"""Requests, responses and routes: what the handlers of the other modules are made of."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from tests.hub.state import HubState


@dataclass(frozen=True)
class Request:
    """One request, its body read as a whole.

    Args:
        path: As it was sent, still quoted.
        query: The values of each parameter.
        headers: By name in any case.
    """

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Message
    body: bytes

    def json(self) -> dict[str, Any]:
        return json.loads(self.body or b"{}")

    def parameter(self, name: str) -> str:
        """The first value of a query parameter; empty without any."""
        return self.query.get(name, [""])[0]

    @property
    def token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ").strip()


@dataclass(frozen=True)
class Response:
    status: int = HTTPStatus.OK
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class HubError(Exception):
    """A refusal; the client chooses its exception by `status` and `code`."""

    def __init__(self, status: int, message: str, code: str = "", headers: dict[str, str] | None = None):
        super().__init__(message)
        self.status, self.message, self.code, self.headers = status, message, code, headers or {}

    def response(self) -> Response:
        headers = {"X-Error-Message": self.message, **({"X-Error-Code": self.code} if self.code else {})}
        return as_json({"error": self.message}, self.status, **headers, **self.headers)


def as_json(content: Any, status: int = HTTPStatus.OK, /, **headers: str) -> Response:
    return Response(status, json.dumps(content).encode(), {"Content-Type": "application/json", **headers})


def file_response(request: Request, content: bytes, **headers: str) -> Response:
    """A file, or the part of it that the `Range` header asks for."""
    headers = {"Accept-Ranges": "bytes", **headers}
    first, last = byte_range(request, len(content))
    if (first, last) == (0, len(content) - 1):
        return Response(HTTPStatus.OK, content, headers)
    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    return Response(HTTPStatus.PARTIAL_CONTENT, content[first : last + 1], headers)


def byte_range(request: Request, size: int) -> tuple[int, int]:
    """First and last byte that the `Range` header asks for; the whole without one."""
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("Range", ""))
    if not asked or not size:
        return 0, size - 1
    first, last = int(asked[1]), min(int(asked[2] or size), size - 1)
    if first > last:
        raise HubError(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, f"The file has {size} bytes")
    return first, last


Handler = Callable[..., Response]  # (state, request, one argument for each placeholder of its route)
PLACEHOLDERS = {"kind": "models|datasets|spaces", "prefix": "datasets/|spaces/|", "repo": "[^/]+/[^/]+", "path": ".+"}
ROUTES: list[tuple[str, re.Pattern[str], Handler]] = []


def route(method: str, template: str) -> Callable[[Handler], Handler]:
    """Register a handler for a path such as "/api/{kind}/{repo}/revision/{revision}". GET answers HEAD too."""
    pattern = re.sub(r"\{(\w+)\}", lambda name: f"(?P<{name[1]}>{PLACEHOLDERS.get(name[1], '[^/]+')})", template)

    def register(handler: Handler) -> Handler:
        ROUTES.append((method, re.compile(pattern), handler))
        return handler

    return register


def dispatch(state: HubState, request: Request) -> Response:
    """Answer a request by the first route that matches.

    Raises:
        HubError: 404 if there is none, or as the handler refuses.
    """
    method = "GET" if request.method == "HEAD" else request.method
    for route_method, pattern, handler in ROUTES:
        match = pattern.fullmatch(request.path)
        if match and route_method == method:
            values = {name: unquote(value) for name, value in match.groupdict().items()}
            return handler(state, request, **values)
    raise HubError(HTTPStatus.NOT_FOUND, "Sorry, we can't find the page you are looking for.")
