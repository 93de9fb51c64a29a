"""Push and pull one JSON file without weights (a prompt), with a card of its own."""

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

MAX_DOCUMENT_BYTES = 2 * 2**20


@dataclass(frozen=True)
class PulledDocument:
    """A document's text, pinned to one commit."""

    text: str
    repo: str
    commit: str


def push_document(text: str, file: str, card: str, repo: str, token: str | None, how: PushOptions) -> PushResult:
    """Upload a document and its card in one commit; into a repository with weights without the card, which is theirs.

    Raises:
        UserError: As `push`.
    """
    exists = inspect_repo(repo, token, how).head
    with tempfile.TemporaryDirectory(prefix="selfsup-document-") as name:
        folder = Path(name)
        files.write_text(folder / file, text)
        if not (exists and _has_weights(repo, token)):
            files.write_text(folder / "README.md", card)
        return push(folder, repo, token, how)


def _has_weights(repo: str, token: str | None) -> bool:
    with hub_errors(repo):
        info = with_retries(lambda: open_api(token).model_info(repo))
    return any(file.rfilename.endswith(".safetensors") for file in info.siblings or [])


def pull_document(name: str, file: str, token: str | None) -> PulledDocument:
    """Fetch one file, and nothing else, of `owner/repo[@revision]` or of a page of it.

    Raises:
        UserError: Bad name, no such repository, revision or file, a file that is too large, no network.
    """
    from huggingface_hub import hf_hub_download

    named = repository(name.strip())
    if not named:
        given = f"{name[:100]!r} is not a Hub repository" if name else "Repository is empty"
        raise UserError(f"{given}: write owner/repo or owner/repo@revision.")
    repo, revision = named
    with hub_errors(repo):
        info = with_retries(lambda: open_api(token).model_info(repo, revision=revision, files_metadata=True))
        listed = next((sibling for sibling in info.siblings or [] if sibling.rfilename == file), None)
        if listed is None:
            raise UserError(f"{repo} has no {file}.")
        check_file_name(listed.rfilename, repo)
        if (listed.size or 0) > MAX_DOCUMENT_BYTES:
            raise UserError(f"{file} of {repo} is larger than {MAX_DOCUMENT_BYTES // 2**20} MB: it is not fetched.")
        path = with_retries(lambda: hf_hub_download(repo, file, revision=info.sha, token=token))
    try:
        return PulledDocument(Path(path).read_text(encoding="utf-8"), repo, str(info.sha))
    except UnicodeDecodeError:
        raise UserError(f"{file} of {repo} is no text.") from None
