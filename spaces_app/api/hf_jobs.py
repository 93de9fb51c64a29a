"""Endpoints about HF Jobs, machines rented from Hugging Face."""

from __future__ import annotations

from typing import Any

import gradio as gr

from spaces_app.identity import hub_token, visitor
from spaces_app.services import Services


def jobs_flavours(services: Services, token: gr.OAuthToken | None) -> list[dict[str, Any]]:
    """List the machines of HF Jobs and what they cost.

    Returns:
        Records: name, title, accelerators, dollars_an_hour.
    """
    return services.hf_jobs.machines(hub_token(services.settings, token))


def jobs_start(
    services: Services,
    run: str,
    repo: str,
    request: gr.Request,
    token: gr.OAuthToken | None,
    flavour: str = "cpu-basic",
    seconds: int = 3600,
) -> dict[str, Any]:
    """Train a run on a machine of HF Jobs, with your own token and credit; the weights are pushed to your repository.

    Args:
        run: Its id: its settings and data are sent to the private repository `repo`-job.
        repo: owner/name that the weights are pushed to.
        flavour: The machine, by its name in /jobs_flavours.
        seconds: After which the job is ended, 600 to 604800; training ends after 80 % of them.

    Returns:
        id, run, target, flavour, stage, message, url, created, dollars_at_most, sent.
    """
    owner = hub_token(services.settings, token)
    return services.hf_jobs.start(run, visitor(request), repo, flavour, seconds, owner)


def jobs_list(services: Services, token: gr.OAuthToken | None, run: str = "") -> list[dict[str, Any]]:
    """List your jobs on HF Jobs with their stage, the newest first.

    Args:
        run: A run's id; empty for all.

    Returns:
        Records: id, run, target, flavour, stage, message, url, created.
    """
    return services.hf_jobs.jobs(hub_token(services.settings, token), run)


def jobs_logs(services: Services, job: str, token: gr.OAuthToken | None, tail: int = 200) -> list[str]:
    """Read what a job of HF Jobs wrote.

    Args:
        job: Its id.
        tail: Lines, from the end.
    """
    return services.hf_jobs.logs(job, hub_token(services.settings, token), tail)


def jobs_cancel(services: Services, job: str, token: gr.OAuthToken | None) -> dict[str, Any]:
    """End a job of HF Jobs; what it had trained is lost.

    Args:
        job: Its id.

    Returns:
        Its record, as in /jobs_list.
    """
    return services.hf_jobs.cancel(job, hub_token(services.settings, token))
