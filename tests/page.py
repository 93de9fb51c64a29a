"""The page, served for a test: in this process, or in one of its own as a user starts it; and a small table to train on."""

from __future__ import annotations

import csv
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio_client import Client

from plugins._discovery import Found, discover
from spaces_app.page.shell import build, launch_options
from spaces_app.services import Services
from spaces_app.settings import Settings
from tests.running import wait_for

ROOT = Path(__file__).parents[1]
ENDED = ("finished", "cancelled", "failed", "lost")
# A network of some hundred weights: a run takes about a second.
TINY: dict[str, Any] = {
    "steps": 4, "batch_size": 8, "layers": 1, "hidden_size": 8, "vocabulary_size": 100, "max_length": 16,
}  # fmt: skip


@dataclass(frozen=True)
class Site:
    """A page that is being served."""

    url: str
    demo: gr.Blocks
    services: Services

    def train(self, client: Client, data: Path, **settings: Any) -> str:
        """Train a tiny classifier through the API to its end; returns the run's id."""
        from gradio_client import handle_file

        run = client.predict(
            "bert_finetune", "classify", {**TINY, **settings}, handle_file(data), None, api_name="/train"
        )
        assert ended(client, run["id"])["status"] == "finished"
        return run["id"]


def endpoints(client: Client) -> dict[str, Any]:
    """The public endpoints: name -> what `view_api` says of it."""
    info: Any = client.view_api(return_format="dict", print_info=False)
    assert info["unnamed_endpoints"] == {}
    return info["named_endpoints"]


def ended(client: Client, run_id: str) -> dict[str, Any]:
    """The status of a run, once nobody trains it."""

    def status() -> dict[str, Any]:
        about = client.predict(run_id, api_name="/run_status")
        return about if about["status"] in ENDED else {}

    return wait_for(status)


@contextmanager
def served(
    home: Path, settings: Settings | None = None, found: list[Found] | None = None, *, trains: bool = True
) -> Iterator[Site]:
    """Serve the page from this process, its runs below `home`.

    Args:
        found: What is on it; by default the built-in plugins.
        trains: Whether to keep a warm process for runs.
    """
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SELFSUP_HOME", str(home))
        environment.setenv("GRADIO_TEMP_DIR", str(home / "uploads"))
        environment.setenv("OMP_NUM_THREADS", "1")
        settings = settings or Settings()
        demo = build(settings, discover("builtin") if found is None else found)
        services: Services = demo.services  # type: ignore[attr-defined]
        if trains:
            services.start()
        demo.queue(api_open=False)
        _, url, _ = demo.launch(
            **launch_options(settings), server_name="127.0.0.1", prevent_thread_lock=True, quiet=True
        )
        yield Site(url, demo, services)
        demo.close(verbose=False)
        services.close()


@contextmanager
def app_process(home: Path, port: int, **environment: str) -> Iterator[subprocess.Popen]:
    """`python app.py` in a process of its own, answering; it is killed at the end, as a power cut would."""
    variables = {
        "SELFSUP_HOME": str(home), "GRADIO_TEMP_DIR": str(home / "uploads"), "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port), "SELFSUP_PLUGINS": "builtin", "OMP_NUM_THREADS": "1", "HF_HOME": str(home / "hf"),
    }  # fmt: skip
    home.mkdir(parents=True, exist_ok=True)
    with (home / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env={**os.environ, **variables, **environment}, stdout=log, stderr=log
        )
    try:
        wait_for(lambda: _answers(port) or process.poll() is not None)
        assert process.poll() is None, (home / "server.log").read_text()
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _answers(port: int) -> bool:
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}/config", timeout=5).status == 200
    except OSError:
        return False


def fire(site: Site, event: int | str, *data: Any, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """Send an event as a browser would, or as an attacker: a number for one of the page's own, a name for an endpoint.

    Returns:
        Gradio's last message: success, and output with data or error.
    """
    page = secrets.token_hex(8)
    join(site, event, *data, page=page, headers=headers)
    return next(answers(site, page))


def join(site: Site, event: int | str, *data: Any, page: str, headers: dict[str, str] | None = None) -> None:
    """Send an event of an open page, known by its session's hash."""
    number = event_number(site, event) if isinstance(event, str) else event
    about = {"data": data, "fn_index": number, "session_hash": page}
    httpx.post(f"{site.url}gradio_api/queue/join", json=about, headers=headers).raise_for_status()


def answers(site: Site, page: str) -> Iterator[dict[str, Any]]:
    """Gradio's last messages of a page's events, as they end."""
    with httpx.stream("GET", f"{site.url}gradio_api/queue/data?session_hash={page}", timeout=60) as stream:
        for line in stream.iter_lines():
            message = json.loads(line.removeprefix("data:")) if line else {}
            if message.get("msg") == "process_completed":
                yield message
    raise AssertionError("The stream ended without an answer.")


def event_number(site: Site, endpoint: str) -> int:
    """The number of the event behind an endpoint."""
    dependencies = httpx.get(f"{site.url}config").json()["dependencies"]
    return next(each["id"] for each in dependencies if each["api_name"] == endpoint)


def upload(site: Site, path: Path) -> dict[str, Any]:
    """Upload a file as a browser does; returns what stands for it in an event's data."""
    with path.open("rb") as file:
        answer = httpx.post(f"{site.url}gradio_api/upload", files={"files": (path.name, file)})
    return {"path": answer.json()[0], "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def write_table(path: Path, rows: list[tuple[str, ...]]) -> Path:
    """A CSV file of these rows, the first being its header."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def write_reviews(path: Path, rows: int = 32) -> Path:
    """Short reviews, of two labels in turn."""
    kinds = [("a warm and funny film , scene {}", "positive"), ("dull and badly acted , scene {}", "negative")]
    texts = [(text.format(row), label) for row in range(rows) for text, label in [kinds[row % 2]]]
    return write_table(path, [("text", "label"), *texts])


def site_of(plugins: str) -> Any:
    """A fixture: the page with these plugins, comma-separated, served from this process.

    A browser opens the page of one plugin in 2 s, that of all five in 8: a test of one plugin serves no other.
    """

    @pytest.fixture(scope="module")
    def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
        with served(tmp_path_factory.mktemp("home"), found=discover(plugins)) as site:
            yield site

    return site


site = site_of("builtin")


@pytest.fixture(scope="module")
def client(site: Site) -> Client:
    return Client(site.url, verbose=False)


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table to train on."""
    return write_reviews(tmp_path_factory.mktemp("data") / "reviews.csv")


@pytest.fixture(scope="module")
def trained(site: Site, client: Client, reviews: Path) -> str:
    """The id of a finished run."""
    return site.train(client, reviews)
