"""Train a run on HF Jobs: start, list, cancel, logs. Data go to a private repository, weights come back by the Hub.

No state is kept on this machine: jobs carry labels, and the Hub is asked for them from any machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from training.errors import UserError
from training.hf_jobs.job_files import SCRIPT, job_config, job_files, upload
from training.hub.client import hub_errors, open_api, with_retries
from training.hub.push import PushOptions, inspect_repo
from training.retry import http_status
from training.runs.run import Run

if TYPE_CHECKING:
    from huggingface_hub import HfApi, JobInfo

IMAGE = "python:3.11"
LABELS = {"app": "selfsup-studio"}
MIN_SECONDS, MAX_SECONDS = 600, 7 * 86_400  # of a job's time limit
FINAL_STAGES = ("COMPLETED", "CANCELED", "ERROR", "DELETED")
MAX_TAIL = 10_000  # lines of a log
JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
T = TypeVar("T")


@dataclass(frozen=True)
class Flavour:
    """A kind of machine that can be rented; the price is what the Hub says, in US dollars."""

    name: str
    title: str
    accelerators: int
    dollars_an_hour: float


@dataclass(frozen=True)
class Job:
    """A job as the Hub knows it: stage is SCHEDULING, RUNNING, COMPLETED, CANCELED, ERROR or DELETED."""

    id: str
    run: str
    target: str
    flavour: str
    stage: str
    message: str
    url: str
    created: str


def flavours(token: str | None) -> list[Flavour]:
    """List the machines that can be rented, and their prices."""
    api = open_api(_signed_in(token))
    machines = _ask("the list of machines", api.list_jobs_hardware)
    minutes = {"second": 1 / 60, "minute": 1, "hour": 60}
    return [
        Flavour(
            machine.name,
            f"{machine.pretty_name}: {machine.cpu}, {machine.ram}",
            int(machine.accelerator.quantity) if machine.accelerator else 0,
            round(machine.unit_cost_usd * 60 / minutes.get(machine.unit_label, 1), 4),
        )
        for machine in machines
    ]


def start(run: Run, target: str, flavour: str, seconds: int, token: str | None) -> dict[str, Any]:
    """Send a run to HF Jobs, regardless of the run's local status. Everything is checked before the first byte is sent.

    Args:
        run: Its run file and data go, with the studio's source, to the private repository `target`-job.
        target: owner/name that the weights are pushed to, as a private repository where it is new.
        flavour: The machine, by its name in `flavours`.
        seconds: Time limit of the job, 600 to 604,800; training itself ends after 80 % of it.

    Returns:
        The job's record, `dollars_at_most` (price times limit), and `sent`: names of the run's uploaded files.

    Raises:
        UserError: Not signed in, may not write, no such flavour, a wrong limit, a start from a run of this machine.
    """
    machines = {machine.name: machine for machine in flavours(token)}
    machine = machines.get(flavour)
    if machine is None:
        raise UserError(f"There is no machine {flavour!r}; there are: {', '.join(machines)}.")
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise UserError(f"The time limit is {seconds} seconds; {MIN_SECONDS} to {MAX_SECONDS:,} were expected.")
    inspect_repo(target, token, PushOptions())
    content = job_config(run, machine.accelerators, seconds)
    (api, owner), repo = _mine(token), f"{target}-job"
    inspect_repo(repo, token, PushOptions())
    files = job_files(run, content)
    commit = upload(api, repo, files)
    job = _ask(
        "the job",
        lambda: api.run_job(
            image=IMAGE,
            command=["bash", "-c", SCRIPT],
            env={"JOB_REPO": repo, "JOB_COMMIT": commit, "RUN": run.id, "TARGET": target},
            secrets={"HF_TOKEN": token},
            flavor=machine.name,
            timeout=seconds,
            labels={**LABELS, "run": run.id},
            namespace=owner,
        ),
        is_repeatable=False,  # an answer may be lost after the job was made: twice is twice the price
    )
    cost = round(machine.dollars_an_hour * seconds / 3600, 2)
    sent = [
        file.path_in_repo.removeprefix(f"runs/{run.id}/") for file in files if file.path_in_repo.startswith("runs/")
    ]
    return {**asdict(_record(job)), "dollars_at_most": cost, "sent": sent}


def jobs(token: str | None, run: str = "") -> list[Job]:
    """List the studio's jobs of this user, the newest first; only those of one run if its id is given."""
    api, owner = _mine(token)
    labels = {**LABELS, **({"run": run} if run else {})}
    listed = _ask("your jobs", lambda: list(api.list_jobs(labels=labels, namespace=owner)))
    return sorted(map(_record, listed), key=lambda job: job.created, reverse=True)


def logs(job: str, token: str | None, tail: int = 200) -> list[str]:
    """Return the last lines that a job has written so far.

    Raises:
        UserError: If the job is none of the token's owner, or `tail` is no count of lines.
    """
    _check_id(job)
    if not 1 <= tail <= MAX_TAIL:
        raise UserError(f"tail: {tail} was given; it may be 1 to {MAX_TAIL:,} lines.")
    api, owner = _mine(token)
    return _ask(f"job {job}", lambda: list(api.fetch_job_logs(job_id=job, tail=tail, namespace=owner)))


def cancel(job: str, token: str | None) -> Job:
    """End a job; its machine and what it had trained are lost."""
    _check_id(job)
    api, owner = _mine(token)
    _ask(f"job {job}", lambda: api.cancel_job(job_id=job, namespace=owner))
    return _record(_ask(f"job {job}", lambda: api.inspect_job(job_id=job, namespace=owner)))


def _check_id(job: str) -> None:
    """Refuse what is no id: it becomes part of a path of the Hub's API, where `../` would name something else."""
    if not JOB_ID.fullmatch(job):
        raise UserError(f"job: {job[:60]!r} is not a job's id; /jobs_list has them.")


def _mine(token: str | None) -> tuple[HfApi, str]:
    """The client, and the name of the token's owner, whose account pays."""
    api = open_api(_signed_in(token))
    return api, _ask("your account", lambda: api.whoami())["name"]


def _signed_in(token: str | None) -> str:
    if not token:
        raise UserError("You are not signed in to the Hub: sign in on the page, run `hf auth login`, or set HF_TOKEN.")
    return token


def _ask(what: str, question: Callable[[], T], *, is_repeatable: bool = True) -> T:
    """Call the Hub, with retries if the call may be repeated; its refusals become one sentence each."""
    from huggingface_hub import errors

    try:
        with hub_errors(what):
            try:
                return with_retries(question, lambda error: not is_repeatable)
            except errors.HfHubHTTPError as error:
                message = _REFUSALS.get(http_status(error) or 0)
                if message is None:
                    raise
                raise UserError(message.format(what=what)) from None
    except ValueError as error:  # a malformed id
        raise UserError(f"{what}: {error}") from None


_REFUSALS = {
    402: "HF Jobs are paid in advance, and your account has no credit: add some at huggingface.co/settings/billing.",
    403: "The Hub refused {what}: this token may not use jobs there. Fine-grained tokens need the permission for jobs.",
    404: "There is no such thing on the Hub: {what}. Is it another account's, or deleted?",
}


def _record(job: JobInfo) -> Job:
    environment, labels = job.environment or {}, job.labels or {}
    return Job(
        job.id,
        labels.get("run", ""),
        str(environment.get("TARGET", "")),
        str(job.flavor or ""),
        str(getattr(job.status.stage, "value", job.status.stage)) if job.status else "",
        (job.status.message or "") if job.status else "",
        job.url,
        job.created_at.isoformat() if job.created_at else "",
    )
