"""Endpoints that exchange a plugin's documents with the Hub: `/{plugin}_push_{name}` and `/{plugin}_pull_{name}`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import gradio as gr

from plugins._contract import Document, Plugin
from spaces_app.api.bind import bind
from spaces_app.identity import hub_token
from spaces_app.services import Services
from training.hub.push import PushOptions


def document_endpoints(services: Services, plugin: Plugin) -> list[Callable[..., Any]]:
    """The endpoints of all documents of a plugin."""
    return [
        bind(
            function,
            services,
            plugin,
            document,
            name=f"{plugin.name}_{verb}_{document.name}",
            description=(function.__doc__ or "").format(document),
        )
        for document in plugin.documents
        for verb, function in (("push", _push), ("pull", _pull))
    ]


def _push(
    services: Services,
    plugin: Plugin,
    document: Document,
    content: dict[str, Any],
    repo: str,
    token: gr.OAuthToken | None,
    private: bool = True,
    pull_request: bool = False,
    tag: str = "",
) -> dict[str, Any]:
    """Push {0.file} to the Hugging Face Hub in one commit, with your own token; no run and no weights are needed.

    Args:
        content: The {0.name}, as its file has it.
        repo: owner/name of the repository; it is created if it does not exist.
        private: Whether a new repository is private.
        pull_request: Open a pull request, for a repository that you may not write to.
        tag: A name for the commit, such as v1.0.

    Returns:
        repo, commit and pull_request (their addresses), note.
    """
    text = json.dumps(content, ensure_ascii=False)
    options = PushOptions(private=private, pull_request=pull_request, tag=tag)
    return services.hub.push_document(plugin, document, text, repo, hub_token(services.settings, token), options)


def _pull(
    services: Services, plugin: Plugin, document: Document, repo: str, token: gr.OAuthToken | None
) -> dict[str, Any]:
    """Fetch {0.file} from the Hugging Face Hub, and nothing else of its repository.

    Args:
        repo: owner/name, owner/name@revision, or the address of a repository's page.

    Returns:
        repo, commit, {0.name} (its content).
    """
    pulled = services.hub.pull_document(document, repo, hub_token(services.settings, token))
    return {"repo": pulled.repo, "commit": pulled.commit, document.name: json.loads(pulled.text)}
