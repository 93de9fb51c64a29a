"""HF Jobs: a run goes to a rented machine, its weights come back by the Hub; what is sent, and what must not be."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import loopback
from tests.loopback import AT_ONCE, ROOT, Hub
from tests.page import TINY, write_reviews
from training.runs.registry import Runs
from training.runs.run import Run
from training.settings import parse_settings

TOKEN = "hf_alice_write"
ASK = """
import dataclasses, json, sys
from training.hf_jobs import remote_run
from training.errors import UserError
from training.runs.run import Run
from pathlib import Path
name, arguments, token = json.loads(sys.argv[1])
if name == "start":
    arguments[0] = Run(Path(arguments[0]))
try:
    found = getattr(remote_run, name)(*arguments, token)
    plain = lambda each: dataclasses.asdict(each) if dataclasses.is_dataclass(each) else each
    print(json.dumps({"result": [plain(each) for each in found] if isinstance(found, list) else plain(found)}))
except UserError as error:
    print(json.dumps({"error": str(error)}))
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A Hub whose jobs run on this machine."""
    with loopback.running_hub("--run-jobs") as url:
        yield url


hub = loopback.hub  # a fixture


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run that was never started."""
    from plugins.bert_finetune.classify.settings import ClassifySettings

    write_reviews(tmp_path / "reviews.csv")
    values = {**TINY, "data": str(tmp_path / "reviews.csv"), "steps": 4}
    return Runs(tmp_path / "runs").create("bert_finetune", "classify", parse_settings(ClassifySettings, values))


def ask(hub: Hub, name: str, *arguments: Any, token: str | None = TOKEN) -> Any:
    question = json.dumps([name, [str(each) if isinstance(each, Path) else each for each in arguments], token])
    done = subprocess.run(
        [sys.executable, "-c", ASK, question],
        env=hub.environment() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer.get("result", answer)


def stage(hub: Hub, job: str) -> dict[str, Any]:
    return next(each for each in ask(hub, "jobs") if each["id"] == job)


def over(hub: Hub, job: str, seconds: float = 120) -> dict[str, Any]:
    """The job's record once it has ended."""
    end = time.monotonic() + seconds
    while (found := stage(hub, job))["stage"] not in ("COMPLETED", "CANCELED", "ERROR"):
        assert time.monotonic() < end, ask(hub, "logs", job)
        time.sleep(0.5)
    return found


@pytest.mark.slow  # half a minute: the job imports torch twice
def test_a_run_trains_on_a_rented_machine_and_its_weights_arrive(hub: Hub, run: Run) -> None:
    sent = ask(hub, "start", run.folder, "alice/from-a-job", "cpu-basic", 600)
    assert sent["sent"] == ["config.yaml", "data/reviews.csv"]
    assert sent["dollars_at_most"] == round(0.000167 * 60 * 600 / 3600, 2)
    done = over(hub, sent["id"])
    assert done["stage"] == "COMPLETED", ask(hub, "logs", sent["id"])
    assert done["run"] == run.id and done["target"] == "alice/from-a-job"
    assert "model.safetensors" in hub.files("models/alice/from-a-job")
    assert "config.json" in hub.files("models/alice/from-a-job")
    log = "\n".join(ask(hub, "logs", sent["id"]))
    assert "finished at step 4" in log and TOKEN not in log
    assert not list(run.folder.glob("**/checkpoint")), "nothing was trained here"


def test_the_token_goes_as_a_secret_and_nowhere_else(hub: Hub, run: Run) -> None:
    sent = ask(hub, "start", run.folder, "alice/secret", "cpu-basic", 600)
    ask(hub, "cancel", sent["id"])
    posted = [each for each in hub.requests() if each["method"] == "POST" and "/api/jobs/" in each["path"]]
    assert posted
    record = json.load(
        urllib.request.urlopen(
            urllib.request.Request(
                f"{hub.url}/api/jobs/alice/{sent['id']}", headers={"Authorization": f"Bearer {TOKEN}"}
            )
        )
    )
    assert TOKEN not in json.dumps({key: value for key, value in record.items() if key != "secrets"})
    files = [path for path in run.folder.rglob("*") if path.is_file()]
    assert not any(TOKEN.encode() in path.read_bytes() for path in files)


def test_a_job_can_be_cancelled(hub: Hub, run: Run) -> None:
    sent = ask(hub, "start", run.folder, "alice/cancelled", "cpu-basic", 600)
    assert ask(hub, "cancel", sent["id"])["stage"] == "CANCELED"
    assert over(hub, sent["id"])["stage"] == "CANCELED"


def test_the_data_goes_to_a_private_repository_only(hub: Hub, run: Run) -> None:
    hub.make("alice/open-job", {"README.md": b"# here already"})
    assert "is public" in ask(hub, "start", run.folder, "alice/open", "cpu-basic", 600)["error"]


@pytest.mark.parametrize(
    ("arguments", "token", "says"),
    [
        (("alice/x", "cpu-basic", 600), None, "not signed in"),
        (("alice/x", "quantum", 600), TOKEN, "no machine 'quantum'; there are: cpu-basic"),
        (("alice/x", "cpu-basic", 5), TOKEN, "600 to 604,800"),
        (("no name", "cpu-basic", 600), TOKEN, "owner/repo"),
        (("bob/x", "cpu-basic", 600), TOKEN, "bob"),
        (("alice/x", "cpu-basic", 600), "hf_alice_read", "write"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_sent(
    hub: Hub, run: Run, arguments: tuple[Any, ...], token: str | None, says: str
) -> None:
    before = sum(each["method"] == "POST" for each in hub.requests())
    assert says in ask(hub, "start", run.folder, *arguments, token=token)["error"]
    assert sum(each["method"] == "POST" for each in hub.requests()) == before


def test_a_run_that_starts_from_weights_of_this_machine_stays(hub: Hub, run: Run) -> None:
    config = run.folder / "config.yaml"
    config.write_text(config.read_text() + "  model: bert_finetune-0123456789abcdef\n")
    assert "push those first" in ask(hub, "start", run.folder, "alice/local", "cpu-basic", 600)["error"]


@pytest.mark.parametrize(("status", "says"), [(402, "no credit"), (403, "may not use jobs"), (503, "refused")])
def test_a_refusal_of_the_service_is_one_sentence(hub: Hub, run: Run, status: int, says: str) -> None:
    hub.fault(kind="status", status=status, path="/api/jobs/alice$", method="POST", times=-1, headers=AT_ONCE)
    try:
        assert says in ask(hub, "start", run.folder, "alice/refused", "cpu-basic", 600)["error"]
    finally:
        hub.mend()


def test_a_lost_answer_never_starts_a_second_job(hub: Hub, run: Run) -> None:
    hub.fault(kind="status", status=503, path="/api/jobs/alice$", method="POST", times=1, headers=AT_ONCE)
    try:
        assert "error" in ask(hub, "start", run.folder, "alice/once", "cpu-basic", 600)
    finally:
        hub.mend()
    assert not [each for each in ask(hub, "jobs") if each["target"] == "alice/once"]


def test_somebody_elses_job_is_not_found(hub: Hub) -> None:
    assert "error" in ask(hub, "logs", "0123456789abcdef01234567")
