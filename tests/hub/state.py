"""What the Hub knows: users and their tokens, repositories, contents by hash; and who may do what."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from tests.hub.faults import Fault
from tests.hub.jobs import Job
from tests.hub.repository import File, Repository
from tests.hub.web import HubError, Request
from tests.hub.xet import XetStore


@dataclass(frozen=True)
class Identity:
    user: str
    role: str  # of the token: "read" or "write"


TOKENS = {
    "hf_alice_write": Identity("alice", "write"),
    "hf_alice_read": Identity("alice", "read"),
    "hf_bob_write": Identity("bob", "write"),
    "hf_bob_read": Identity("bob", "read"),
}


@dataclass
class HubState:
    """Everything, in memory. Handlers run one at a time, under `lock`.

    Args:
        url: Of the Hub; `storage_url` is the second origin, which serves the contents of large files.
        run_jobs: Whether a job's command is run on this machine, or only recorded.
        contents: Bytes by git blob id, of large files by SHA-256.
        requests: One record of each request so far.
    """

    url: str
    storage_url: str
    run_jobs: bool
    repositories: dict[tuple[str, str], Repository] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    xet: XetStore = field(default_factory=XetStore)
    jobs: dict[str, Job] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def identity(self, request: Request) -> Identity | None:
        """Whose token the request carries; None without one.

        Raises:
            HubError: 401 if it is nobody's.
        """
        if not request.token:
            return None
        identity = TOKENS.get(request.token)
        if identity is None:
            raise HubError(HTTPStatus.UNAUTHORIZED, "Invalid credentials in Authorization header")
        return identity

    def signed_in(self, request: Request) -> Identity:
        """As `identity`, and 401 for nobody."""
        identity = self.identity(request)
        if identity is None:
            raise HubError(HTTPStatus.UNAUTHORIZED, "Invalid username or password.")
        return identity

    def readable(self, request: Request, kind: str, repo: str) -> Repository:
        """The repository whose existence the request may know of.

        Raises:
            HubError: If there is none, or it is another's private one: the two look the same.
        """
        identity = self.identity(request)
        found = self.repositories.get((kind, repo))
        if found is None or (found.private and (identity is None or identity.user != found.owner)):
            status = HTTPStatus.UNAUTHORIZED if identity is None else HTTPStatus.NOT_FOUND
            raise HubError(status, "Repository not found", "RepoNotFound")
        return found

    def downloadable(self, request: Request, kind: str, repo: str) -> Repository:
        """As `readable`; a gated one is its owner's alone: nobody is ever let in."""
        found, identity = self.readable(request, kind, repo), self.identity(request)
        if found.gated and (identity is None or identity.user != found.owner):
            status = HTTPStatus.UNAUTHORIZED if identity is None else HTTPStatus.FORBIDDEN
            raise HubError(status, f"Access to {repo} is restricted.", "GatedRepo")
        return found

    def writable(self, request: Request, kind: str, repo: str, pull_request: bool = False) -> Repository:
        """The repository that the request may write to; anybody with a write token may open a pull request."""
        found, identity = self.readable(request, kind, repo), self.signed_in(request)
        if identity.role != "write" or not (pull_request or identity.user == found.owner):
            raise HubError(HTTPStatus.FORBIDDEN, "You don't have the rights to write to this repository.")
        return found

    def content(self, file: File) -> bytes:
        return self.contents[file.sha256 or file.blob_id]
