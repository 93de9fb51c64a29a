"""A repository: commits of files, and the branches, tags and pull requests that point at them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from tests.hub.web import HubError

MAIN = "refs/heads/main"
BINARY_SUFFIXES = (".safetensors", ".bin", ".parquet", ".zip", ".npy", ".npz")  # of files that are large ones


@dataclass(frozen=True)
class File:
    """A file of a commit: its git blob id, and the SHA-256 where it is a large one."""

    blob_id: str
    size: int
    sha256: str = ""

    @classmethod
    def regular(cls, content: bytes) -> File:
        return cls(blob_id(content), len(content))

    @classmethod
    def large(cls, sha256: str, size: int) -> File:
        """What git keeps of a large file is a pointer to it."""
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
        return cls(blob_id(pointer.encode()), size, sha256)


@dataclass(frozen=True)
class Commit:
    id: str
    files: dict[str, File]
    parent: str
    title: str
    message: str
    author: str
    date: str


@dataclass(frozen=True)
class PullRequest:
    number: int
    title: str
    author: str
    date: str


@dataclass
class Repository:
    """A model, dataset or Space.

    Args:
        kind: models, datasets or spaces, as in its address.
        refs: Commit of each "refs/heads/main", "refs/tags/NAME", "refs/pr/NUMBER".
    """

    kind: str
    name: str
    private: bool
    gated: str | bool = False
    created: str = field(default_factory=lambda: now())
    commits: dict[str, Commit] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    pull_requests: list[PullRequest] = field(default_factory=list)

    @property
    def owner(self) -> str:
        return self.name.split("/")[0]

    @property
    def path(self) -> str:
        """As its page's address has it: datasets/owner/name, models without the kind."""
        return self.name if self.kind == "models" else f"{self.kind}/{self.name}"

    def commit(self, revision: str) -> Commit:
        """The commit of a branch, a tag, a pull request ("refs/pr/1") or a commit's id.

        Raises:
            HubError: If there is no such revision.
        """
        for ref in (revision, f"refs/heads/{revision}", f"refs/tags/{revision}"):
            if ref in self.refs:
                return self.commits[self.refs[ref]]
        if revision not in self.commits:
            raise HubError(HTTPStatus.NOT_FOUND, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[revision]

    def history(self, commit: Commit) -> list[Commit]:
        """The commit and those before it, the newest first."""
        commits = [commit]
        while commits[-1].parent:
            commits.append(self.commits[commits[-1].parent])
        return commits

    def add(self, ref: str, files: dict[str, File], parent: str, title: str, message: str, author: str) -> Commit:
        """Commit these files on top of `parent`, and move the ref there."""
        made = Commit("", files, parent, title, message, author, now())
        made = replace(made, id=commit_id(made))
        self.commits[made.id] = made
        self.refs[ref] = made.id
        return made

    def open_pull_request(self, title: str, author: str) -> PullRequest:
        made = PullRequest(len(self.pull_requests) + 1, title, author, now())
        self.pull_requests.append(made)
        return made

    def forget(self, sha256s: set[str]) -> None:
        """Rewrite the history of main without these large files; commits that had one, and later ones, get new ids."""
        parent = ""
        for commit in reversed(self.history(self.commit(MAIN))):
            files = {path: file for path, file in commit.files.items() if file.sha256 not in sha256s}
            rewritten = replace(commit, files=files, parent=parent)
            rewritten = replace(rewritten, id=commit_id(rewritten))
            self.commits[rewritten.id] = rewritten
            parent = rewritten.id
        self.refs[MAIN] = parent


def blob_id(content: bytes) -> str:
    """Git's id of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def commit_id(commit: Commit) -> str:
    """40 hex digits from all that the commit says; git hashes the same in a form of its own."""
    files = {path: file.blob_id for path, file in commit.files.items()}
    about: list[Any] = [files, commit.parent, commit.title, commit.message, commit.author, commit.date]
    return hashlib.sha1(json.dumps(about).encode()).hexdigest()


def now() -> str:
    """The form of time that the clients read."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
