"""Endpoint that checks a run before it starts."""

from __future__ import annotations

from typing import Any

import gradio as gr

from spaces_app.arguments import uploads
from spaces_app.identity import visitor
from spaces_app.services import Services
from spaces_app.services.run_request import RunRequest


def check(
    services: Services,
    plugin: str,
    trainer: str,
    settings: dict[str, Any],
    request: gr.Request,
    data: gr.FileData | None = None,
    eval_data: gr.FileData | None = None,
    more_files: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Make the preflight sheet of a run without starting it: the data, and two measured steps.

    Args:
        plugin: A plugin's name.
        trainer: One of its trainers.
        settings: As for /train.
        data: As for /train.
        eval_data: As for /train.
        more_files: As for /train.

    Returns:
        verdict (green, amber or red), findings (level, title, detail), columns, sample.
    """
    files = uploads(more_files, data=data, eval_data=eval_data)
    return services.checks.check(RunRequest(plugin, trainer, settings, files), visitor(request))
