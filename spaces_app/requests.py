"""What every request passes before Gradio: the names that a local server answers to, and the cookie of a guest."""

from __future__ import annotations

import secrets
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plugins._ui.newest import ARRIVED, arrivals
from spaces_app.identity import GUEST_COOKIE, GUEST_ID
from spaces_app.page.routes import is_page
from spaces_app.page_cache import FileCache, PageCache
from spaces_app.settings import Settings
from spaces_app.uploads import may_use, remember_uploads, share_what_is_there
from training.errors import UserError
from training.home import bind_name, is_loopback, is_space

LOCAL_NAMES = ("localhost", "127.0.0.1", "[::1]")
FILE = "/file="  # of the address of a file
COOKIE_SECONDS = 30 * 86_400


def check_bind(settings: Settings) -> None:
    """Refuse to start where the network reaches a server that asks nobody who they are.

    Raises:
        UserError: With what to set.
    """
    if is_space() or is_loopback(bind_name()) or settings.accounts or settings.open:
        return
    raise UserError(
        f"The server is to listen on {bind_name()}, where anybody on the network reaches it. Set "
        "SELFSUP_AUTH=name:password, so that it asks who comes, or SELFSUP_OPEN=1 where something in front of it does."
    )


def middleware(settings: Settings) -> list[Middleware]:
    """The layers, the outermost first.

    A page of the Internet whose name is re-bound to 127.0.0.1 (DNS rebinding) sends that name as Host: a server for
    this machine alone answers to local names only.
    """
    names = [*LOCAL_NAMES, *(name.strip() for name in settings.hosts.split(",") if name.strip())]
    local = is_loopback(bind_name()) and not is_space()
    hosts = [Middleware(TrustedHostMiddleware, allowed_hosts=names, www_redirect=False)] if local else []
    owners = [Middleware(UploadOwners)] if settings.is_shared else []
    pages = [] if settings.accounts else [Middleware(PageCache)]
    always = [Middleware(layer) for layer in (Arrivals, LeftStreams, FileCache, GuestCookie)]
    return [*hosts, *always, *owners, *pages]


async def refuse_body(request: Request, error: Exception) -> JSONResponse:
    """The answer to a body of another form. FastAPI's own repeats it, a key among it, and fails where it is no text."""
    by_name = "/call/v2/" in request.url.path
    form = (
        'a JSON object of the parameters by name: {"run": "…"}'
        if by_name
        else 'JSON of the form {"data": [value, ...]}'
    )
    words = f"The body of a request is {form}."
    return JSONResponse(
        {"detail": [{"type": "body", "loc": ["body"], "msg": words}]}, 422
    )  # gradio_client reads a list


class GuestCookie:
    """Gives a browser that opens the page an unguessable id, so that a guest keeps their runs over a reload.

    Clients of the API have a session of their own and get none.
    """

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_page(scope["path"]) or _has_cookie(scope):
            await self.app(scope, receive, send)
            return

        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"set-cookie", _cookie().encode("latin-1"))]
            await send(message)

        await self.app(scope, receive, with_cookie)


class Arrivals:
    """Numbers the requests as they come: an event may wait long for its turn."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, ARRIVED: next(arrivals)}, receive, send)


class LeftStreams:
    """Ends the stream of events to a page that was left while it filled.

    Gradio 6.31 raises a 404 there after the answer has begun, which the log would show as a crash of the server.
    """

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except RuntimeError as error:
            gone = isinstance(error.__cause__, HTTPException) and error.__cause__.status_code == 404
            if not (gone and scope["path"].rstrip("/").endswith("/queue/data")):
                raise
            await send({"type": "http.response.body", "body": b"", "more_body": False})


class UploadOwners:
    """On a shared server, what a browser uploaded or was answered is its visitor's alone: to download, and to name.

    A client of the API has no cookie: its uploads and results are known by their paths, which cannot be guessed.
    """

    def __init__(self, app: ASGIApp):
        self.app = app
        share_what_is_there()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = unquote(scope.get("path", ""))
        if scope["type"] == "http" and FILE in path and not may_use(path.partition(FILE)[2], HTTPConnection(scope)):
            await PlainTextResponse("This file is another visitor's.", 403)(scope, receive, send)
            return
        if scope["type"] != "http" or not path.rstrip("/").endswith("/upload"):
            await self.app(scope, receive, send)
            return

        async def remembering(message: Message) -> None:
            if message["type"] == "http.response.body":
                remember_uploads(message.get("body", b""), HTTPConnection(scope))
            await send(message)

        await self.app(scope, receive, remembering)


def _has_cookie(scope: Scope) -> bool:
    return GUEST_ID.fullmatch(HTTPConnection(scope).cookies.get(GUEST_COOKIE, "")) is not None


def _cookie() -> str:
    """A Space stands in a frame of another site, where only a Secure, Partitioned cookie without SameSite is kept."""
    site = "SameSite=None; Secure; Partitioned" if is_space() else "SameSite=Lax"
    return f"{GUEST_COOKIE}={secrets.token_hex(16)}; Path=/; HttpOnly; Max-Age={COOKIE_SECONDS}; {site}"
