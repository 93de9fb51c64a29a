"""Answers that are the same for every visitor, made once and sent compressed: pages and their files.

Gradio copies and renders a page for each request, a quarter of a second of one core: 200 visitors at once waited
minutes. Of its scripts and styles, which it compresses each time, a page asks for a hundred: 8 ms each.
"""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from spaces_app.identity import AUTH_COOKIE
from spaces_app.page.preloads import with_preloads
from spaces_app.page.routes import is_page

SHAPED_BY = ("host", "x-forwarded-host", "x-forwarded-proto", "x-gradio-server")  # all that Gradio makes addresses of
FILES = "/assets/"  # of Gradio, by names with a hash of their content
FOREVER = "public, max-age=31536000, immutable"
KEPT = 64  # answers: of every page, and of some names of hosts, which a client may make up
Key = tuple[str, ...]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]  # status, headers, body


class AnswerCache:
    """Keeps answers by what they depend on, and gives them without asking the app again."""

    def __init__(self, app: ASGIApp):
        self.app = app
        self._answers: OrderedDict[Key, Answer] = OrderedDict()
        self._lock = asyncio.Lock()  # the second of two first visitors waits for the answer of the first

    def key(self, scope: Scope) -> Key | None:
        """What the answer to a request depends on; None for one that is not kept."""
        raise NotImplementedError

    def prepared(self, body: bytes) -> bytes:
        """What is kept of an answer."""
        return body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = self.key(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if key is None:
            await self.app(scope, receive, send)
            return
        if key not in self._answers:
            async with self._lock:
                if key not in self._answers:
                    self._keep(key, await self._ask(scope))
        status, headers, body = self._answers[key]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        if status != 200 or any(name == b"set-cookie" for name, _ in headers):
            self._answers.pop(key, None)

    async def _ask(self, scope: Scope) -> Answer:
        messages: list[Message] = []

        async def collect(message: Message) -> None:
            messages.append(message)

        await self.app(scope, _patient_client(), collect)
        body = self.prepared(b"".join(message.get("body", b"") for message in messages[1:]))
        headers = MutableHeaders(raw=list(messages[0]["headers"]))
        headers.append("vary", "accept-encoding")
        if _takes_gzip(scope) and "content-encoding" not in headers:
            body = await asyncio.to_thread(gzip.compress, body, 6)
            headers["content-encoding"] = "gzip"
        headers["content-length"] = str(len(body))
        return messages[0]["status"], headers.raw, body

    def _keep(self, key: Key, answer: Answer) -> None:
        self._answers[key] = answer


class PageCache(AnswerCache):
    """Pages and configurations; not for those who sign in by name and password: their pages say who they are."""

    def key(self, scope: Scope) -> Key | None:
        """Path, compression, and all that Gradio makes addresses of; None for a request that is no plain one."""
        headers, query = Headers(scope=scope), parse_qs(scope["query_string"].decode("latin-1"))
        if not (is_page(scope["path"]) or scope["path"] == "/config"):
            return None
        if "origin" in headers or AUTH_COOKIE in headers.get("cookie", "") or {"page", "deep_link"} & query.keys():
            return None  # another site's script, somebody with a name, another page
        shape = [headers.get(name, "") for name in SHAPED_BY]
        return (scope["path"], scope.get("scheme", ""), scope.get("root_path", ""), str(_takes_gzip(scope)), *shape)

    def prepared(self, body: bytes) -> bytes:
        """The page with links to what it will load."""
        return with_preloads(body.decode()).encode() if body.startswith(b"<!doctype html") else body

    def _keep(self, key: Key, answer: Answer) -> None:
        super()._keep(key, answer)
        while len(self._answers) > KEPT:
            self._answers.popitem(last=False)


class FileCache(AnswerCache):
    """Gradio's scripts, styles and fonts. All of them are 21 MB, a third of it compressed."""

    def key(self, scope: Scope) -> Key | None:
        """Path and compression; None for a part of a file, or what a browser has already."""
        headers = Headers(scope=scope)
        if FILES not in scope["path"] or {"range", "if-none-match", "if-modified-since"} & set(headers.keys()):
            return None
        return (scope["path"], str(_takes_gzip(scope)))

    async def _ask(self, scope: Scope) -> Answer:
        status, raw, body = await super()._ask(scope)
        headers = MutableHeaders(raw=raw)
        if status == 200:
            headers["cache-control"] = FOREVER
        return status, headers.raw, body


def _patient_client() -> Receive:
    """A client that waits for the whole answer, which others want too: the one who asked may leave before its end."""
    asked: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        return asked.pop() if asked else await asyncio.Future()

    return receive


def _takes_gzip(scope: Scope) -> bool:
    return "gzip" in Headers(scope=scope).get("accept-encoding", "")
