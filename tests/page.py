"""The page, served for a test: in this process, or in one of its own as a user starts it; and a small table to train on."""

from __future__ import annotations

import csv
import os
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

import pytest
from gradio_client import Client

from plugins._discovery import Found, discover
from spaces_app.settings import Settings
from spaces_app.shell import build, launch_options
from spaces_app.studio import Studio
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
    studio: Studio

    def train(self, client: Client, data: Path, **settings: Any) -> str:
        """Train a tiny classifier through the API to its end; returns the run's id."""
        from gradio_client import handle_file

        run = client.predict(
            "bert_finetune", "classify", {**TINY, **settings}, handle_file(data), None, api_name="/train"
        )
        assert ended(client, run["id"])["status"] == "finished"
        return run["id"]


def ended(client: Client, run_id: str) -> dict[str, Any]:
    """The status of a run, once nobody trains it."""

    def status() -> dict[str, Any] | None:
        about = client.predict(run_id, api_name="/run_status")
        return about if about["status"] in ENDED else None

    return wait_for(status)


@contextmanager
def served(home: Path, settings: Settings | None = None, found: list[Found] | None = None) -> Iterator[Site]:
    """Serve the page from this process, its runs below `home`; without `found`, the built-in plugins are on it."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SELFSUP_HOME", str(home))
        environment.setenv("GRADIO_TEMP_DIR", str(home / "uploads"))
        environment.setenv("OMP_NUM_THREADS", "1")
        settings = settings or Settings()
        demo = build(settings, discover("builtin") if found is None else found)
        studio: Studio = demo.studio  # type: ignore[attr-defined]
        studio.start()
        demo.queue(api_open=False)
        _, url, _ = demo.launch(
            **launch_options(settings), server_name="127.0.0.1", prevent_thread_lock=True, quiet=True
        )
        yield Site(url, studio)
        demo.close()
        studio.warm.close()


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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The page with the built-in plugins, served from this process."""
    with served(tmp_path_factory.mktemp("home")) as site:
        yield site


@pytest.fixture(scope="module")
def client(site: Site) -> Iterator[Client]:
    with Client(site.url, verbose=False) as client:
        yield client


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table to train on."""
    return write_reviews(tmp_path_factory.mktemp("data") / "reviews.csv")


@pytest.fixture(scope="module")
def trained(site: Site, client: Client, reviews: Path) -> str:
    """The id of a finished run."""
    return site.train(client, reviews)
