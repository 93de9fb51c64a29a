"""The answer to an address without a page: for a browser a page with links, for a program the JSON that it expects."""

from __future__ import annotations

import difflib
import html

from fastapi.exception_handlers import http_exception_handler
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from spaces_app.page.navigation import TITLE

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>No such page - {title}</title>
<style>:root {{ color-scheme: light dark }} body {{ font: 1.1rem system-ui, sans-serif; max-width: 40rem; margin: 15vh auto; padding: 0 1rem }}</style>
<main><h1>There is no page at this address</h1><p>{hint}<a href="{root}/">Go to the home page</a>.</p></main></html>"""  # noqa: E501 - HTML


async def answer_missing(request: Request, error: Exception) -> Response:
    """Answer what no route took.

    Raises:
        Exception: The error itself, where it is of another kind.
    """
    if not isinstance(error, HTTPException):
        raise error
    path = request.url.path.removeprefix(root := request.scope.get("root_path", ""))
    wants_page = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    if error.status_code != 404 or not wants_page or path.startswith("/gradio_api"):
        return await http_exception_handler(request, error)
    pages = {route: title for route, title, *_ in request.app.get_blocks().pages if route}
    near = difflib.get_close_matches(path.strip("/").casefold(), list(pages), 1)
    hint = f'Did you mean <a href="{root}/{near[0]}">{html.escape(pages[near[0]])}</a>? ' if near else ""
    return HTMLResponse(PAGE.format(title=TITLE, hint=hint, root=html.escape(root, quote=True)), 404)
