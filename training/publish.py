"""To the Hub: an artifact's files by an allow-list, as one commit that lands once, however often the connection breaks."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from training.errors import UserError
from training.hub import FILES, REPO, sha256
from training.hub_client import is_unreachable, open_api, status_of, told

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi

PUSHED = (*FILES, "*.png")
TRIES = 4
PAUSE_SECONDS = 1.0  # before the second try; doubles
LONGEST_PAUSE = 60.0
PASSING = (429, 500, 502, 503, 504)  # the Hub's refusals that pass
T = TypeVar("T")
MARK = "Selfsup-Push: "  # in a commit's description: which files it brought


def push(folder: Path, repo: str, token: str | None, *, private: bool = True, message: str = "") -> str:
    """Upload an artifact in one commit; returns the commit's address. What is already there is not uploaded again.

    Args:
        private: Of a repository that is made now; one that is there keeps what it is.

    Raises:
        UserError: One sentence for each of: bad name, no token, a token that may not write, somebody else's push meanwhile,
            no network. The artifact is only read.
    """
    from huggingface_hub import CommitOperationAdd

    match = REPO.fullmatch(repo)
    if not match or match["revision"]:
        raise UserError(f"{repo[:100]!r} is not a repository's name: write owner/repo.")
    files = pushed_files(folder)
    if not files:
        raise UserError(f"There is nothing to push: {folder.name} holds no weights.")
    mark = MARK + _fingerprint(folder, files)
    title = message or "Add weights trained with Selfsup Studio"
    with told(repo):
        api = open_api(token)
        _patiently(lambda: api.create_repo(repo, private=private, exist_ok=True))
        head = str(_patiently(lambda: api.model_info(repo)).sha)
        operations = [CommitOperationAdd(str(path.relative_to(folder)), path) for path in files]
        return _commit(api, repo, operations, title, mark, head)


def pushed_files(folder: Path) -> list[Path]:
    """The files of an artifact that go to the Hub."""
    return sorted(
        path for path in folder.rglob("*") if path.is_file() and any(path.match(pattern) for pattern in PUSHED)
    )


def _commit(api: HfApi, repo: str, operations: list[CommitOperationAdd], title: str, mark: str, head: str) -> str:
    """Commit on top of `head`. After an error that may have been the answer's only, look whether the commit is there."""
    for tried in range(TRIES):
        try:
            return str(
                api.create_commit(
                    repo, operations, commit_message=title, commit_description=mark, parent_commit=head
                ).commit_url
            )
        except Exception as error:  # the client's transport errors share no public base
            if not (_passes(error) or status_of(error) == 412):
                raise
            newest = _patiently(lambda: api.list_repo_commits(repo))[0]
            if newest.commit_id != head:
                if mark in f"{newest.title}\n{newest.message}":
                    return f"{api.endpoint}/{repo}/commit/{newest.commit_id}"
                raise UserError(f"Somebody pushed to {repo} at the same time: look at it, then push again.") from None
            if tried == TRIES - 1:
                raise
            time.sleep(_pause(error, tried))
    raise AssertionError("The last try returns or raises.")


def _patiently(call: Callable[[], T]) -> T:
    """Repeat a call that does the same when it is repeated, while the Hub stumbles."""
    for tried in range(TRIES):
        try:
            return call()
        except Exception as error:  # as above
            if tried == TRIES - 1 or not _passes(error):
                raise
            time.sleep(_pause(error, tried))
    raise AssertionError("The last try returns or raises.")


def _passes(error: Exception) -> bool:
    return is_unreachable(error) or status_of(error) in PASSING


def _pause(error: Exception, tried: int) -> float:
    """Seconds to wait: what the Hub asks for, within reason, or twice as long each time."""
    asked = getattr(getattr(error, "response", None), "headers", {}).get("Retry-After", "")
    return min(float(asked), LONGEST_PAUSE) if asked.isdigit() else PAUSE_SECONDS * 2**tried


def _fingerprint(folder: Path, files: list[Path]) -> str:
    """16 hex digits of the names and contents."""
    lines = "".join(f"{path.relative_to(folder)} {sha256(path)}\n" for path in files)
    return hashlib.sha256(lines.encode()).hexdigest()[:16]
