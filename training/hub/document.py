"""A JSON file that is shared by the Hub without weights: to a repository, with a card of its own, and back."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from training import files
from training.errors import UserError
from training.hub.client import hub_errors, open_api, with_retries
from training.hub.file_listing import check_file_name
from training.hub.pull import repository
from training.hub.push import PushOptions, PushResult, inspect_repo, push

LARGEST_BYTES = 2 * 2**20


@dataclass(frozen=True)
class PulledDocument:
    """A document as the Hub has it, pinned to one commit."""

    text: str
    repo: str
    commit: str


def push_document(text: str, file: str, card: str, repo: str, token: str | None, how: PushOptions) -> PushResult:
    """Upload a document and its card in one commit. Beside weights it goes alone: their card stays theirs.

    Raises:
        UserError: As `publish.push`.
    """
    there = inspect_repo(repo, token, how).head
    with tempfile.TemporaryDirectory(prefix="selfsup-document-") as name:
        folder = Path(name)
        files.write_text(folder / file, text)
        if not (there and _has_weights(repo, token)):
            files.write_text(folder / "README.md", card)
        return push(folder, repo, token, how)


def _has_weights(repo: str, token: str | None) -> bool:
    with hub_errors(repo):
        info = with_retries(lambda: open_api(token).model_info(repo))
    return any(each.rfilename.endswith(".safetensors") for each in info.siblings or [])


def pull_document(name: str, file: str, token: str | None) -> PulledDocument:
    """Fetch one file of `owner/repo[@revision]`, or of a page of it, and nothing else.

    Raises:
        UserError: Bad name, no such repository, revision or file, a file that is too large, no network.
    """
    from huggingface_hub import hf_hub_download

    found = repository(name.strip())
    if not found:
        raise UserError(f"{name[:100]!r} is not a Hub repository: write owner/repo or owner/repo@revision.")
    repo, revision = found
    with hub_errors(repo):
        info = with_retries(lambda: open_api(token).model_info(repo, revision=revision, files_metadata=True))
        listed = next((each for each in info.siblings or [] if each.rfilename == file), None)
        if listed is None:
            raise UserError(f"{repo} has no {file}.")
        check_file_name(listed.rfilename, repo)
        if (listed.size or 0) > LARGEST_BYTES:
            raise UserError(f"{file} of {repo} is larger than {LARGEST_BYTES // 2**20} MB: it is not fetched.")
        path = with_retries(lambda: hf_hub_download(repo, file, revision=info.sha, token=token))
    try:
        return PulledDocument(Path(path).read_text(encoding="utf-8"), repo, str(info.sha))
    except UnicodeDecodeError:
        raise UserError(f"{file} of {repo} is no text.") from None
