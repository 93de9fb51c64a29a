"""Search models on the Hub by words, author and task."""

from __future__ import annotations

from typing import Any

from training.errors import UserError
from training.hub.client import hub_errors, open_api, with_retries

MAX_RESULTS = 20


def search(query: str, author: str, task: str, token: str | None) -> list[dict[str, Any]]:
    """Return models, the most downloaded first, at most `MAX_RESULTS`.

    Args:
        query: Words of the name; empty for all.
        author: A user or an organisation; empty for all.
        task: The Hub's pipeline tag, such as text-classification; empty for all.

    Returns:
        name, task, downloads, likes, updated (ISO date), gated and private of each.

    Raises:
        UserError: If nothing at all was asked for, or the Hub does not answer.
    """
    if not (query.strip() or author.strip() or task.strip()):
        raise UserError("Search for words, an author or a task: the Hub holds more than a million models.")
    with hub_errors("the search"):
        api = open_api(token)
        models = with_retries(
            lambda: list(
                api.list_models(
                    search=query.strip() or None,
                    author=author.strip() or None,
                    pipeline_tag=task.strip() or None,
                    sort="downloads",
                    limit=MAX_RESULTS,
                )
            )
        )
    return [_describe(model) for model in models]


def complete(text: str, token: str | None) -> list[str]:
    """Complete what was typed so far, `owner/` or part of a name, to repository names.

    None if the Hub does not answer.
    """
    owner, slash, name = text.strip().rpartition("/")
    try:
        return [model["name"] for model in search(name, owner if slash else "", "", token)]
    except UserError:
        return []


def _describe(model: Any) -> dict[str, Any]:
    updated = model.last_modified or model.created_at
    return {
        "name": model.id,
        "task": model.pipeline_tag or "",
        "downloads": model.downloads or 0,
        "likes": model.likes or 0,
        "updated": updated.date().isoformat() if updated else "",
        "gated": bool(model.gated),
        "private": bool(model.private),
    }
