"""Which weights answer an endpoint: those that are named, or the starter in place of an empty name."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from spaces_app.identity import Caller
from spaces_app.services.models import ModelService
from training.artifact.store import read_record
from training.errors import UserError
from training.home import RUN_ID
from training.hub.pull import COMMIT, repository


def answering(models: ModelService, endpoint: str, weights: str, caller: Caller) -> dict[str, Any]:
    """Describe the weights that an endpoint works with; those of the Hub are fetched, as by a call.

    Args:
        endpoint: As /plugins lists it, such as /bert_finetune_classify.
        weights: As that endpoint takes it.

    Raises:
        UserError: If there is no such endpoint, or it would refuse the weights.
    """
    plugin, function = _endpoint(models, endpoint)
    place, kind = models.locate(caller, plugin, weights, function)
    name = weights.strip() or plugin.default_weights(function)
    source = "hosted" if isinstance(place, str) else _source(name, plugin.starters)
    if isinstance(place, Path) and source == "hub" and COMMIT.fullmatch(place.name):
        named = repository(name)
        name = f"{named[0]}@{place.name}" if named else name  # a branch may go on, a commit does not
    record: dict[str, Any] = {}
    if isinstance(place, Path):
        with contextlib.suppress(UserError):  # of others' weights there is none
            record = read_record(place)
    return {
        "weights": name,
        "source": source,
        "kind": kind.name,
        "title": kind.title,
        "metrics": record.get("metrics") or {},
        "step": record.get("step"),
    }


def _endpoint(models: ModelService, endpoint: str) -> tuple[Any, Any]:
    name = endpoint.strip().removeprefix("/")
    for plugin in models.plugins.all():
        function = plugin.endpoints.get(name.removeprefix(f"{plugin.name}_"))
        if function is not None and name.startswith(f"{plugin.name}_"):
            return plugin, function
    raise UserError(
        f"endpoint: {endpoint[:60]!r} is none that works with weights. /plugins lists them, such as "
        "/bert_finetune_classify."
    )


def _source(name: str, starters: Any) -> str:
    return "starter" if name in starters else "run" if RUN_ID.fullmatch(name) else "hub"
