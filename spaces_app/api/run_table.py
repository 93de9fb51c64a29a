"""Endpoints about several runs: what is written on them, comparison, export, the queue's order, and sweeps."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import gradio as gr

from spaces_app.arguments import uploads
from spaces_app.identity import hub_token, visitor
from spaces_app.services import Services
from spaces_app.services.run_request import RunRequest
from spaces_app.services.sweeps import SweepRequest
from training.errors import UserError
from training.runs.table import Filter, Query


def run_edit(
    services: Services,
    run: str,
    request: gr.Request,
    name: str | None = None,
    tags: list[str] | None = None,
    notes: str | None = None,
) -> dict[str, Any]:
    """Write on a run: its name, its tags, its notes. What is left out stays as it is.

    Args:
        run: Its id.
        name: One line, up to 80 characters; empty removes it.
        tags: Up to 8, of 30 characters each; they replace those before.
        notes: Up to 2,000 characters.

    Returns:
        run, name, tags and notes, as they are kept.
    """
    return services.run_table.edit(run, visitor(request), name, tags, notes)


def run_to_front(services: Services, run: str, request: gr.Request) -> dict[str, Any]:
    """Let a run that waits start before your other runs; nobody else's run waits longer.

    Args:
        run: Its id.

    Returns:
        The run, as /run_status returns it.
    """
    return services.runs.to_front(run, visitor(request))


def runs_delete(services: Services, runs: list[str], request: gr.Request) -> dict[str, Any]:
    """Delete several runs that are not running, with their data and weights.

    Args:
        runs: Their ids.

    Returns:
        deleted (ids), kept (id -> why it was not deleted).
    """
    return services.run_table.delete(runs, visitor(request))


def runs_compare(services: Services, runs: list[str], request: gr.Request) -> dict[str, Any]:
    """Compare 2 to 8 runs: curves, settings that differ, metrics, and the rows that they got wrong.

    Args:
        runs: Their ids.

    Returns:
        runs; curves (metric -> one list of [step, value] per run); settings (name, one value per run, only where they
        differ); metrics (name, values, lower_is_better, best: places of the best); predictions (message, and where the
        runs were evaluated on the same rows: columns, rows, wrong, wrong_in_all).
    """
    return services.compare.compare(runs, visitor(request))


def runs_csv(services: Services, request: gr.Request, which: Filter) -> str:
    """Export your runs as CSV; text that a spreadsheet would run as a formula is marked with an apostrophe.

    Args:
        text: As for /runs.
        tag: As for /runs.
        plugin: As for /runs.
        trainer: As for /runs.
        status: As for /runs.

    Returns:
        The content of the file: a header, then a line per run.
    """
    return services.run_table.csv(visitor(request), Query(**asdict(which)))


def sweep(
    services: Services,
    fields: dict[str, Any],
    request: gr.Request,
    token: gr.OAuthToken | None,
    base: str = "",
    plugin: str = "",
    trainer: str = "",
    settings: dict[str, Any] | None = None,
    data: gr.FileData | None = None,
    eval_data: gr.FileData | None = None,
    more_files: dict[str, Any] | None = None,
    how: str = "grid",
    count: int = 8,
    seed: int = 0,
    name: str = "",
    key: str = "",
) -> dict[str, Any]:
    """Queue runs that differ in some settings, to find the best: all combinations, or some drawn at random.

    All combinations are checked before any run is made. The runs are not backed up.

    Args:
        fields: Setting -> a list of values, or bounds: {"learning_rate": {"low": 1e-5, "high": 1e-3, "log": true}}. A
            grid over bounds needs "points", their number; "log" is chosen by the ratio of the bounds where left out.
        base: The id of a run whose data and settings all runs share; or give plugin, trainer and data as for /train.
        plugin: As for /train.
        trainer: As for /train.
        settings: As for /train; with a base, what is to differ from it in all runs.
        data: As for /train.
        eval_data: As for /train.
        more_files: As for /train.
        how: grid (all combinations) or random.
        count: Runs of a random sweep.
        seed: Of the random draw.
        name: What to call the sweep; its runs get it as a tag.
        key: As for /train.

    Returns:
        The sweep, as /sweep_status returns it.
    """
    who = visitor(request)
    if base and (plugin or trainer or data or eval_data or more_files):
        raise UserError("base: a base run brings its own plugin, trainer and data; leave those out, or leave base out.")
    if base:
        given = services.sweeps.base_of(base, who)
        shared = RunRequest(given.plugin, given.trainer, {**given.values, **(settings or {})}, given.files)
    else:
        files = uploads(more_files, data=data, eval_data=eval_data)
        shared = RunRequest(plugin, trainer, settings or {}, files)
    wanted = SweepRequest(shared, fields, how, count, seed, name)
    return services.sweeps.start(wanted, who, hub_token(services.settings, token), key)


def sweeps(services: Services, request: gr.Request) -> list[dict[str, Any]]:
    """List your sweeps, the newest first.

    Returns:
        id, name, plugin, trainer, fields, runs (their number) and created of each.
    """
    return services.sweeps.list(visitor(request))


def sweep_status(services: Services, sweep: str, request: gr.Request, metric: str = "") -> dict[str, Any]:
    """Describe a sweep: each run with its values and its metric, and the best so far.

    Args:
        sweep: Its id.
        metric: What to judge by; empty for the kind's first metric.

    Returns:
        id, name, plugin, trainer, how, metric, metrics (to choose from), lower_is_better, best (a run's id), fields
        (name, log: whether a logarithmic axis fits), counts (status -> runs), runs (run, values, status, value, more).
    """
    return services.sweeps.status(sweep, visitor(request), metric)


def sweep_stop(services: Services, sweep: str, request: gr.Request) -> dict[str, Any]:
    """Stop all runs of a sweep that wait or train; each keeps its best weights.

    Args:
        sweep: Its id.

    Returns:
        The sweep, as /sweep_status returns it.
    """
    return services.sweeps.stop(sweep, visitor(request))


def sweep_resume(
    services: Services, sweep: str, request: gr.Request, token: gr.OAuthToken | None, key: str = ""
) -> dict[str, Any]:
    """Queue again the runs of a sweep that were stopped, failed or lost.

    Args:
        sweep: Its id.
        key: As for /train.

    Returns:
        The sweep, as /sweep_status returns it.
    """
    return services.sweeps.resume(sweep, visitor(request), hub_token(services.settings, token), key)
