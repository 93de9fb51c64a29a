"""The Hugging Face Hub: search, pull and push weights and documents, with the visitor's own token."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from plugins._contract import Document, Plugin
from plugins._recognition import recognise
from spaces_app.services.models import ModelService
from spaces_app.services.plugins import PluginCatalog
from spaces_app.services.runs import RunService
from training.artifact import model_card
from training.artifact.store import RECORD, read_record
from training.errors import UserError
from training.home import is_shared
from training.hub import document as hub_document
from training.hub import pull, push, search
from training.hub.document import PulledDocument
from training.hub.push import PushOptions
from training.runs import push_job

NOT_SIGNED_IN = "You are not signed in to the Hub: {what_to_do}."
SIGN_IN = "sign in at the top of the page"  # a shared server has the button, one's own the field and the variable
GIVE_TOKEN = "type your token on the page Hub, run hf auth login, or set HF_TOKEN where the app runs"
COMMIT_TITLE = "Weights trained with Selfsup Studio"  # without the run's id, which is its owner's alone
POLL_SECONDS = 0.2


class HubService:
    """What visitors send to the Hub and fetch from there."""

    def __init__(self, plugins: PluginCatalog, runs: RunService, models: ModelService):
        self.plugins, self.runs, self.models = plugins, runs, models

    def search(self, query: str, author: str, task: str, token: str | None) -> list[dict[str, Any]]:
        """Models of the Hub, the most downloaded first."""
        return search.search(query, author, task, token)

    def complete(self, text: str, token: str | None) -> list[str]:
        """Names of repositories that begin with what was typed; none where the Hub cannot be asked."""
        return search.complete(text, token)

    def pull(self, repo: str, visitor: str, token: str | None) -> dict[str, Any]:
        """Download weights that one of the plugins can use, and offer them to this visitor from now on."""

        def accept(folder: Path, names: Sequence[str]) -> None:
            recognise(folder, repo, self.plugins.all())

        repo = repo.strip()
        pulled = pull.pull(repo, token, accept)
        plugin, kind = recognise(pulled.folder, repo, self.plugins.all())
        record = read_record(pulled.folder) if (pulled.folder / RECORD).is_file() else {}
        name = f"{pulled.repo}@{pulled.commit}"
        self.models.offer(name, plugin, kind, pulled.folder, visitor)
        return {
            "repo": pulled.repo,
            "commit": pulled.commit,
            "plugin": plugin.name,
            "kind": kind.name,
            "weights": name,
            "metrics": record.get("metrics", {}),
        }

    def push(
        self, run_id: str, visitor: str, repo: str, token: str | None, options: PushOptions, wait: float = 0.0
    ) -> dict[str, Any]:
        """Start uploading a run's weights in a process of its own. Returns its state, as `push_status` does.

        Args:
            wait: Seconds to wait for its end.

        Raises:
            UserError: If the push cannot start, or failed meanwhile.
        """
        run = self.runs.get(run_id, visitor)
        if not token:
            raise UserError(NOT_SIGNED_IN.format(what_to_do=SIGN_IN if is_shared() else GIVE_TOKEN))
        options = replace(options, tag=options.tag.strip(), message=COMMIT_TITLE)
        push_job.start(run, repo.strip(), options, token)
        deadline = time.monotonic() + wait
        while (state := push_job.state(run))["status"] == "running" and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if state["status"] in ("failed", "lost"):
            raise UserError(state["message"])
        return state

    def push_status(self, run_id: str, visitor: str) -> dict[str, Any]:
        """The state of a run's last push."""
        return push_job.state(self.runs.get(run_id, visitor))

    def push_preview(
        self, run_id: str, visitor: str, repo: str, token: str | None, options: PushOptions
    ) -> dict[str, Any]:
        """What a push would do: to which repository, with which files, under which model card. Nothing is sent."""
        weights, repo = self.runs.get(run_id, visitor).weights(), repo.strip()
        about = push.inspect_repo(repo, token, options).describe(options) if repo and token else ""
        files = [
            {"file": str(path.relative_to(weights)), "size_bytes": path.stat().st_size}
            for path in push.pushed_files(weights)
        ]
        return {
            "about": about,
            "files": files,
            "size_bytes": sum(file["size_bytes"] for file in files),
            "card": model_card.render(read_record(weights), repo or model_card.UNNAMED),
        }

    def push_document(
        self, plugin: Plugin, document: Document, text: str, repo: str, token: str | None, options: PushOptions
    ) -> dict[str, Any]:
        """Send a document to the Hub.

        Returns:
            repo, commit and pull_request (addresses), note.

        Raises:
            UserError: If the text is no such document, or the Hub refuses.
        """
        text, repo = document.check(text), repo.strip()
        if not token:
            raise UserError(NOT_SIGNED_IN.format(what_to_do=SIGN_IN if is_shared() else GIVE_TOKEN))
        options = replace(options, tag=options.tag.strip(), message=f"{plugin.title}: {document.file}")
        result = hub_document.push_document(text, document.file, document.card(text, repo), repo, token, options)
        return {"repo": repo, **asdict(result)}

    def pull_document(self, document: Document, repo: str, token: str | None) -> PulledDocument:
        """Fetch a document from the Hub and check it."""
        pulled = hub_document.pull_document(repo, document.file, token)
        return replace(pulled, text=document.check(pulled.text))
