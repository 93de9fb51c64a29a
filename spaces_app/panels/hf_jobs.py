"""The HF Jobs part of the Hub page: train a run on a machine rented from Hugging Face, and follow it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._ui.events import message_area, on_box
from spaces_app.events import UNLIMITED, UNQUEUED
from spaces_app.identity import hub_token, visitor
from spaces_app.services import Services
from training.errors import UserError

COLUMNS = {
    "job": "id",
    "stage": "stage",
    "machine": "flavour",
    "run": "run",
    "weights go to": "target",
    "message": "message",
}
POLL_SECONDS = 5.0
ABOUT = (
    "Sends a run's settings and data, privately, to a machine of [HF Jobs](https://huggingface.co/docs/hub/jobs), with "
    "your own token and credit. The weights are pushed to your repository: pull them from there. At the time limit the "
    "best weights so far are pushed."
)


def render(services: Services) -> gr.Dropdown:
    """Render form, jobs and logs; returns the dropdown of runs, for the page to fill."""
    gr.Markdown(ABOUT)
    run = gr.Dropdown(
        [], label="Run", info="Its settings and data are sent. An older run by its id.", allow_custom_value=True
    )
    target = gr.Textbox("", label="Repository for the weights", placeholder="owner/name", max_lines=1)
    with gr.Row():
        machine = gr.Dropdown(["cpu-basic"], value="cpu-basic", label="Machine", allow_custom_value=True)
        hours = gr.Number(
            1, label="Time limit", info="Hours; training ends after 80 % of them.", minimum=0.2, maximum=168
        )
    with gr.Row():
        show = gr.Button("Show machines and my jobs")
        start = gr.Button("Start", variant="primary")
    started, message = gr.Markdown(), message_area()
    table = gr.Dataframe(headers=list(COLUMNS), label="Jobs", interactive=False)
    job = gr.Textbox("", label="Job", placeholder="The id of a job, from the table", max_lines=1)
    with gr.Row():
        read = gr.Button("Logs")
        cancel = gr.Button("Cancel the job", variant="stop")
    log = gr.Textbox("", label="Log", lines=12, interactive=False)
    timer = gr.Timer(POLL_SECONDS, active=False)
    jobs = services.hf_jobs

    def on_show(token: gr.OAuthToken | None) -> tuple[Any, Any]:
        owner = hub_token(services.settings, token)
        choices = [(_machine_label(flavour), flavour["name"]) for flavour in jobs.machines(owner)]
        return gr.Dropdown(choices), _rows(jobs.jobs(owner))

    def on_start(
        run_id: str | None, repo: str, flavour: str, limit: float, request: gr.Request, token: gr.OAuthToken | None
    ) -> tuple[Any, ...]:
        if not run_id:
            raise UserError("Choose a run first.")
        owner = hub_token(services.settings, token)
        sent = jobs.start(run_id, visitor(request), repo, flavour, round(limit * 3600), owner)
        about = f"Sent, at most {sent['dollars_at_most']:.2f} USD: [{sent['id']}]({sent['url']})."
        return about, sent["id"], _rows(jobs.jobs(owner)), gr.Timer(active=True)

    def on_read(job_id: str, token: gr.OAuthToken | None) -> tuple[Any, Any, Any]:
        owner, name = hub_token(services.settings, token), _given(job_id)
        records = jobs.jobs(owner)
        is_going = any(record["id"] == name and not jobs.has_ended(record) for record in records)
        return "\n".join(jobs.logs(name, owner)), _rows(records), gr.Timer(active=is_going)

    def on_cancel(job_id: str, token: gr.OAuthToken | None) -> Any:
        owner = hub_token(services.settings, token)
        jobs.cancel(_given(job_id), owner)
        return _rows(jobs.jobs(owner))

    on_box(show.click, on_show, None, [machine, table], message, keep=[machine, table], **UNLIMITED)
    form, sent = [run, target, machine, hours], [started, job, table, timer]
    on_box(start.click, on_start, form, sent, message, keep=[job, table, timer])
    on_box(read.click, on_read, job, [log, table, timer], message, keep=[log, table, timer], **UNLIMITED)
    on_box(cancel.click, on_cancel, job, table, message, keep=[table])
    on_box(timer.tick, on_read, job, [log, table, timer], message, keep=[log, table], **UNQUEUED)
    return run


def _machine_label(flavour: dict[str, Any]) -> str:
    return f"{flavour['name']}: {flavour['dollars_an_hour']:.2f} USD per hour, {flavour['title']}"


def _rows(jobs: list[dict[str, Any]]) -> list[list[str]]:
    return [[job[field] for field in COLUMNS.values()] for job in jobs]


def _given(job: str) -> str:
    if not job.strip():
        raise UserError("Write the id of a job.")
    return job.strip()
