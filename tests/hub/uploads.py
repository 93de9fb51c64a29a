"""Uploads: the check of a card, large files by LFS, and the commit. Large files by Xet are in `xet.py`."""

from __future__ import annotations

import base64
import hashlib
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from tests.hub import model_card
from tests.hub.repository import BINARY_SUFFIXES, MAIN, Commit, File, Repository
from tests.hub.web import HubError, Request, Response, as_json, route

if TYPE_CHECKING:
    from tests.hub.state import HubState

LARGEST_REGULAR = 10_000_000  # bytes; what is larger, or not text, is a large file


@route("POST", "/api/validate-yaml")
def validate_card(state: HubState, request: Request) -> Response:
    errors = [{"message": error} for error in model_card.errors(request.json()["content"])]
    return as_json({"errors": errors, "warnings": []}, HTTPStatus.BAD_REQUEST if errors else HTTPStatus.OK)


@route("POST", "/api/{kind}/{repo}/preupload/{revision}")
def preupload(state: HubState, request: Request, kind: str, repo: str, revision: str) -> Response:
    """How each file is to come, and the id of what is at its path already."""
    repository = state.writable(request, kind, repo, bool(request.parameter("create_pr")))
    commit = repository.commit(revision)
    rows = []
    for asked in request.json()["files"]:
        row = {
            "path": asked["path"],
            "uploadMode": "lfs" if is_large(asked) else "regular",
            "shouldIgnore": False,
        }
        if asked["path"] in commit.files:
            there = commit.files[asked["path"]]
            row["oid"] = there.sha256 or there.blob_id
        rows.append(row)
    return as_json({"files": rows})


def is_large(asked: dict[str, Any]) -> bool:
    """By its name, its size, or a byte 0 in its first 512."""
    return is_binary(asked["path"]) or asked["size"] > LARGEST_REGULAR or b"\0" in base64.b64decode(asked["sample"])


def is_binary(path: str) -> bool:
    """Whether the .gitattributes of a new repository say that such a file is a large one."""
    return path.endswith(BINARY_SUFFIXES)


@route("POST", "/{prefix}{repo}.git/info/lfs/objects/batch")
def lfs_batch(state: HubState, request: Request, prefix: str, repo: str) -> Response:
    """Where each large file is to be sent; nowhere if it is here."""
    state.writable(request, prefix.strip("/") or "models", repo, pull_request=True)
    rows = []
    for asked in request.json()["objects"]:
        row = {"oid": asked["oid"], "size": asked["size"]}
        if asked["oid"] not in state.contents:
            row["actions"] = {"upload": {"href": f"{state.storage_url}/lfs-upload/{asked['oid']}"}}
        rows.append(row)
    return as_json({"transfer": "basic", "objects": rows})


@route("PUT", "/lfs-upload/{sha256}")
def lfs_upload(state: HubState, request: Request, sha256: str) -> Response:
    if hashlib.sha256(request.body).hexdigest() != sha256:
        raise HubError(HTTPStatus.BAD_REQUEST, "The content does not match its SHA-256")
    state.contents[sha256] = request.body
    return Response()


@route("POST", "/api/{kind}/{repo}/commit/{revision}")
def commit(state: HubState, request: Request, kind: str, repo: str, revision: str) -> Response:
    """One commit from lines of JSON: a header, then a file, a large file, or a deletion each."""
    offers = bool(request.parameter("create_pr"))
    repository = state.writable(request, kind, repo, offers)
    lines = [json.loads(line) for line in request.body.splitlines() if line.strip()]
    header = next(line["value"] for line in lines if line["key"] == "header")
    parent = repository.commit(revision)
    if header.get("parentCommit") not in (None, parent.id):
        raise HubError(HTTPStatus.PRECONDITION_FAILED, "A commit has happened since. Please refresh and try again.")
    files = dict(parent.files)
    for line in lines:
        change(state, files, line["key"], line["value"])
    title, author = header["summary"], state.signed_in(request).user
    request_url = {}
    ref = MAIN
    if offers:
        opened = repository.open_pull_request(title, author)
        ref = f"refs/pr/{opened.number}"
        request_url = {"pullRequestUrl": f"{state.url}/{repository.path}/discussions/{opened.number}"}
    made = repository.add(ref, files, parent.id, title, header.get("description") or "", author)
    return as_json(
        {"success": True, "commitOid": made.id, "commitUrl": commit_url(state, repository, made), **request_url}
    )


def change(state: HubState, files: dict[str, File], key: str, value: dict[str, Any]) -> None:
    """Apply one line of a commit to the files."""
    path = value.get("path", "")
    match key:
        case "file":
            content = base64.b64decode(value["content"])
            files[path] = File.regular(content)
            state.contents[files[path].blob_id] = content
        case "lfsFile":
            if value["oid"] not in state.contents:
                raise HubError(HTTPStatus.BAD_REQUEST, f"{path} points to a large file that was not uploaded")
            files[path] = File.large(value["oid"], len(state.contents[value["oid"]]))
        case "deletedFile":
            if files.pop(path, None) is None:
                raise HubError(HTTPStatus.NOT_FOUND, f"A file with this name doesn't exist: {path}", "EntryNotFound")


def make_repository(state: HubState, name: str, files: dict[str, str], gated: str | bool = False) -> None:
    """A public model repository with these files (base64), all in one commit; no client is asked.

    Its large files are not in the Xet store: clients fetch them by LFS.
    """
    repository = Repository("models", name, private=False, gated=gated)
    kept = {}
    for path, text in files.items():
        content = base64.b64decode(text)
        sha256 = hashlib.sha256(content).hexdigest()
        kept[path] = File.large(sha256, len(content)) if is_binary(path) else File.regular(content)
        state.contents[kept[path].sha256 or kept[path].blob_id] = content
    repository.add(MAIN, kept, "", "Files", "", repository.owner)
    state.repositories["models", name] = repository


def commit_url(state: HubState, repository: Repository, made: Commit) -> str:
    return f"{state.url}/{repository.path}/commit/{made.id}"
