"""Downloads of a revision's files: the Hub redirects to its cache for small files, to the storage for large ones."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.hub.repository import Commit, File
from tests.hub.web import HubError, Request, Response, file_response, route

if TYPE_CHECKING:
    from tests.hub.state import HubState


@route("GET", "/{prefix}{repo}/resolve/{revision}/{path}")
def resolve(state: HubState, request: Request, prefix: str, repo: str, revision: str, path: str) -> Response:
    """Say which commit and hash a file has, and redirect to its content."""
    kind = prefix.strip("/") or "models"
    commit, file = find(state, request, kind, repo, revision, path)
    headers = {"X-Repo-Commit": commit.id, "X-Linked-Size": str(file.size)}
    if not file.sha256:
        cached = f"/api/resolve-cache/{kind}/{repo}/{commit.id}/{quote(path)}"
        return Response(307, b"", {**headers, "Location": cached, "X-Linked-Etag": f'"{file.blob_id}"'})
    xet = state.xet.hashes.get(file.sha256)
    if xet:
        token = f"{state.url}/api/{kind}/{repo}/xet-read-token/{commit.id}"
        headers |= {"X-Xet-Hash": xet, "Link": f'<{token}>; rel="xet-auth"'}
    headers |= {"Location": f"{state.storage_url}/cdn/{file.sha256}", "X-Linked-Etag": f'"{file.sha256}"'}
    return Response(HTTPStatus.FOUND, b"", headers)


@route("GET", "/api/resolve-cache/{kind}/{repo}/{revision}/{path}")
def small_file(state: HubState, request: Request, kind: str, repo: str, revision: str, path: str) -> Response:
    commit, file = find(state, request, kind, repo, revision, path)
    about = {"X-Repo-Commit": commit.id, "ETag": f'"{file.blob_id}"', "Content-Type": "text/plain; charset=utf-8"}
    return file_response(request, state.content(file), **about)


@route("GET", "/cdn/{sha256}")
def large_file(state: HubState, request: Request, sha256: str) -> Response:
    if sha256 not in state.contents:
        raise HubError(HTTPStatus.NOT_FOUND, "No such file")
    return file_response(request, state.contents[sha256], ETag=f'"{sha256}"')


def find(state: HubState, request: Request, kind: str, repo: str, revision: str, path: str) -> tuple[Commit, File]:
    commit = state.downloadable(request, kind, repo).commit(revision)
    if path not in commit.files:
        raise HubError(HTTPStatus.NOT_FOUND, "Entry not found", "EntryNotFound", {"X-Repo-Commit": commit.id})
    return commit, commit.files[path]
