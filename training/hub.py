"""From the Hub: names become folders, and only files that cannot run code come in."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.errors import UserError
from training.files import write_text
from training.hub_client import is_unreachable, open_api, told
from training.jobs import RUN_ID, Runs

REPO = re.compile(r"(?P<repo>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})(@(?P<revision>[\w./-]{1,100}))?")
PAGE = re.compile(r"https?://[^/]+/(?P<repo>[^/@?#]+/[^/@?#]+)(/(tree|blob|resolve|commit)/(?P<revision>[^/?#]+))?")
FILES = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model", "*.md")
HASH_BLOCK = 2**20


@dataclass(frozen=True)
class Pulled:
    """A repository's files on this machine, pinned to one commit."""

    folder: Path
    repo: str
    commit: str


def resolve(
    name: str, starters: Mapping[str, Path], runs: Runs, *, allow_folder: bool = False, token: str | None = None
) -> Path:
    """Turn a starter's name (or nothing), a run's id or `owner/repo[@revision]` into a folder of weights.

    Args:
        allow_folder: Whether an absolute path is a name too: on the command line, never for an API caller.

    Raises:
        UserError: If there are no such weights; the message says what a name may be.
    """
    if not name:
        if not starters:
            raise UserError("This plugin ships no starter weights: give a run's id or owner/repo.")
        return next(iter(starters.values()))
    if name in starters:
        return starters[name]
    if RUN_ID.fullmatch(name):
        return runs.get(name).weights()
    if allow_folder and Path(name).is_absolute() and Path(name).is_dir():
        return Path(name)
    check_name(name, starters)
    return pull(name, token=token).folder


def check_name(name: str, starters: Mapping[str, Path]) -> None:
    """Refuse what is neither nothing, a starter, a run's id nor `owner/repo[@revision]`: a path, say.

    Raises:
        UserError: Saying what a name may be.
    """
    if not name or name in starters or RUN_ID.fullmatch(name) or repository(name):
        return
    known = f"a starter ({', '.join(starters)}), " if starters else ""
    raise UserError(f"There are no weights {name[:100]!r}. Give {known}a run's id or owner/repo[@revision] of the Hub.")


def repository(name: str) -> tuple[str, str | None] | None:
    """(owner/repo, revision or None) of such a name or of a repository's page on the Hub; None if it is neither."""
    page = PAGE.match(name)
    match = REPO.fullmatch(
        f"{page['repo']}@{page['revision']}" if page and page["revision"] else page["repo"] if page else name
    )
    return (match["repo"], match["revision"]) if match else None


def check_exists(name: str, starters: Mapping[str, Path], runs: Runs) -> None:
    """Refuse a run without weights now, not when training starts; a Hub name is asked for by the run itself.

    Raises:
        UserError: If there is no such run, or it has no weights.
    """
    if RUN_ID.fullmatch(name):
        resolve(name, starters, runs)


def pull(name: str, token: str | None = None) -> Pulled:
    """Download `owner/repo[@revision]` or a page of it: safetensors, JSON, text and card files only, each checked against the Hub's hash.

    Without a network what was pulled before is used, but not where many visitors share the cache: it may be another's private one.

    Raises:
        UserError: One sentence for each of: bad name, no such repository or revision, gated, no network, altered file, full disk.
    """
    from huggingface_hub import constants, snapshot_download

    found = repository(name)
    if not found:
        raise UserError(f"{name[:100]!r} is not a Hub repository: write owner/repo or owner/repo@revision.")
    repo, revision = found
    with told(repo):
        try:
            info = open_api(token).model_info(repo, revision=revision, files_metadata=True)
        except Exception as error:  # the client's transport errors share no public base
            if not is_unreachable(error) or constants.HF_HUB_DISABLE_IMPLICIT_TOKEN:
                raise
            return _cached(repo, revision)
        _check_room(info)
        folder = Path(snapshot_download(repo, revision=info.sha, allow_patterns=list(FILES), token=token))
        _check_hashes(folder, info, token)
        _remember(folder, revision or "main", info.sha or "")
    _check_configs(folder)
    return Pulled(folder, repo, info.sha or "")


def _cached(repo: str, revision: str | None) -> Pulled:
    from huggingface_hub import snapshot_download

    folder = Path(snapshot_download(repo, revision=revision, allow_patterns=list(FILES), local_files_only=True))
    return Pulled(folder, repo, folder.name)


def _remember(folder: Path, revision: str, commit: str) -> None:
    """Note which commit a name stood for, where the client's cache keeps that, so that the name works without a network."""
    reference = folder.parents[1] / "refs" / revision
    if revision != commit:
        reference.parent.mkdir(parents=True, exist_ok=True)
        write_text(reference, commit)


def _check_room(info: Any) -> None:
    needed = sum(
        file.size or 0 for file in info.siblings or [] if any(Path(file.rfilename).match(pattern) for pattern in FILES)
    )
    free = shutil.disk_usage(Path.home()).free
    if needed > free * 0.9:
        raise UserError(f"{info.id} takes {needed / 2**30:.1f} GB and the disk has {free / 2**30:.1f} GB left.")


def _check_hashes(folder: Path, info: Any, token: str | None) -> None:
    """The client compares sizes only. A file that differs is fetched once more, past every cache; then it is refused."""
    from huggingface_hub import hf_hub_download

    for file in info.siblings or []:
        path = folder / file.rfilename
        if not path.is_file() or _is_whole(path, file):
            continue
        hf_hub_download(info.id, file.rfilename, revision=info.sha, token=token, force_download=True)
        if not _is_whole(path, file):
            path.resolve().unlink()
            raise UserError(
                f"{file.rfilename} of {info.id} does not match the Hub's checksum, twice: it is altered on the way. Pull again."
            )


def _is_whole(path: Path, file: Any) -> bool:
    """By the SHA-256 of a large file, by git's object id of a small one."""
    if file.lfs:
        return sha256(path) == file.lfs.sha256
    content = path.read_bytes()
    return not file.blob_id or hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == file.blob_id


def sha256(path: Path) -> str:
    """The file's SHA-256, 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _check_configs(folder: Path) -> None:
    """Refuse configurations that point outside their folder or ask for code of their own."""
    for path in folder.glob("*config.json"):
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UserError(f"{path.name} of the repository is not valid JSON: {error}.") from None
        for key, value in values.items() if isinstance(values, dict) else ():
            if key.endswith("_file") and isinstance(value, str) and Path(value).name != value:
                raise UserError(f"{path.name} of the repository points outside its folder ({key}): it is not loaded.")
