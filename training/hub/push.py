"""Push an artifact's files, chosen by an allow-list, in one idempotent commit."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.errors import UserError
from training.files import sha256
from training.hub.client import hub_errors, is_transient, open_api, with_retries
from training.hub.file_listing import FILES
from training.hub.pull import REPO
from training.retry import http_status, retry

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

PUSHED_PATTERNS = (*FILES, "*.png")
MARK = "Selfsup-Push: "  # in a commit's description, before the fingerprint of the pushed files
TAG = re.compile(r"[A-Za-z0-9_][\w./-]{0,99}", re.ASCII)
LARGE_BYTES = 2**20  # from this size on a file is uploaded on its own, before the commit
Listener = Callable[[str, int], None]  # (name of the file that is sent next, bytes sent before it)


@dataclass(frozen=True)
class PushOptions:
    """What a push creates.

    Args:
        private: Visibility of a new repository; an existing one keeps its visibility.
        pull_request: Open a pull request instead of committing to the main branch.
        tag: Tag of the commit, such as v1.0; empty for none.
        message: The commit's title.
    """

    private: bool = True
    pull_request: bool = False
    tag: str = ""
    message: str = "Add weights trained with Selfsup Studio"


@dataclass(frozen=True)
class RemoteRepo:
    """A repository as this token's owner sees it; `head` is empty if it does not exist yet."""

    repo: str
    user: str
    head: str
    private: bool

    def describe(self, how: PushOptions) -> str:
        """Describe in one sentence what a push will do to it."""
        if not self.head:
            return f"{self.repo} is new: it is created, {'private' if how.private else 'public'}."
        what = "a pull request" if how.pull_request else "a new commit on its main branch"
        return f"{self.repo} exists, {'private' if self.private else 'public'}: {what}."


@dataclass(frozen=True)
class PushResult:
    """Addresses of the commit or pull request, and a note on what was not done as asked."""

    commit: str
    pull_request: str = ""
    note: str = ""


def check_names(repo: str, how: PushOptions) -> None:
    """Refuse a repository or a tag that the Hub cannot have, before either reaches a command line or a server.

    Raises:
        UserError: With what it may be.
    """
    match = REPO.fullmatch(repo)
    if match is None or match["revision"]:
        raise UserError(f"{repo[:100]!r} is not a repository's name: write owner/repo.")
    if how.tag and not TAG.fullmatch(how.tag):
        raise UserError(f"tag: {how.tag[:60]!r} was given; it may have letters, digits and . _ - /, as v1.0 has.")


def push(
    folder: Path,
    repo: str,
    token: str | None,
    how: PushOptions | None = None,
    listen: Listener = lambda name, sent: None,
) -> PushResult:
    """Upload an artifact in one commit. Files that the Hub has already are not sent again, so a repeated push resumes.

    Raises:
        UserError: One sentence for each of: bad name, no token, a token that may not write, a concurrent push by
            somebody else, a tag that is taken, no network. The artifact is only read.
    """
    from huggingface_hub import CommitOperationAdd

    how = how or PushOptions()
    files = pushed_files(folder)
    if not files:
        raise UserError(f"There is nothing to push: {folder.name} holds no weights.")
    target = inspect_repo(repo, token, how)
    with hub_errors(repo):
        api = open_api(token)
        head = target.head or _create(api, repo, how)
        operations = [CommitOperationAdd(str(path.relative_to(folder)), path) for path in files]
        hashes = {str(path.relative_to(folder)): sha256(path) for path in files}
        upload_large(api, repo, operations, how, listen)
        pushed, revision = commit(api, repo, operations, how, head, hashes)
        _check_arrived(api, repo, revision, hashes)
        return _tagged(api, repo, revision, how, pushed)


def pushed_files(folder: Path) -> list[Path]:
    """Return the files of an artifact that are pushed."""
    return sorted(
        path for path in folder.rglob("*") if path.is_file() and any(path.match(pattern) for pattern in PUSHED_PATTERNS)
    )


def inspect_repo(repo: str, token: str | None, how: PushOptions) -> RemoteRepo:
    """Check, before a byte is sent, whether this token can push there.

    Raises:
        UserError: As `push`.
    """
    from huggingface_hub import errors

    check_names(repo, how)
    with hub_errors(repo):
        api = open_api(token)
        about = with_retries(lambda: api.whoami(cache=True))
        if about.get("auth", {}).get("accessToken", {}).get("role") == "read":
            raise UserError(
                "Your token can only read: make one that can write, on the Hub under Settings, Access Tokens."
            )
        try:
            info = with_retries(lambda: api.model_info(repo))
        except errors.RepositoryNotFoundError:
            _check_namespace(repo, about)
            return RemoteRepo(repo, about["name"], "", how.private)
        if not how.pull_request:
            _check_may_write(api, repo)
        _check_tag(api, repo, how)
        return RemoteRepo(repo, about["name"], str(info.sha), bool(info.private))


def _check_namespace(repo: str, about: dict[str, Any]) -> None:
    own = [about["name"], *(organisation["name"] for organisation in about.get("orgs", []))]
    if repo.split("/")[0] not in own:
        yours = ", ".join(f"{name}/" for name in own)
        who = f"you are {about['name']}. Yours begin with: {yours}"
        raise UserError(f"There is no repository {repo}, and you cannot make it: {who}.")


def _check_may_write(api: HfApi, repo: str) -> None:
    try:
        with_retries(lambda: api.auth_check(repo, write=True))
    except Exception as error:  # its class depends on the status; 403 and 404 both mean no
        if http_status(error) not in (401, 403, 404):
            raise
        raise UserError(
            f"You may not write to {repo}: ask its owner, or offer your weights as a pull request."
        ) from None


def _check_tag(api: HfApi, repo: str, how: PushOptions) -> None:
    if how.tag and any(tag.name == how.tag for tag in with_retries(lambda: api.list_repo_refs(repo)).tags):
        raise UserError(f"{repo} has a tag {how.tag} already: choose another.")


def _create(api: HfApi, repo: str, how: PushOptions) -> str:
    with_retries(lambda: api.create_repo(repo, private=how.private, exist_ok=True))
    return str(with_retries(lambda: api.model_info(repo)).sha)


def upload_large(
    api: HfApi,
    repo: str,
    operations: list[CommitOperationAdd],
    how: PushOptions,
    listen: Listener = lambda name, sent: None,
) -> None:
    """Upload the large files one by one; those that arrived in an earlier attempt are not sent again."""
    sent = 0
    for operation in operations:
        listen(operation.path_in_repo, sent)
        if operation.upload_info.size >= LARGE_BYTES:
            with_retries(
                lambda file=operation: api.preupload_lfs_files(
                    repo, [file], create_pr=how.pull_request, free_memory=False
                )
            )
        sent += operation.upload_info.size


def commit(
    api: HfApi,
    repo: str,
    operations: Sequence[CommitOperationAdd | CommitOperationDelete],
    how: PushOptions,
    head: str,
    hashes: dict[str, str],
) -> tuple[PushResult, str]:
    """Commit on top of `head`; returns what was created and its revision.

    create_commit is not idempotent: a connection that breaks may lose the answer of a commit that succeeded. So the
    description carries a fingerprint of the files, and after each error the newest commit is looked at before a retry.
    """
    content = "".join(f"{name} {value}\n" for name, value in hashes.items())
    fingerprint = hashlib.sha256(content.encode()).hexdigest()[:16]
    title = f"{how.message} ({fingerprint[:8]})" if how.pull_request else how.message

    def create() -> tuple[PushResult, str]:
        made = api.create_commit(
            repo,
            operations,
            commit_message=title,
            commit_description=MARK + fingerprint,
            parent_commit=head,
            create_pr=how.pull_request,
        )
        return PushResult(str(made.commit_url), made.pr_url or ""), made.pr_revision or made.oid

    def find_landed(error: Exception) -> tuple[PushResult, str] | None:
        return _landed_request(api, repo, title) if how.pull_request else _landed(api, repo, MARK + fingerprint, head)

    return retry(
        create, is_transient=lambda error: is_transient(error) or http_status(error) == 412, recover=find_landed
    )


def _landed(api: HfApi, repo: str, mark: str, head: str) -> tuple[PushResult, str] | None:
    newest = with_retries(lambda: api.list_repo_commits(repo))[0]
    if newest.commit_id == head:
        return None
    if mark not in f"{newest.title}\n{newest.message}":
        raise UserError(f"Somebody pushed to {repo} at the same time: look at it, then push again.")
    return PushResult(f"{api.endpoint}/{repo}/commit/{newest.commit_id}"), newest.commit_id


def _landed_request(api: HfApi, repo: str, title: str) -> tuple[PushResult, str] | None:
    requests = with_retries(lambda: list(api.get_repo_discussions(repo, discussion_type="pull_request")))
    open_requests = (request for request in requests if request.status in ("open", "draft"))
    landed = next((request for request in open_requests if request.title == title), None)
    return (PushResult(landed.url, landed.url), landed.git_reference or "") if landed else None


def _check_arrived(api: HfApi, repo: str, revision: str, hashes: dict[str, str]) -> None:
    """Compare the checksums that the Hub reports with those of the files sent."""
    info = with_retries(lambda: api.model_info(repo, revision=revision, files_metadata=True))
    remote = {
        file.rfilename: file.lfs.sha256 if file.lfs else hashes.get(file.rfilename) for file in info.siblings or []
    }
    wrong = [name for name, value in hashes.items() if remote.get(name) != value]
    if wrong:
        raise UserError(f"The Hub holds something else for {', '.join(wrong)}: push again.")


def _tagged(api: HfApi, repo: str, revision: str, how: PushOptions, pushed: PushResult) -> PushResult:
    """Tag the commit; the weights have arrived, so a failure becomes a note."""
    if not how.tag or how.pull_request:
        return pushed
    try:
        with hub_errors(repo):
            with_retries(lambda: api.create_tag(repo, tag=how.tag, revision=revision, exist_ok=True))
    except UserError as error:
        return PushResult(pushed.commit, pushed.pull_request, f"The tag {how.tag} was not made: {error}")
    return pushed
