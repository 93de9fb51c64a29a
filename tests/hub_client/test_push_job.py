"""A push is a job: it outlives its server, says how it is doing, goes on where it failed, and keeps the token to itself."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, expect
from safetensors.numpy import save_file

from tests import loopback
from tests.loopback import AT_ONCE, Hub
from tests.page import TINY, app_process, ended, free_port, write_reviews
from tests.running import wait_for
from training.runs.registry import Runs
from training.runs.run import Run

url = loopback.url  # a fixture
TOKEN = "hf_alice_write"


@dataclass(frozen=True)
class App:
    """`python app.py` with a signed-in user and one finished run."""

    hub: Hub
    home: Path
    run: str
    environment: dict[str, str]

    @property
    def folder(self) -> Path:
        return self.home / "runs" / self.run

    def server(self, port: int):
        return app_process(self.home, port, **self.environment, SELFSUP_PREFORK="0")  # nothing is trained any more


@pytest.fixture(scope="module")
def app(url: str, tmp_path_factory: pytest.TempPathFactory) -> App:
    home = tmp_path_factory.mktemp("home")
    environment = {"HF_ENDPOINT": url, "HF_TOKEN": TOKEN, "HF_DEBUG": "1", "SELFSUP_PLUGINS": "bert_finetune"}
    port = free_port()
    with app_process(home, port, **environment):
        client = Client(f"http://127.0.0.1:{port}", verbose=False)
        data = handle_file(write_reviews(home / "reviews.csv"))
        run = client.predict("bert_finetune", "classify", TINY, data, None, api_name="/train")["id"]
        assert ended(client, run)["status"] == "finished"
    return App(Hub(url, home / "hf"), home, run, environment)


@pytest.fixture(scope="module")
def client(app: App) -> Iterator[Client]:
    port = free_port()
    with app.server(port):
        yield Client(f"http://127.0.0.1:{port}", verbose=False)


@pytest.fixture(autouse=True)
def mended(app: App) -> Iterator[None]:
    yield
    app.hub.mend()


@pytest.fixture
def repo() -> str:
    return f"alice/{secrets.token_hex(4)}"


def enlarge(app: App, megabytes: float = 4) -> None:
    """Put a large file beside the weights that the Hub has never seen."""
    values = np.random.default_rng().random(int(megabytes * 2**17))
    save_file({"more": values}, app.folder / "artifact" / "more.safetensors")


def status(client: Client, app: App) -> dict:
    return client.predict(app.run, api_name="/push_status")


def test_push_says_where_the_weights_are_and_a_preview_sends_nothing(client: Client, app: App, repo: str):
    preview = client.predict(app.run, repo, api_name="/push_preview")
    assert preview["about"] == f"{repo} is new: it is created, private."
    assert "model.safetensors" in [file["file"] for file in preview["files"]]
    assert app.hub.call("pull", repo, token=TOKEN)["error"].startswith("There is no repository")
    pushed = client.predict(app.run, repo, api_name="/run_push")
    assert pushed["status"] == "pushed" and repo in pushed["commit"]
    assert status(client, app) == pushed
    assert client.predict(app.run, repo, api_name="/push_preview")["about"] == (
        f"{repo} exists, private: a new commit on its main branch."
    )


@pytest.mark.browser
def test_page_checks_pushes_and_links_the_commit(browser: Browser, client: Client, app: App, repo: str):
    page = browser.new_page()
    page.goto(f"{client.src}hub")
    page.get_by_label("Run", exact=True).locator("visible=true").click()
    page.get_by_role("option").first.click()
    expect(page.get_by_role("cell", name="model.safetensors")).to_be_visible()
    page.get_by_placeholder("owner/name", exact=True).fill(repo)
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.get_by_text(f"{repo} is new: it is created, private.")).to_be_visible()
    page.get_by_role("button", name="Push to the Hub").click()
    expect(page.get_by_role("link", name=f"{app.hub.url}/{repo}/commit/")).to_be_visible(timeout=30_000)
    page.close()


def test_tag_names_the_commit_and_one_that_is_taken_is_refused_first(client: Client, app: App, repo: str):
    client.predict(app.run, repo, True, False, "v1", api_name="/run_push")
    assert "result" in app.hub.call("pull", f"{repo}@v1", token=TOKEN)
    with pytest.raises(AppError, match=f"{repo} has a tag v1 already: choose another"):
        client.predict(app.run, repo, True, False, "v1", api_name="/run_push")


def test_pull_request_lands_once_though_its_answer_is_lost(client: Client, app: App):
    bobs = f"bob/{secrets.token_hex(4)}"
    app.hub.call("push", app.folder / "artifact", bobs, token="hf_bob_write", private=False)
    enlarge(app, 0.1)
    with pytest.raises(AppError, match=f"You may not write to {bobs}: ask its owner, or offer"):
        client.predict(app.run, bobs, api_name="/run_push")
    app.hub.fault(kind="drop_response", path="/commit/", times=1)
    pushed = client.predict(app.run, bobs, True, True, api_name="/run_push")
    assert f"{bobs}/discussions/1" in pushed["pull_request"]
    assert "error" in app.hub.call("pull", f"{bobs}@refs/pr/2", token=TOKEN)


@pytest.mark.slow
def test_push_outlives_its_server(app: App, repo: str):
    enlarge(app)
    app.hub.fault(kind="delay", seconds=5, path="/api/repos/create", times=1)
    port = free_port()
    with app.server(port):
        client = Client(f"http://127.0.0.1:{port}", verbose=False)
        assert client.predict(app.run, repo, True, False, "", 0, api_name="/run_push")["status"] == "running"
        with pytest.raises(AppError, match="is being pushed already"):
            client.predict(app.run, repo, api_name="/run_push")
        with pytest.raises(AppError, match="is being pushed by another process"):
            client.predict(app.run, api_name="/run_delete")
    run = Run(app.folder)
    assert run.is_held("push.lock")
    wait_for(lambda: not run.is_held("push.lock"))
    with app.server(port):
        assert status(Client(f"http://127.0.0.1:{port}", verbose=False), app)["status"] == "pushed"
    app.hub.mend()


def test_push_that_was_killed_is_lost_and_the_next_one_lands(client: Client, app: App, repo: str):
    enlarge(app)
    app.hub.fault(kind="delay", seconds=30, path="/commit/", times=1)
    client.predict(app.run, repo, True, False, "", 0, api_name="/run_push")
    wait_for(lambda: app.hub.faults_met())
    os.kill(int(holder(app.folder / "push.lock")), signal.SIGKILL)
    told = wait_for(lambda: (about := status(client, app))["status"] == "lost" and about)
    assert told["message"].startswith("The push stopped unexpectedly")
    app.hub.mend()
    assert client.predict(app.run, repo, api_name="/run_push")["status"] == "pushed"


@pytest.mark.parametrize("way", [{}, {"HF_HUB_DISABLE_XET": "1"}], ids=["xet", "lfs"])
def test_push_after_a_failed_one_does_not_send_large_files_again(app: App, repo: str, way: dict[str, str]):
    enlarge(app)
    app.hub.fault(kind="status", status=503, path="/commit/", times=-1, headers=AT_ONCE)
    artifact = app.folder / "artifact"
    assert app.hub.call("push", artifact, repo, token=TOKEN, environment=way)["error"]
    app.hub.mend()
    before = app.hub.uploaded_bytes()
    assert before > 4 * 2**20
    assert "result" in app.hub.call("push", artifact, repo, token=TOKEN, environment=way)
    assert app.hub.uploaded_bytes() - before < 2**20


def test_of_two_pushes_at_once_one_lands_and_the_other_is_told(app: App, repo: str, tmp_path: Path):
    artifact = app.folder / "artifact"
    app.hub.call("push", artifact, repo, token=TOKEN)
    enlarge(app, 0.1)
    other = shutil.copytree(artifact, tmp_path / "other")
    save_file({"other": np.ones(9)}, other / "more.safetensors")
    app.hub.fault(kind="delay", seconds=5, path="/commit/", times=1)
    before = app.hub.faults_met()
    with ThreadPoolExecutor() as threads:
        slow = threads.submit(app.hub.call, "push", artifact, repo, token=TOKEN)
        wait_for(lambda: app.hub.faults_met() > before)
        assert "result" in app.hub.call("push", other, repo, token=TOKEN)
    assert slow.result()["error"] == f"Somebody pushed to {repo} at the same time: look at it, then push again."


def test_token_is_in_nothing_that_was_written(app: App, client: Client, repo: str):
    client.predict(app.run, repo, api_name="/run_push")
    app.hub.fault(kind="status", status=500, path="/commit/", times=-1, headers=AT_ONCE)
    enlarge(app, 0.1)
    with pytest.raises(AppError, match=r"The Hub refused \(500\)") as refused:
        client.predict(app.run, repo, api_name="/run_push")
    assert TOKEN not in str(refused.value)
    written = [path for path in app.home.rglob("*") if path.is_file()]
    assert {"server.log", "push.log", "push.jsonl", "config.yaml", "selfsup.json"} <= {path.name for path in written}
    assert [path for path in written if TOKEN.encode() in path.read_bytes()] == []


def test_token_is_in_no_process_arguments(app: App, client: Client, repo: str):
    app.hub.fault(kind="delay", seconds=2, path="/api/repos/create", times=1)
    client.predict(app.run, repo, True, False, "", 0, api_name="/run_push")
    arguments = Path(f"/proc/{holder(app.folder / 'push.lock')}/cmdline").read_bytes()
    assert b"push" in arguments and TOKEN.encode() not in arguments
    wait_for(lambda: status(client, app)["status"] == "pushed")


def test_command_line_pushes_and_pulls(app: App, repo: str):
    assert app.hub.command(app.home, "push", app.run, repo, "--tag", "v2").startswith(f"{app.hub.url}/{repo}/commit/")
    folder = Path(app.hub.command(app.home, "pull", f"{repo}@v2"))
    assert (folder / "model.safetensors").read_bytes() == (app.folder / "artifact/model.safetensors").read_bytes()
    assert Runs(app.home / "runs").get(app.run).status() == "finished"


def holder(lock: Path) -> str:
    """The process that has this file open."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.readlink() == lock and b"push" in (link.parents[1] / "cmdline").read_bytes():
                return link.parents[1].name
        except OSError:
            continue
    raise AssertionError("nobody holds it")


def test_a_run_is_sent_to_a_rented_machine_by_the_api(client: Client, app: App, repo: str):
    machines = client.predict(api_name="/jobs_flavours")
    assert "cpu-basic" in [machine["name"] for machine in machines]
    sent = client.predict(app.run, repo, "cpu-basic", 600, api_name="/jobs_start")
    assert (sent["run"], sent["target"], sent["flavour"]) == (app.run, repo, "cpu-basic")
    wait_for(lambda: client.predict(app.run, api_name="/jobs_list")[0]["stage"] == "COMPLETED")
    wait_for(lambda: "recorded, not executed" in " ".join(client.predict(sent["id"], 50, api_name="/jobs_logs")))
    with pytest.raises(AppError, match="no machine 'quantum'"):
        client.predict(app.run, repo, "quantum", 600, api_name="/jobs_start")
