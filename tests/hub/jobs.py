"""HF Jobs: a command is recorded, or run on this machine in a clean environment. Image and machine are ignored."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.hub.repository import now
from tests.hub.web import HubError, Request, Response, as_json, route

if TYPE_CHECKING:
    from tests.hub.state import HubState

FINAL_STAGES = ("COMPLETED", "CANCELED", "ERROR")
MACHINES = {"cpu-basic": None, "t4-small": "T4", "h200": "H200"}  # name -> accelerator


@dataclass
class Job:
    """One job; its stage is SCHEDULING, RUNNING, then one of `FINAL_STAGES`."""

    owner: str
    spec: dict[str, Any]
    id: str = field(default_factory=lambda: secrets.token_hex(12))
    created: str = field(default_factory=now)
    stage: str = "SCHEDULING"
    message: str | None = None
    lines: list[dict[str, str]] = field(default_factory=list)
    process: subprocess.Popen[str] | None = None

    def log(self, text: str) -> None:
        self.lines.append({"data": text, "timestamp": now()})

    def move_to(self, stage: str, message: str | None = None) -> None:
        """Change the stage; a final one stays."""
        if self.stage not in FINAL_STAGES:
            self.stage, self.message = stage, message

    def record(self) -> None:
        """End at once, without running anything."""
        self.log("(recorded, not executed) " + " ".join(self.spec["command"]))
        self.move_to("COMPLETED")

    def run(self, endpoint: str) -> None:
        """Run the command to its end, or to its time limit."""
        with tempfile.TemporaryDirectory(prefix="job-") as folder:
            path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
            given = {"PATH": path, "HOME": folder, "HF_ENDPOINT": endpoint}
            given |= {**(self.spec.get("environment") or {}), **(self.spec.get("secrets") or {})}
            self.process = subprocess.Popen(
                self.spec["command"],
                cwd=folder,
                env=given,
                text=True,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            self.move_to("RUNNING")
            if self.stage == "CANCELED":  # before there was a process to end
                self.kill()
            timer = threading.Timer(self.spec["timeoutSeconds"], self.time_out)
            timer.start()
            assert self.process.stdout
            for line in self.process.stdout:
                self.log(line.rstrip("\n"))
            code = self.process.wait()
            timer.cancel()
            self.move_to("ERROR" if code else "COMPLETED", f"Job failed with exit code: {code}" if code else None)

    def time_out(self) -> None:
        self.move_to("ERROR", "Job timeout")
        self.kill()

    def cancel(self) -> None:
        self.move_to("CANCELED", "Canceled by the user")
        self.kill()

    def kill(self) -> None:
        """End the process, and those that it started."""
        if self.process and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def describe(self) -> dict[str, Any]:
        """The job as the API shows it: of its secrets the names alone."""
        shown = {
            key: self.spec.get(key)
            for key in ("dockerImage", "command", "arguments", "environment", "flavor", "labels", "timeoutSeconds")
        }
        return {
            **shown,
            "id": self.id,
            "createdAt": self.created,
            "secrets": sorted(self.spec.get("secrets") or {}),
            "status": {"stage": self.stage, "message": self.message},
            "owner": {"id": self.owner, "name": self.owner, "type": "user"},
        }


@route("GET", "/api/jobs/hardware")
def list_machines(state: HubState, request: Request) -> Response:
    rows = []
    for name, model in MACHINES.items():
        accelerator = {"type": "gpu", "model": model, "quantity": "1", "vram": "16 GB", "manufacturer": "Nvidia"}
        price = {"unitCostMicroUSD": 167, "unitCostUSD": 0.000167, "unitLabel": "minute"}
        rows.append(
            {
                "name": name,
                "prettyName": name,
                "cpu": "2 vCPU",
                "ram": "16 GB",
                "accelerator": accelerator if model else None,
                **price,
            }
        )
    return as_json(rows)


@route("POST", "/api/jobs/{owner}")
def start(state: HubState, request: Request, owner: str) -> Response:
    check_owner(state, request, owner)
    job = Job(owner, request.json())
    state.jobs[job.id] = job
    if state.run_jobs:
        threading.Thread(target=job.run, args=[state.url], daemon=True).start()
    else:
        job.record()
    return as_json(job.describe())


@route("GET", "/api/jobs/{owner}")
def list_jobs(state: HubState, request: Request, owner: str) -> Response:
    check_owner(state, request, owner)
    labels = dict(label.split("=", 1) for label in request.query.get("label", []))
    return as_json(
        [
            job.describe()
            for job in state.jobs.values()
            if job.owner == owner and labels.items() <= job.spec["labels"].items()
        ]
    )


@route("GET", "/api/jobs/{owner}/{job}")
def inspect(state: HubState, request: Request, owner: str, job: str) -> Response:
    return as_json(find(state, request, owner, job).describe())


@route("GET", "/api/jobs/{owner}/{job}/logs")
def logs(state: HubState, request: Request, owner: str, job: str) -> Response:
    """The lines so far, as server-sent events; the stream then ends, while the Hub's waits for more."""
    lines = find(state, request, owner, job).lines[-int(request.parameter("tail") or 0) :]
    events = b"".join(b"data: " + json.dumps(line).encode() + b"\n\n" for line in lines)
    return Response(HTTPStatus.OK, events, {"Content-Type": "text/event-stream"})


@route("POST", "/api/jobs/{owner}/{job}/cancel")
def cancel(state: HubState, request: Request, owner: str, job: str) -> Response:
    found = find(state, request, owner, job)
    found.cancel()
    return as_json(found.describe())


def find(state: HubState, request: Request, owner: str, job: str) -> Job:
    check_owner(state, request, owner)
    if job not in state.jobs or state.jobs[job].owner != owner:
        raise HubError(HTTPStatus.NOT_FOUND, "Job not found")
    return state.jobs[job]


def check_owner(state: HubState, request: Request, owner: str) -> None:
    identity = state.signed_in(request)
    if identity.user != owner or identity.role != "write":
        raise HubError(HTTPStatus.FORBIDDEN, f"You don't have the rights to run jobs of {owner}")
