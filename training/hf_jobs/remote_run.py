"""A run on HF Jobs: its run file and data go to a private repository, a rented machine trains, the weights come back by the Hub.

Nothing is kept here: which jobs there are, and how they do, is asked of the Hub by their labels, from any machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from training.errors import UserError
from training.hub.client import hub_errors, open_api, with_retries
from training.hub.push import PushOptions, inspect_repo
from training.retry import http_status
from training.runs.run import RUN_ID, Run

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi, JobInfo

ROOT = Path(__file__).parents[2]
SOURCE = ("plugins", "spaces_app", "training", "requirements.txt", "constraints.txt", "LICENSE")
IMAGE = "python:3.11"
LABELS = {"app": "selfsup-studio"}
SHORTEST, LONGEST = 600, 7 * 86_400  # seconds
TRAINED_SHARE = 0.8  # of the time limit; the rest is for installing and for the way back, or nothing would come back
FINAL_STAGES = ("COMPLETED", "CANCELED", "ERROR", "DELETED")
SCRIPT = """set -e
python -c 'import huggingface_hub' 2>/dev/null || pip install --quiet huggingface_hub
python - <<'END'
import os
from huggingface_hub import snapshot_download
snapshot_download(os.environ["JOB_REPO"], revision=os.environ["JOB_COMMIT"], local_dir="studio")
END
cd studio
python -c 'import accelerate, diffusers, gradio, torch, transformers' 2>/dev/null || pip install --quiet -r requirements.txt
python -m training run "$PWD/runs/$RUN"
python -m training push "$PWD/runs/$RUN" "$TARGET" --message "Weights of run $RUN, trained on HF Jobs"
"""
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
    """What can be rented, as the Hub lists it."""
    api = open_api(_signed_in(token))
    listed = _asked("the list of machines", lambda: api.list_jobs_hardware())
    minutes = {"second": 1 / 60, "minute": 1, "hour": 60}
    return [
        Flavour(
            each.name,
            f"{each.pretty_name}: {each.cpu}, {each.ram}",
            int(each.accelerator.quantity) if each.accelerator else 0,
            round(each.unit_cost_usd * 60 / minutes.get(each.unit_label, 1), 4),
        )
        for each in listed
    ]


def start(run: Run, target: str, flavour: str, seconds: int, token: str | None) -> dict[str, Any]:
    """Send a run to HF Jobs, whatever has become of it here. Everything is checked before the first byte is sent.

    Args:
        run: Its run file and data go, with the studio's source, to the private repository `target`-job.
        target: owner/name that the weights are pushed to, as a private repository where it is new.
        flavour: The machine, by its name in `flavours`.
        seconds: After which the job is ended, 600 to 604,800; training itself ends after 80 % of them.

    Returns:
        The job's record, `dollars_at_most` (price times limit), and `sent`: the files of the run that went.

    Raises:
        UserError: Not signed in, may not write, no such flavour, a wrong limit, a start from a run of this machine.
    """
    machine = next((each for each in flavours(token) if each.name == flavour), None)
    if machine is None:
        raise UserError(
            f"There is no machine {flavour!r}; there are: {', '.join(each.name for each in flavours(token))}."
        )
    if not SHORTEST <= seconds <= LONGEST:
        raise UserError(f"The time limit is {seconds} seconds; {SHORTEST} to {LONGEST:,} were expected.")
    inspect_repo(target, token, PushOptions())
    content = _config(run, machine, seconds)
    (api, owner), repo = _mine(token), f"{target}-job"
    inspect_repo(repo, token, PushOptions())
    files = _run_files(run, content)
    commit = _upload(api, repo, files)
    job = _asked(
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
    """The studio's jobs of this user, the newest first; of one run if its id is given."""
    api, owner = _mine(token)
    labels = {**LABELS, **({"run": run} if run else {})}
    found = _asked("your jobs", lambda: list(api.list_jobs(labels=labels, namespace=owner)))
    return sorted(map(_record, found), key=lambda job: job.created, reverse=True)


def logs(job: str, token: str | None, tail: int = 200) -> list[str]:
    """The last lines that a job wrote so far."""
    api, owner = _mine(token)
    return _asked(f"job {job}", lambda: list(api.fetch_job_logs(job_id=job, tail=tail, namespace=owner)))


def cancel(job: str, token: str | None) -> Job:
    """End a job; what it had trained is lost, as a job's machine goes with it."""
    api, owner = _mine(token)
    _asked(f"job {job}", lambda: api.cancel_job(job_id=job, namespace=owner))
    return _record(_asked(f"job {job}", lambda: api.inspect_job(job_id=job, namespace=owner)))


def _mine(token: str | None) -> tuple[HfApi, str]:
    """The client, and the account that pays: jobs run in the name of the token's owner."""
    api = open_api(_signed_in(token))
    return api, _asked("your account", lambda: api.whoami())["name"]


def _signed_in(token: str | None) -> str:
    if not token:
        raise UserError("You are not signed in to the Hub: sign in on the page, run `hf auth login`, or set HF_TOKEN.")
    return token


def _asked(what: str, question: Callable[[], T], *, is_repeatable: bool = True) -> T:
    """Ask the Hub, again while it is busy; its refusals as one sentence each."""
    from huggingface_hub import errors

    try:
        with hub_errors(what):
            try:
                return with_retries(question, lambda error: not is_repeatable)
            except errors.HfHubHTTPError as error:
                said = _REFUSALS.get(http_status(error) or 0)
                if said is None:
                    raise
                raise UserError(said.format(what=what)) from None
    except ValueError as error:  # an id of another shape
        raise UserError(f"{what}: {error}") from None


_REFUSALS = {
    402: "HF Jobs are paid for in advance, and your account has no credit: add some at huggingface.co/settings/billing.",
    403: "The Hub refused {what}: this token may not use jobs there. A fine-grained token needs the permission for jobs.",
    404: "There is no such thing on the Hub: {what}. Is it another account's, or deleted?",
}


def _config(run: Run, machine: Flavour, seconds: int) -> dict[str, Any]:
    """The run file for the rented machine: its accelerators, and an end before the job's own."""
    content = run.config()
    settings = dict(content["settings"])
    values = [str(value) for value in settings.values()]
    if any(RUN_ID.fullmatch(value) or Path(value).is_absolute() for value in values):  # files are named within the run
        raise UserError("This run starts from weights of this machine: push those first, and start from owner/repo.")
    limit = math.floor(seconds * TRAINED_SHARE)
    settings["time_limit"] = min(float(settings.get("time_limit") or limit), float(limit))
    settings |= {"processes": machine.accelerators} if machine.accelerators > 1 else {}
    return {**content, "settings": settings}


def _run_files(run: Run, content: dict[str, Any]) -> list[CommitOperationAdd]:
    """The run file, its data, and the source that trains."""
    from huggingface_hub import CommitOperationAdd as Add

    files = [Add(f"runs/{run.id}/config.yaml", yaml.safe_dump(content, sort_keys=False).encode())]
    data = sorted(path for path in (run.folder / "data").rglob("*") if path.is_file())
    files += [Add(f"runs/{run.id}/{path.relative_to(run.folder)}", path) for path in data]
    for name in SOURCE:
        paths = [ROOT / name] if (ROOT / name).is_file() else sorted((ROOT / name).rglob("*"))
        files += [
            Add(str(path.relative_to(ROOT)), path)
            for path in paths
            if path.is_file() and "__pycache__" not in path.parts
        ]
    return files


def _upload(api: HfApi, repo: str, files: list[CommitOperationAdd]) -> str:
    """Commit them to the private repository; returns the commit.

    Raises:
        UserError: If the repository is there and public: a user's data must not go there.
    """
    with hub_errors(repo):
        with_retries(lambda: api.create_repo(repo, private=True, exist_ok=True))
        if not with_retries(lambda: api.model_info(repo)).private:
            raise UserError(f"{repo} is public, and your data would go there: make it private, or choose another name.")
        api.preupload_lfs_files(repo, files)
        return with_retries(lambda: api.create_commit(repo, files, commit_message="A run for HF Jobs")).oid


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
