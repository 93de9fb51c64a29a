"""The Hub repository of a backup: private, of one run, each state one commit on top of the last."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training import files
from training.backup.contents import MARKER, Marker, is_backed_up, pack_checkpoint, staged_files
from training.errors import UserError
from training.hub import push
from training.hub.client import open_api, with_retries
from training.hub.file_contents import read_json
from training.hub.push import PushOptions

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MAX_MARKER_BYTES = 20 * 2**20
RECLAIM_BYTES = 2**30  # of older checkpoints in the repository's history, from which on they are deleted
ALLOWED_BEFORE = (".gitattributes", "README.md", MARKER)  # files of a repository before its first backup
PUSH_OPTIONS = PushOptions(private=True, message="Back up the run")


def inspect_repository(repo: str, token: str, run_id: str) -> None:
    """Refuse a repository that this run may not be backed up to. Nothing is created or sent.

    Raises:
        UserError: As `push.inspect_repo`; and if it is public, or holds other files.
    """
    target = push.inspect_repo(repo, token, PUSH_OPTIONS)
    if target.head:
        api = open_api(token)
        check_ours(api, with_retries(lambda: api.model_info(repo, files_metadata=True)), run_id)


def check_ours(api: HfApi, info: Any, run_id: str) -> Marker | None:
    """Refuse a repository that is public or holds anything but this run's backup; returns the backup's marker, if any.

    Raises:
        UserError: Naming the repository.
    """
    if not info.private:
        raise UserError(
            f"{info.id} is public: a backup holds your data, and goes to a private repository only. "
            "Give another name, or make it private."
        )
    names = {file.rfilename for file in info.siblings or []}
    if MARKER not in names:
        if names - set(ALLOWED_BEFORE):
            raise UserError(f"{info.id} holds other files: a backup needs a repository of its own. Give another name.")
        return None
    marker = fetch_marker(api, info)
    if marker.run != run_id:
        raise UserError(
            f"{info.id} holds the backup of {marker.run}: give another name, "
            f"or resume that run by `python -m training resume {info.id}`."
        )
    return marker


def fetch_marker(api: HfApi, info: Any) -> Marker:
    """Return the marker of the backup at this revision.

    Args:
        info: The client's `ModelInfo` with the files' sizes.

    Raises:
        UserError: If there is none, or it is malformed.
    """
    file = next((file for file in info.siblings or [] if file.rfilename == MARKER), None)
    if file is None or (file.size or 0) > MAX_MARKER_BYTES:
        raise UserError(f"{info.id} is not the backup of a run: it has no {MARKER}.")
    path = with_retries(lambda: api.hf_hub_download(info.id, MARKER, revision=info.sha))
    return Marker.parse(read_json(Path(path), f"{MARKER} of {info.id}"), info.id)


class Backup:
    """Uploads states of one run, and remembers what the repository holds."""

    def __init__(self, repo: str, token: str, run_id: str):
        self.repo, self.run_id = repo, run_id
        self._token, self._head = token, ""  # head unknown: the repository has to be read first
        self._sent: dict[str, str] = {}  # name -> sha256 of the file in the repository
        self._hashes: dict[tuple[int, ...], str] = {}  # a file's stamp -> its sha256

    def send(self, folder: Path, marker: Marker) -> int:
        """Replace the repository's content by this state, in one commit; returns the bytes of the state.

        Raises:
            UserError: If the repository has become public, or somebody else wrote to it.
        """
        from huggingface_hub.utils import disable_progress_bars

        disable_progress_bars()
        pack_checkpoint(folder)
        api = open_api(self._token)
        info = self._look(api, marker)
        self._head = ""  # unknown, until the commit has landed
        self._head = self._commit(api, folder, marker, info)
        with contextlib.suppress(Exception):  # the state has arrived; storage can be reclaimed next time
            self._reclaim(api)
        return files.size_bytes(folder)

    def _reclaim(self, api: HfApi) -> None:
        """Delete older checkpoints from the repository's history once they exceed `RECLAIM_BYTES`."""
        current = set(self._sent.values())
        stored = [file for file in api.list_lfs_files(self.repo) if file.filename.startswith("checkpoint/")]
        old = [file for file in stored if file.oid not in current]
        if sum(file.size for file in old) > RECLAIM_BYTES:
            api.permanently_delete_lfs_files(self.repo, old)  # rewrites the history, and so moves its head
            self._head = str(api.model_info(self.repo).sha)

    def _look(self, api: HfApi, marker: Marker) -> Any:
        """Read the repository's state; it is created if it does not exist."""
        if not self._head:
            with_retries(lambda: api.create_repo(self.repo, private=True, exist_ok=True))
        info = with_retries(lambda: api.model_info(self.repo, files_metadata=True))
        if info.sha != self._head or not info.private:
            self._sent = {}
            check_ahead(check_ours(api, info, self.run_id), marker)
        return info

    def _commit(self, api: HfApi, folder: Path, marker: Marker, info: Any) -> str:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        added, hashes, entries = [], {}, {}
        for name, path in staged_files(folder).items():
            stamp = _stamp(path)
            sha = self._hashes.get(stamp)
            if sha is None or self._sent.get(name) != sha:
                operation = CommitOperationAdd(name, path)
                sha = self._hashes[stamp] = operation.upload_info.sha256.hex()
                added.append(operation)
            hashes[name] = sha
            entries[name] = {"sha256": sha, "size_bytes": path.stat().st_size}
        files.write_json(folder / MARKER, replace(marker, files=entries).to_dict())
        added.append(CommitOperationAdd(MARKER, folder / MARKER))
        gone = [CommitOperationDelete(name) for name in _outdated(info, hashes)]
        push.upload_large(api, self.repo, added, PUSH_OPTIONS)
        _, revision = push.commit(
            api, self.repo, [*added, *gone], PUSH_OPTIONS, str(info.sha), {**hashes, "step": str(marker.step)}
        )
        self._sent = hashes
        return revision


def check_ahead(there: Marker | None, here: Marker) -> None:
    """Refuse to overwrite a newer state: the run may have been resumed on another machine.

    Raises:
        UserError: With the step of the backup.
    """
    if there and here.status != "finished" and (there.status == "finished" or there.step > here.step):
        where = "is finished" if there.status == "finished" else f"is at step {there.step}"
        raise UserError(f"the run there {where}, and ahead of this one at step {here.step}.")


def _outdated(info: Any, hashes: Iterable[str]) -> list[str]:
    names = {file.rfilename for file in info.siblings or []} - set(hashes)
    return sorted(name for name in names if is_backed_up(name))


def _stamp(path: Path) -> tuple[int, ...]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
