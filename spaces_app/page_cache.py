"""The page's HTML and its configuration, 3 MB that are the same for every visitor: made once, and sent compressed.

Gradio copies and renders them for each request, a quarter of a second of one core; 200 visitors at once waited minutes.
"""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spaces_app.identity import AUTH_COOKIE
from spaces_app.page.routes import is_page

SHAPED_BY = ("host", "x-forwarded-host", "x-forwarded-proto", "x-gradio-server")  # all that Gradio makes addresses of
KEPT = 64  # answers: of every page, and of some names of hosts, which a client may make up
Key = tuple[str, ...]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]  # status, headers, body


class PageCache:
    """Keeps the answers to those who have not signed in by name and password, of whom the page says who they are."""

    def __init__(self, app: ASGIApp):
        self.app = app
        self._answers: OrderedDict[Key, Answer] = OrderedDict()
        self._lock = asyncio.Lock()  # the second of two first visitors waits for the answer of the first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = _key(scope)
        if key is None:
            await self.app(scope, receive, send)
            return
        if key not in self._answers:
            async with self._lock:
                if key not in self._answers:
                    self._keep(key, await self._ask(scope, receive))
        status, headers, body = self._answers[key]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        if status != 200 or any(name == b"set-cookie" for name, _ in headers):
            self._answers.pop(key, None)

    async def _ask(self, scope: Scope, receive: Receive) -> Answer:
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        await self.app(scope, receive, collect)
        body = b"".join(message.get("body", b"") for message in messages[1:])
        headers = MutableHeaders(raw=list(messages[0]["headers"]))
        headers.append("vary", "accept-encoding")
        if "gzip" in Headers(scope=scope).get("accept-encoding", "") and "content-encoding" not in headers:
            body = await asyncio.to_thread(gzip.compress, body, 6)
            headers["content-encoding"] = "gzip"
        headers["content-length"] = str(len(body))
        return messages[0]["status"], headers.raw, body

    def _keep(self, key: Key, answer: Answer) -> None:
        self._answers[key] = answer
        while len(self._answers) > KEPT:
            self._answers.popitem(last=False)


def _key(scope: Scope) -> Key | None:
    """What the answer depends on; None for a request that is no plain one for the page."""
    if (
        scope["type"] != "http"
        or scope["method"] != "GET"
        or not (is_page(scope["path"]) or scope["path"] == "/config")
    ):
        return None
    headers, query = Headers(scope=scope), parse_qs(scope["query_string"].decode("latin-1"))
    if "origin" in headers or AUTH_COOKIE in headers.get("cookie", "") or {"page", "deep_link"} & query.keys():
        return None  # another site's script, somebody with a name, another page
    shape = [headers.get(name, "") for name in SHAPED_BY]
    compressed = str("gzip" in headers.get("accept-encoding", ""))
    return (scope["path"], scope.get("scheme", ""), scope.get("root_path", ""), compressed, *shape)
