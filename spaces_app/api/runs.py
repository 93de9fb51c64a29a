"""Endpoints about training runs."""

from __future__ import annotations

from typing import Any

import gradio as gr

from spaces_app.arguments import uploads
from spaces_app.identity import hub_token, visitor
from spaces_app.services import Services
from spaces_app.services.run_request import RunRequest
from training.runs.table import Query


def train(
    services: Services,
    plugin: str,
    trainer: str,
    settings: dict[str, Any],
    request: gr.Request,
    token: gr.OAuthToken | None,
    data: gr.FileData | None = None,
    eval_data: gr.FileData | None = None,
    more_files: dict[str, Any] | None = None,
    key: str = "",
) -> dict[str, Any]:
    """Check the data and queue a training run; returns its id at once.

    Args:
        plugin: A plugin's name, such as bert_finetune.
        trainer: One of its trainers, such as classify.
        settings: Setting -> value, as /plugins describes them; a setting that is left out has its default. Without a
            file of your own: {"data": "sample:NAME"}, one of the samples that /plugins lists.
        data: The training file, uploaded.
        eval_data: A file to evaluate on, uploaded; without it a share of the rows is held out.
        more_files: The trainer's other files, uploaded, by the names of their settings:
            {"target_data": handle_file("train.de")}.
        key: For a trainer that queries a hosted model: your API key. It is sent to that server alone, and never stored.

    Returns:
        The run: id, status (queued, running, finished, cancelled, failed or lost), step, steps, metrics, best, more.
    """
    files = uploads(more_files, data=data, eval_data=eval_data)
    run_request = RunRequest(plugin, trainer, settings, files)
    return services.runs.train(run_request, visitor(request), hub_token(services.settings, token), key)


def runs(services: Services, request: gr.Request, query: Query) -> list[dict[str, Any]]:
    """List your runs, the newest first.

    Args:
        text: Words that all occur in the id, name, tags, notes, data, kind or status.
        tag: Only runs with this tag.
        plugin: Only runs of this plugin.
        trainer: Only runs of this trainer.
        status: Only runs of this status.
        sort: created, name, kind, data, metric, seconds, size or status.
        descending: The greatest first; of metrics, the best.
        page: Which page, from 1.
        page_size: Runs a page, up to 500; 0 for all.

    Returns:
        One record per run, as /run_status returns it, with name, tags, notes, data and metric.
    """
    return services.run_table.list(visitor(request), query)


def run_status(services: Services, run: str, request: gr.Request) -> dict[str, Any]:
    """Describe a run's progress.

    Args:
        run: Its id.

    Returns:
        id, plugin, trainer, status, step, steps, metrics (of the last evaluation), best, loss, rate (rows per second),
        seconds, seconds_left, message, has_weights, can_resume, size_bytes, queue_position.
    """
    return services.runs.status(run, visitor(request))


def run_events(services: Services, run: str, request: gr.Request, offset: int = 0) -> dict[str, Any]:
    """Read a run's events from a byte offset on: losses, evaluations, samples, notices; of very many, a part.

    Args:
        run: Its id.
        offset: 0, or the offset that the last call returned.

    Returns:
        events, offset (for the next call), status (as /run_status, with log_tail).
    """
    return services.runs.events(run, visitor(request), offset)


def run_cancel(services: Services, run: str, request: gr.Request) -> dict[str, Any]:
    """Stop a run: it writes a checkpoint, keeps the best weights, and can be resumed.

    Args:
        run: Its id.

    Returns:
        The run, as /run_status returns it.
    """
    return services.runs.cancel(run, visitor(request))


def run_resume(
    services: Services, run: str, request: gr.Request, token: gr.OAuthToken | None, key: str = ""
) -> dict[str, Any]:
    """Resume a cancelled, failed or lost run from its last checkpoint.

    Args:
        run: Its id.
        key: As for /train.

    Returns:
        The run, as /run_status returns it.
    """
    return services.runs.resume(run, visitor(request), hub_token(services.settings, token), key)


def run_delete(services: Services, run: str, request: gr.Request) -> str:
    """Delete a run that is not running, with its data and its weights.

    Args:
        run: Its id.

    Returns:
        The id.
    """
    return services.runs.delete(run, visitor(request))
