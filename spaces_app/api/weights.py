"""Endpoint that says which weights answer."""

from __future__ import annotations

from typing import Any

from spaces_app.identity import caller
from spaces_app.services import Services
from spaces_app.services.answering import answering


def answering_weights(services: Services, endpoint: str, weights: str = "") -> dict[str, Any]:
    """Say which weights an endpoint answers with, without calling it. Its replies do not name them.

    Call it with the name that this returns, and these weights answer or none: also of a starter that is deleted
    meanwhile, or of a branch of the Hub that goes on.

    Args:
        endpoint: Its name, as /plugins lists it, such as /bert_finetune_classify.
        weights: As for that endpoint; empty for its starter.

    Returns:
        weights (the name to call it with), source (starter, run, hub or hosted), kind, title, metrics (of rows that it
        was not trained on, where it is known) and step (that they are of).
    """
    return answering(services.models, endpoint, weights, caller(services.settings))
