"""Pull repositories of the Hub: only files that cannot run code are fetched, each verified."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.errors import UserError
from training.files import write_text
from training.hub import checksums
from training.hub.client import (
    hub_errors,
    is_offline,
    is_transient,
    is_unreachable,
    open_api,
    shares_cache,
    with_retries,
)
from training.hub.file_contents import check_contents
from training.hub.file_listing import FILES, check_listing, is_wanted

REPO = re.compile(r"(?P<repo>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})(@(?P<revision>[\w./-]{1,100}))?")
PAGE = re.compile(r"https?://[^/]+/(?P<repo>[^/@?#]+/[^/@?#]+)(/(tree|blob|resolve|commit)/(?P<revision>[^/?#]+))?")
COMMIT = re.compile(r"[0-9a-f]{40}")
CONFIGS = ("selfsup.json", "config.json", "model_index.json")  # describe a model; fetched and read before its weights


@dataclass(frozen=True)
class Pulled:
    """A repository's files on this machine, pinned to one commit."""

    folder: Path
    repo: str
    commit: str
    names: tuple[str, ...]  # of the files that were fetched


def repository(name: str) -> tuple[str, str | None] | None:
    """Parse a name, or the address of a page of the Hub, into (owner/repo, revision or None); None if it is neither."""
    page = PAGE.match(name)
    match = REPO.fullmatch(
        f"{page['repo']}@{page['revision']}" if page and page["revision"] else page["repo"] if page else name
    )
    if not match or (page and match["repo"].startswith(("datasets/", "spaces/"))):
        return None
    return match["repo"], match["revision"]


AcceptCallback = Callable[[Path, Sequence[str]], object]


def pull(name: str, token: str | None = None, admit: AcceptCallback | None = None) -> Pulled:
    """Download `owner/repo[@revision]` or a page of it: safetensors, JSON, text and card files only, each verified.

    Without a network the cached files are used, but not where many visitors share the cache: they may be another's
    private ones.

    Args:
        admit: Called with the folder, when it holds only `CONFIGS`, and the names of all files; raises to refuse the
            rest.

    Raises:
        UserError: One sentence for each of: bad name, no such repository or revision, gated, pickles only, too large,
            no network, altered or damaged file, a configuration that points outside its folder, full disk; and whatever
            `admit` raises.
    """
    named = repository(name)
    if not named:
        given = f"{name[:100]!r} is not a Hub repository" if name else "Repository is empty"
        raise UserError(f"{given}: write owner/repo or owner/repo@revision.")
    repo, revision = named
    verified = _verified_commit(repo, revision)
    if verified:
        return _admitted(verified, admit)
    with hub_errors(repo):
        api = open_api(token)
        try:
            info = with_retries(
                lambda: api.model_info(repo, revision=revision, files_metadata=True), give_up=is_offline
            )
        except Exception as error:  # the client's transport errors share no public base
            if not is_transient(error) or shares_cache():
                raise
            try:
                return _admitted(_cached(repo, revision), admit)
            except LookupError:
                if is_unreachable(error):
                    raise UserError(f"The Hub cannot be reached, and {repo} is not in the cache.") from None
                raise error from None
        names = check_listing(info, _cache())
        if admit:
            folder = _fetch(info, [each for each in names if each in CONFIGS], token)
            admit(folder, names)
        folder = _fetch(info, names, token)
        checksums.mark_verified(folder, names)
        _remember(folder, revision or "main", folder.name)
    return Pulled(folder, repo, folder.name, tuple(names))


def cached(name: str) -> Path | None:
    """The folder of `owner/repo[@revision]` where its files are on this machine; the Hub is not asked.

    None where they are not, and where many visitors share the cache: they may be another's private ones.

    Raises:
        UserError: If a file is damaged.
    """
    named = repository(name)
    if not named or shares_cache():
        return None
    try:
        found = _cached(*named)
    except LookupError:
        return None
    return found.folder if any(each.endswith(".safetensors") for each in found.names) else None


def _fetch(info: Any, names: Sequence[str], token: str | None) -> Path:
    """Download these files of a commit, verify them, and return the commit's folder."""
    from huggingface_hub import hf_hub_download, snapshot_download

    def again(name: str) -> str:
        return hf_hub_download(info.id, name, revision=info.sha, token=token, force_download=True)

    def download() -> str:
        return snapshot_download(
            info.id, revision=info.sha, allow_patterns=[_literal(name) for name in names] or [""], token=token
        )

    folder = Path(with_retries(download))
    chosen = set(names)
    files = [file for file in info.siblings if file.rfilename in chosen]
    checksums.verify_checksums(folder, files, info.id, lambda name: with_retries(lambda: again(name)))
    check_contents(folder, names, _cache(), info.id)
    return folder


def _literal(name: str) -> str:
    """Return a glob pattern that matches this name only."""
    return re.sub(r"([*?\[])", r"[\1]", name)


def _verified_commit(repo: str, revision: str | None) -> Pulled | None:
    """A commit that was pulled and verified before; it cannot have changed, so the Hub is not asked."""
    if shares_cache() or not COMMIT.fullmatch(revision or ""):
        return None
    try:
        cached = _cached(repo, revision)
    except LookupError:
        return None
    return cached if checksums.is_verified(cached.folder) else None


def _cached(repo: str, revision: str | None) -> Pulled:
    """Return the cached files of a repository.

    Raises:
        LookupError: If they are not in the cache, or not all of them.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        path = snapshot_download(repo, revision=revision, allow_patterns=list(FILES), local_files_only=True)
    except LocalEntryNotFoundError:
        raise LookupError(repo) from None
    folder = Path(path)
    names = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path.is_file()]
    names = [name for name in names if is_wanted(name)]
    check_contents(folder, names, _cache(), repo)
    return Pulled(folder, repo, folder.name, tuple(names))


def _admitted(pulled: Pulled, admit: AcceptCallback | None) -> Pulled:
    if admit:
        admit(pulled.folder, pulled.names)
    return pulled


def _cache() -> Path:
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def _remember(folder: Path, revision: str, commit: str) -> None:
    """Record which commit a revision stands for in the client's cache, so that its name works without a network."""
    reference = folder.parents[1] / "refs" / revision
    if revision != commit:
        reference.parent.mkdir(parents=True, exist_ok=True)
        write_text(reference, commit)
