"""HF Jobs: train a run on a machine rented from Hugging Face, with the visitor's own token and credit."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from spaces_app.services.runs import RunService
from training.hf_jobs import remote_run


class HfJobsService:
    """Jobs as plain records: id, run, target, flavour, stage, message, url, created."""

    def __init__(self, runs: RunService):
        self.runs = runs

    def machines(self, token: str | None) -> list[dict[str, Any]]:
        """What can be rented: name, title, accelerators, dollars_an_hour."""
        return [asdict(flavour) for flavour in remote_run.flavours(token)]

    def start(
        self, run_id: str, visitor: str, repo: str, flavour: str, seconds: int, token: str | None
    ) -> dict[str, Any]:
        """Send a run to a machine. Returns the job, with dollars_at_most and sent (the run's files)."""
        return remote_run.start(self.runs.get(run_id, visitor), repo.strip(), flavour.strip(), seconds, token)

    def jobs(self, token: str | None, run_id: str = "") -> list[dict[str, Any]]:
        """The visitor's jobs, the newest first: all, or one run's."""
        return [asdict(job) for job in remote_run.jobs(token, run_id.strip())]

    def logs(self, job: str, token: str | None, tail: int = 200) -> list[str]:
        """The last lines that a job wrote."""
        return remote_run.logs(job.strip(), token, tail)

    def cancel(self, job: str, token: str | None) -> dict[str, Any]:
        """End a job; what it had trained is lost."""
        return asdict(remote_run.cancel(job.strip(), token))

    def has_ended(self, job: dict[str, Any]) -> bool:
        """Whether a job's stage is final."""
        return job["stage"] in remote_run.FINAL_STAGES
