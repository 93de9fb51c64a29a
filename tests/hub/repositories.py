"""The Hub's API of repositories: accounts, creation, settings, and what is in a revision."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import yaml

from tests.hub import model_card
from tests.hub.repository import BINARY_SUFFIXES, MAIN, Commit, File, Repository
from tests.hub.web import HubError, Request, Response, as_json, route

if TYPE_CHECKING:
    from tests.hub.state import HubState

TRUE = ("true", "1")
ATTRIBUTES = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in BINARY_SUFFIXES)


@route("GET", "/api/whoami-v2")
def whoami(state: HubState, request: Request) -> Response:
    identity = state.signed_in(request)
    token = {"displayName": "token", "role": identity.role}
    return as_json(
        {"type": "user", "name": identity.user, "orgs": [], "auth": {"type": "access_token", "accessToken": token}}
    )


# -- repositories ------------------------------------------------------------------------------------------------------


@route("POST", "/api/repos/create")
def create(state: HubState, request: Request) -> Response:
    identity, asked = state.signed_in(request), request.json()
    owner = asked.get("organization") or identity.user
    if identity.role != "write" or owner != identity.user:
        raise HubError(HTTPStatus.FORBIDDEN, f"You don't have the rights to create a repository of {owner}")
    private = asked["visibility"] == "private" if asked.get("visibility") else bool(asked.get("private"))
    made = Repository(f"{asked.get('type') or 'model'}s", f"{owner}/{asked['name']}", private)
    url = f"{state.url}/{made.path}"
    if (made.kind, made.name) in state.repositories:
        return as_json({"error": "You already created this repo", "url": url}, HTTPStatus.CONFLICT)
    attributes = File.regular(ATTRIBUTES.encode())
    state.contents[attributes.blob_id] = ATTRIBUTES.encode()
    made.add(MAIN, {".gitattributes": attributes}, "", "initial commit", "", identity.user)
    state.repositories[made.kind, made.name] = made
    return as_json({"url": url, "name": made.name})


@route("PUT", "/api/{kind}/{repo}/settings")
def change_settings(state: HubState, request: Request, kind: str, repo: str) -> Response:
    repository, asked = state.writable(request, kind, repo), request.json()
    repository.gated = asked.get("gated", repository.gated)
    repository.private = asked.get("private", repository.private)
    return as_json({})


@route("GET", "/api/{kind}/{repo}/auth-check/write")
def check_write(state: HubState, request: Request, kind: str, repo: str) -> Response:
    state.writable(request, kind, repo)
    return as_json({})


@route("GET", "/api/models")
def search(state: HubState, request: Request) -> Response:
    """Models that the request may see, by words of their name, author and task."""
    identity = state.identity(request)
    words, author, task = (request.parameter(name) for name in ("search", "author", "pipeline_tag"))
    rows = []
    for repository in state.repositories.values():
        seen = not repository.private or (identity is not None and identity.user == repository.owner)
        if repository.kind == "models" and seen and words in repository.name and author in ("", repository.owner):
            rows.append(describe(state, repository, repository.commit(MAIN)))
    return as_json([row for row in rows if task in ("", row.get("pipeline_tag"))])


# -- a revision --------------------------------------------------------------------------------------------------------


@route("GET", "/api/{kind}/{repo}")
def info(state: HubState, request: Request, kind: str, repo: str) -> Response:
    return info_of_revision(state, request, kind, repo, MAIN)


@route("GET", "/api/{kind}/{repo}/revision/{revision}")
def info_of_revision(state: HubState, request: Request, kind: str, repo: str, revision: str) -> Response:
    repository = state.readable(request, kind, repo)
    about = describe(state, repository, repository.commit(revision))
    if request.parameter("blobs"):
        about["siblings"] = [
            {"rfilename": path, "blobId": file.blob_id, "size": file.size, **large_file(file)}
            for path, file in sorted(repository.commit(revision).files.items())
        ]
    return as_json(about)


def describe(state: HubState, repository: Repository, commit: Commit) -> dict[str, Any]:
    """A repository as it is listed."""
    card = read_card(state, commit)
    return {
        "id": repository.name,
        "author": repository.owner,
        "sha": commit.id,
        "createdAt": repository.created,
        "lastModified": commit.date,
        "private": repository.private,
        "gated": repository.gated,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": card.get("tags") or [],
        "pipeline_tag": card.get("pipeline_tag"),
        "library_name": card.get("library_name"),
        "siblings": [{"rfilename": path} for path in sorted(commit.files)],
    }


def read_card(state: HubState, commit: Commit) -> dict[str, Any]:
    if "README.md" not in commit.files:
        return {}
    try:
        return model_card.front_matter(state.content(commit.files["README.md"]).decode())
    except yaml.YAMLError:
        return {}


def large_file(file: File) -> dict[str, Any]:
    return (
        {"lfs": {"oid": file.sha256, "sha256": file.sha256, "size": file.size, "pointerSize": 130}}
        if file.sha256
        else {}
    )


@route("GET", "/api/{kind}/{repo}/tree/{revision}")
def list_root(state: HubState, request: Request, kind: str, repo: str, revision: str) -> Response:
    return list_folder(state, request, kind, repo, revision, "")


@route("GET", "/api/{kind}/{repo}/tree/{revision}/{path}")
def list_folder(state: HubState, request: Request, kind: str, repo: str, revision: str, path: str) -> Response:
    """The files below a folder, all of them or those right in it, with its folders."""
    commit = state.readable(request, kind, repo).commit(revision)
    prefix = f"{path.strip('/')}/" if path else ""
    below = {name.removeprefix(prefix): file for name, file in commit.files.items() if name.startswith(prefix)}
    if prefix and not below:
        raise HubError(HTTPStatus.NOT_FOUND, f"{path} does not exist on {revision}", "EntryNotFound")
    recursive = request.parameter("recursive").lower() in TRUE
    folders = {name[:at] for name in below for at, letter in enumerate(name) if letter == "/"}
    entries = [folder_entry(prefix + name) for name in folders] + [
        file_entry(state, prefix + name, file) for name, file in below.items()
    ]
    shown = [entry for entry in entries if recursive or "/" not in entry["path"].removeprefix(prefix)]
    return as_json(sorted(shown, key=lambda entry: entry["path"]), **{"X-Repo-Commit": commit.id})


@route("POST", "/api/{kind}/{repo}/paths-info/{revision}")
def paths_info(state: HubState, request: Request, kind: str, repo: str, revision: str) -> Response:
    commit = state.readable(request, kind, repo).commit(revision)
    return as_json(
        [file_entry(state, path, commit.files[path]) for path in request.json()["paths"] if path in commit.files]
    )


def file_entry(state: HubState, path: str, file: File) -> dict[str, Any]:
    xet = state.xet.hashes.get(file.sha256)
    return {
        "type": "file",
        "path": path,
        "oid": file.blob_id,
        "size": file.size,
        **large_file(file),
        **({"xetHash": xet} if xet else {}),
    }


def folder_entry(path: str) -> dict[str, Any]:
    return {"type": "directory", "path": path, "oid": "0" * 40, "size": 0}


# -- history -----------------------------------------------------------------------------------------------------------


@route("GET", "/api/{kind}/{repo}/commits/{revision}")
def list_commits(state: HubState, request: Request, kind: str, repo: str, revision: str) -> Response:
    repository = state.readable(request, kind, repo)
    return as_json(
        [
            {
                "id": commit.id,
                "title": commit.title,
                "message": commit.message,
                "date": commit.date,
                "authors": [{"user": commit.author}],
            }
            for commit in repository.history(repository.commit(revision))
        ]
    )


@route("GET", "/api/{kind}/{repo}/refs")
def list_refs(state: HubState, request: Request, kind: str, repo: str) -> Response:
    refs = state.readable(request, kind, repo).refs

    def below(prefix: str) -> list[dict[str, str]]:
        return [
            {"name": ref.removeprefix(prefix), "ref": ref, "targetCommit": commit}
            for ref, commit in refs.items()
            if ref.startswith(prefix)
        ]

    return as_json({"branches": below("refs/heads/"), "tags": below("refs/tags/"), "converts": []})


@route("POST", "/api/{kind}/{repo}/tag/{revision}")
def create_tag(state: HubState, request: Request, kind: str, repo: str, revision: str) -> Response:
    repository, name = state.writable(request, kind, repo), request.json()["tag"]
    if f"refs/tags/{name}" in repository.refs:
        raise HubError(HTTPStatus.CONFLICT, f"Tag reference exists already: refs/tags/{name}")
    repository.refs[f"refs/tags/{name}"] = repository.commit(revision).id
    return as_json({})


@route("GET", "/api/{kind}/{repo}/discussions")
def list_pull_requests(state: HubState, request: Request, kind: str, repo: str) -> Response:
    repository = state.readable(request, kind, repo)
    rows = [
        {
            "num": each.number,
            "title": each.title,
            "status": "open",
            "author": {"name": each.author},
            "createdAt": each.date,
            "isPullRequest": True,
            "repo": {"name": repository.name, "type": repository.kind.removesuffix("s")},
        }
        for each in reversed(repository.pull_requests)
    ]
    return as_json({"count": len(rows), "start": 0, "discussions": rows})


@route("GET", "/api/{kind}/{repo}/lfs-files")
def list_large_files(state: HubState, request: Request, kind: str, repo: str) -> Response:
    """The large files of all commits of main, each content once."""
    repository = state.writable(request, kind, repo)
    rows: dict[str, dict[str, Any]] = {}
    for commit in repository.history(repository.commit(MAIN)):
        for path, file in commit.files.items():
            if file.sha256:
                row = {
                    "oid": file.sha256,
                    "fileOid": file.sha256,
                    "filename": path,
                    "size": file.size,
                    "pushedAt": commit.date,
                    "ref": MAIN,
                }
                rows.setdefault(file.sha256, row)
    return as_json(list(rows.values()))


@route("POST", "/api/{kind}/{repo}/lfs-files/batch")
def delete_large_files(state: HubState, request: Request, kind: str, repo: str) -> Response:
    repository = state.writable(request, kind, repo)
    repository.forget(set(json.loads(request.body)["deletions"]["sha"]))
    return as_json({})
