"""The Jobs part of the Publish tab: train a run on a machine rented from Hugging Face, and follow it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from spaces_app.access import told, visitor
from spaces_app.api import hub_token
from spaces_app.studio import Studio
from spaces_app.train_panel import PRIVATE, QUICK, SPOKEN
from training.errors import UserError
from training.hf_jobs import remote_run

COLUMNS = ["job", "stage", "machine", "run", "weights go to", "message"]
GLANCE_SECONDS = 5.0


def draw(studio: Studio) -> gr.Dropdown:
    """Draw form, jobs and logs; returns the dropdown of runs, for the shell to fill."""
    gr.Markdown(
        "Sends a run's settings and data, privately, to a machine of [HF Jobs](https://huggingface.co/docs/hub/jobs), with your own token and "
        "credit. The weights arrive in your repository: pull them from there. What is done when the time is over is pushed."
    )
    run = gr.Dropdown([], label="Run", info="Any run: its settings and data are sent.")
    target = gr.Textbox("", label="Repository for the weights", placeholder="owner/name", max_lines=1)
    with gr.Row():
        flavour = gr.Dropdown(["cpu-basic"], value="cpu-basic", label="Machine", allow_custom_value=True)
        hours = gr.Number(
            1, label="Time limit", info="Hours; training ends after 80 % of them.", minimum=0.2, maximum=168
        )
    with gr.Row():
        look = gr.Button("Show machines and my jobs")
        start = gr.Button("Start", variant="primary")
    said = gr.Markdown()
    table = gr.Dataframe(headers=COLUMNS, label="Jobs", interactive=False)
    job = gr.Textbox("", label="Job", placeholder="The id of a job, from the table", max_lines=1)
    with gr.Row():
        read = gr.Button("Logs")
        stop = gr.Button("Cancel the job", variant="stop")
    lines = gr.Textbox("", label="Log", lines=12, interactive=False)
    clock = gr.Timer(GLANCE_SECONDS, active=False)

    def on_look(token: gr.OAuthToken | None) -> tuple[Any, Any]:
        owner = hub_token(studio, token)
        choices = [
            (f"{each.name}: {each.dollars_an_hour:.2f} USD an hour, {each.title}", each.name)
            for each in remote_run.flavours(owner)
        ]
        return gr.Dropdown(choices), _rows(remote_run.jobs(owner))

    def on_start(
        run_id: str | None, repo: str, machine: str, limit: float, request: gr.Request, token: gr.OAuthToken | None
    ) -> tuple[Any, ...]:
        if not run_id:
            raise UserError("Choose a run first.")
        found, owner = studio.run(run_id, visitor(request)), hub_token(studio, token)
        done = remote_run.start(found, repo.strip(), machine, round(limit * 3600), owner)
        about = f"Sent, at most {done['dollars_at_most']:.2f} USD: [{done['id']}]({done['url']})."
        return about, done["id"], _rows(remote_run.jobs(owner)), gr.Timer(active=True)

    def on_read(job_id: str, token: gr.OAuthToken | None) -> tuple[Any, Any, Any]:
        owner, name = hub_token(studio, token), _some(job_id)
        found = remote_run.jobs(owner)
        is_going = any(each.id == name and each.stage not in remote_run.FINAL_STAGES for each in found)
        return "\n".join(remote_run.logs(name, owner)), _rows(found), gr.Timer(active=is_going)

    def on_stop(job_id: str, token: gr.OAuthToken | None) -> Any:
        owner = hub_token(studio, token)
        remote_run.cancel(_some(job_id), owner)
        return _rows(remote_run.jobs(owner))

    look.click(told(on_look), None, [flavour, table], **SPOKEN)
    start.click(told(on_start), [run, target, flavour, hours], [said, job, table, clock], **PRIVATE)
    read.click(told(on_read), job, [lines, table, clock], **SPOKEN)
    stop.click(told(on_stop), job, table, **PRIVATE)
    clock.tick(told(on_read), job, [lines, table, clock], **QUICK)
    return run


def _rows(found: list[remote_run.Job]) -> list[list[str]]:
    return [[each.id, each.stage, each.flavour, each.run, each.target, each.message] for each in found]


def _some(job: str) -> str:
    if not job.strip():
        raise UserError("Write the id of a job.")
    return job.strip()
