"""Endpoints about the Hugging Face Hub."""

from __future__ import annotations

from typing import Any

import gradio as gr

from spaces_app.identity import hub_token, visitor
from spaces_app.services import Services
from training.errors import UserError
from training.hub.push import PushOptions

MAX_WAIT_SECONDS = 60.0  # that a call waits for the end of a push


def run_push(
    services: Services,
    run: str,
    repo: str,
    request: gr.Request,
    token: gr.OAuthToken | None,
    private: bool = True,
    pull_request: bool = False,
    tag: str = "",
    wait: float = 60.0,
) -> dict[str, Any]:
    """Push a run's weights to the Hugging Face Hub in one commit, with your own token.

    The upload continues if you disconnect.

    Args:
        run: Its id.
        repo: owner/name of the repository; it is created if it does not exist.
        private: Whether a new repository is private.
        pull_request: Open a pull request, for a repository that you may not write to.
        tag: A name for the commit, such as v1.0.
        wait: Seconds to wait for the end; 0 returns at once, more than 60 are 60. /push_status reports the rest.

    Returns:
        status (running or pushed), repo, commit and pull_request (their addresses), note, file, sent_bytes,
        size_bytes, message.
    """
    if wait < 0:
        raise UserError(f"wait: {wait:g} was given; it should be 0 or more seconds.")
    options = PushOptions(private=private, pull_request=pull_request, tag=tag)
    owner, seconds = hub_token(services.settings, token), min(wait, MAX_WAIT_SECONDS)
    return services.hub.push(run, visitor(request), repo, owner, options, seconds)


def push_status(services: Services, run: str, request: gr.Request) -> dict[str, Any]:
    """Describe the progress of a run's last push.

    Args:
        run: Its id.

    Returns:
        status (none, running, pushed, failed or lost), and what /run_push returns.
    """
    return services.hub.push_status(run, visitor(request))


def push_preview(
    services: Services,
    run: str,
    request: gr.Request,
    token: gr.OAuthToken | None,
    repo: str = "",
    private: bool = True,
) -> dict[str, Any]:
    """Show what a push would do, and check that you may; nothing is sent.

    Args:
        run: Its id.
        repo: owner/name; empty to see the files alone.
        private: As for /run_push.

    Returns:
        about (the repository), files (file, size_bytes), size_bytes, card (the model card's text).
    """
    owner, options = hub_token(services.settings, token), PushOptions(private=private)
    return services.hub.push_preview(run, visitor(request), repo, owner, options)


def hub_search(
    services: Services, token: gr.OAuthToken | None, query: str = "", author: str = "", task: str = ""
) -> list[dict[str, Any]]:
    """Find models on the Hugging Face Hub, the most downloaded first.

    Args:
        query: Words of the name.
        author: A user or an organisation.
        task: The Hub's name of a task, such as text-classification.

    Returns:
        At most 20 records: name, task, downloads, likes, updated, gated, private.
    """
    return services.hub.search(query, author, task, hub_token(services.settings, token))


def hub_pull(services: Services, repo: str, request: gr.Request, token: gr.OAuthToken | None) -> dict[str, Any]:
    """Fetch weights from the Hugging Face Hub: safetensors, JSON, text and card files only.

    Args:
        repo: owner/name, owner/name@revision, or the address of a repository's page.

    Returns:
        repo, commit, plugin and kind (that can use them), weights (the name to call endpoints with), metrics.
    """
    return services.hub.pull(repo, visitor(request), hub_token(services.settings, token))
