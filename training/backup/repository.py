"""A backup's repository: private, one run's, each state one commit on top of the last."""

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

LARGEST_MARKER = 20 * 2**20
RECLAIM_BYTES = 2**30  # of older checkpoints, that the repository's history would keep for ever
HARMLESS = (".gitattributes", "README.md", MARKER)  # may be there before the first backup
PUSH_OPTIONS = PushOptions(private=True, message="Back up the run")


def inspect_repository(repo: str, token: str, run_id: str) -> None:
    """Refuse a repository that this run may not be backed up to. Nothing is made or sent.

    Raises:
        UserError: As `publish.look`; and if it is public, or holds something else.
    """
    place = push.inspect_repo(repo, token, PUSH_OPTIONS)
    if place.head:
        api = open_api(token)
        check_ours(api, with_retries(lambda: api.model_info(repo, files_metadata=True)), run_id)


def check_ours(api: HfApi, info: Any, run_id: str) -> Marker | None:
    """Refuse a repository that is public or holds something else than this run's backup. Returns what it says of itself, if it is one.

    Raises:
        UserError: Naming the repository.
    """
    if not info.private:
        raise UserError(
            f"{info.id} is public: a backup holds your data, and goes to a private repository only. Give another name, or make it private."
        )
    names = {file.rfilename for file in info.siblings or []}
    if MARKER not in names:
        if names - set(HARMLESS):
            raise UserError(f"{info.id} holds other files: a backup needs a repository of its own. Give another name.")
        return None
    there = fetch_marker(api, info)
    if there.run != run_id:
        raise UserError(
            f"{info.id} holds the backup of {there.run}: give another name, or resume that run by `python -m training resume {info.id}`."
        )
    return there


def fetch_marker(api: HfApi, info: Any) -> Marker:
    """What the backup at this revision says of itself.

    Args:
        info: The client's `ModelInfo` with the files' sizes.

    Raises:
        UserError: If there is none, or it is not of the form that we write.
    """
    file = next((file for file in info.siblings or [] if file.rfilename == MARKER), None)
    if file is None or (file.size or 0) > LARGEST_MARKER:
        raise UserError(f"{info.id} is not the backup of a run: it has no {MARKER}.")
    path = with_retries(lambda: api.hf_hub_download(info.id, MARKER, revision=info.sha))
    return Marker.parse(read_json(Path(path), f"{MARKER} of {info.id}"), info.id)


class Backup:
    """One run's repository, as this process left it."""

    def __init__(self, repo: str, token: str, run_id: str):
        self.repo, self.run_id = repo, run_id
        self._token, self._head = token, ""  # no head: what is there has to be looked at first
        self._sent: dict[str, str] = {}  # name -> sha256 of what is there
        self._known: dict[tuple[int, ...], str] = {}  # a file's stamp -> its sha256

    def send(self, folder: Path, marker: Marker) -> int:
        """Make the repository hold this state and no other, in one commit. Returns the bytes of the state.

        Raises:
            UserError: If the repository is public or another's by now, or somebody else wrote to it.
        """
        from huggingface_hub.utils import disable_progress_bars

        disable_progress_bars()
        pack_checkpoint(folder)
        api = open_api(self._token)
        info = self._look(api, marker)
        self._head = ""  # unknown, until the commit has landed
        self._head = self._commit(api, folder, marker, info)
        with contextlib.suppress(Exception):  # the state is there; storage can be given back after the next one
            self._reclaim(api)
        return files.size_bytes(folder)

    def _reclaim(self, api: HfApi) -> None:
        """Delete the contents of older checkpoints, once they are many bytes: there is one at every backup."""
        here = set(self._sent.values())
        old = [each for each in api.list_lfs_files(self.repo) if each.oid not in here]
        old = [each for each in old if each.filename.startswith("checkpoint/")]
        if sum(each.size for each in old) > RECLAIM_BYTES:
            api.permanently_delete_lfs_files(self.repo, old)  # rewrites the history, and so moves its head
            self._head = str(api.model_info(self.repo).sha)

    def _look(self, api: HfApi, marker: Marker) -> Any:
        """The repository as it is now; it is made if it is not there."""
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
            sha = self._known.get(stamp)
            if sha is None or self._sent.get(name) != sha:
                operation = CommitOperationAdd(name, path)
                sha = self._known[stamp] = operation.upload_info.sha256.hex()
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
    """Refuse to go back: where the run was resumed on another machine, that one is ahead.

    Raises:
        UserError: With the step that the backup is at.
    """
    if there and here.status != "finished" and (there.status == "finished" or there.step > here.step):
        where = "is finished" if there.status == "finished" else f"is at step {there.step}"
        raise UserError(f"the run there {where}, and ahead of this one at step {here.step}.")


def _outdated(info: Any, hashes: Iterable[str]) -> list[str]:
    names = {file.rfilename for file in info.siblings or []} - set(hashes)
    return sorted(name for name in names if is_backed_up(name))


def _stamp(path: Path) -> tuple[int, ...]:
    about = path.stat()
    return about.st_ino, about.st_size, about.st_mtime_ns
