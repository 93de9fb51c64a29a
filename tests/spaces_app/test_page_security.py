"""What a hostile visitor sends stays out, what a hostile file holds stays text, and a token is never shown."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from playwright.sync_api import expect, sync_playwright

from spaces_app.panels.tables import report_html, sheet_html
from spaces_app.services.run_request import RunRequest
from tests import page
from tests.page import TINY, Site, fire, upload, write_reviews, write_table

client, site = page.client, page.site_of("bert_finetune")  # fixtures

HOSTILE = "<img src=x onerror=\"window.hacked='tag'\">${window.hacked='template'}{{value}}"
FILE = {"_type": "gradio.FileData"}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table whose name, columns, labels and texts are all hostile."""
    rows = [(f"{HOSTILE} scene {row}", f"{HOSTILE}{row % 2}") for row in range(32)]
    folder = tmp_path_factory.mktemp("hostile")
    return write_table(folder / "<img src=x onerror=hacked()>.csv", [(f"text{HOSTILE}", f"label{HOSTILE}"), *rows])


@pytest.fixture(scope="module")
def run(site: Site, client: Client, hostile: Path) -> str:
    """A run that was trained on it."""
    columns = {"text_column": f"text{HOSTILE}", "label_column": f"label{HOSTILE}"}
    return site.train(client, hostile, **columns)


# -- forged files ----------------------------------------------------------------------------------------------------


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A table on the server that nobody uploaded."""
    return write_reviews(tmp_path / "secret.csv")


@pytest.fixture
def forged(request: pytest.FixtureRequest, site: Site, secret: Path, tmp_path: Path) -> Any:
    """One way to name a file of the server's."""
    uploads = Path(os.environ["GRADIO_TEMP_DIR"])
    climbing = os.path.relpath(secret, uploads)
    return {
        "absolute": {"path": str(secret)},
        "absolute with meta": {"path": str(secret), "meta": FILE},
        "climbing": {"path": f"{uploads}/{climbing}"},
        "climbing with meta": {"path": f"{uploads}/{climbing}", "meta": FILE},
        "relative": {"path": os.path.relpath(secret)},
        "file url": {"path": "x.csv", "url": f"file://{secret}", "meta": FILE},
        "text": str(secret),
        "list": [str(secret)],
        "no path": {"meta": FILE},
        "folder": {"path": str(uploads)},
        "system": {"path": "/etc/passwd", "meta": FILE},
    }[request.param]


WAYS = "absolute,absolute with meta,climbing,climbing with meta,relative,file url,text,list,no path,folder,system"


@pytest.mark.parametrize("forged", WAYS.split(","), indirect=True)
def test_train_takes_no_file_that_was_not_uploaded(site: Site, forged: Any):
    before = len(site.services.runs.store.all())
    answer = fire(site, "train", "bert_finetune", "classify", TINY, forged, None, None, "")
    other = fire(site, "train", "bert_finetune", "classify", TINY, None, None, {"eval_data": forged}, "")
    assert not answer["success"] and not other["success"]
    assert len(site.services.runs.store.all()) == before


@pytest.mark.parametrize("forged", WAYS.split(","), indirect=True)
def test_prediction_reads_no_file_that_was_not_uploaded(site: Site, run: str, forged: Any):
    answer = fire(site, "bert_finetune_classify_file", run, forged)
    assert not answer["success"]


def test_another_runs_data_is_no_upload(site: Site, run: str):
    data = next((site.services.runs.store.get(run).folder / "data").iterdir())
    for about in ({"path": str(data)}, {"path": str(data), "meta": FILE}):
        assert not fire(site, "train", "bert_finetune", "classify", TINY, about, None, None, "")["success"]


def test_uploaded_file_is_taken_as_a_control(site: Site, secret: Path):
    answer = fire(
        site, "train", "bert_finetune", "classify", {**TINY, "steps": 1}, upload(site, secret), None, None, ""
    )
    assert answer["success"]


@pytest.fixture
def inner_server() -> Iterator[tuple[str, list[str]]]:
    """A service that only this machine can reach; the paths it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"text,label\na,b\n")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/inner.csv", asked
    server.shutdown()
    server.server_close()


def test_server_fetches_no_address_for_a_visitor(site: Site, inner_server: tuple[str, list[str]]):
    url, asked = inner_server
    for about in ({"path": "x.csv", "url": url, "meta": FILE}, {"path": url, "meta": FILE}, {"path": url}):
        assert not fire(site, "train", "bert_finetune", "classify", TINY, about, None, None, "")["success"]
    assert asked == []


@pytest.mark.parametrize("path", ["/etc/passwd", "app.py", "{run}/config.yaml", "{run}/data"])
def test_files_of_the_server_are_not_served(site: Site, run: str, path: str):
    path = path.format(run=site.services.runs.store.get(run).folder)
    assert httpx.get(f"{site.url}gradio_api/file={path}", timeout=60).status_code in (403, 404)


@pytest.mark.parametrize(
    "name", ["../../../evil.csv", "..\\evil.csv", "/tmp/evil.csv", "a\0b.csv", "x" * 300 + ".csv", ".."]
)
def test_hostile_file_name_stays_in_the_run(site: Site, client: Client, tmp_path: Path, name: str):
    content = write_reviews(tmp_path / "data.csv").read_bytes()
    answer = httpx.post(f"{site.url}gradio_api/upload", files={"files": (name, content)}, timeout=60)
    if answer.status_code != 200:
        return  # Gradio itself refuses it
    about = {"path": answer.json()[0], "orig_name": name, "meta": FILE}
    message = fire(site, "train", "bert_finetune", "classify", {**TINY, "steps": 1}, about, None, None, "")
    if message["success"]:
        folder = site.services.runs.store.get(message["output"]["data"][0]["id"]).folder
        assert {path.resolve().parent for path in folder.glob("data/*")} == {folder / "data"}
    assert not list(Path("/tmp").glob("evil.csv"))


# -- hostile contents --------------------------------------------------------------------------------------------------


def test_sheet_shows_hostile_columns_and_labels_as_text(site: Site, hostile: Path):
    columns = {"text_column": f"text{HOSTILE}", "label_column": f"label{HOSTILE}"}
    sheet = site.services.checks.check(
        RunRequest("bert_finetune", "classify", {**TINY, **columns}, {"data": hostile}), "me"
    )
    assert "<img src=x" in str(sheet)
    assert "<img" not in sheet_html(sheet)


def test_report_shows_hostile_labels_as_text(site: Site, run: str):
    report = site.services.runs.report(run, "me")
    assert "<img src=x" in str(report)
    assert "<img" not in report_html(report)


@pytest.mark.slow
@pytest.mark.browser
def test_page_shows_a_hostile_run_and_nothing_of_it_runs(site: Site, run: str):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"{site.url}?run={run}")
        expect(page.get_by_text(run).first).to_be_visible()
        expect(page.locator(".report").get_by_text("window.hacked").first).to_be_visible()
        page.get_by_role("link", name="Publish").click()
        expect(page.get_by_role("cell", name="model.safetensors")).to_be_visible()
        assert page.evaluate("window.hacked") is None
        browser.close()


# -- tokens -------------------------------------------------------------------------------------------------------------

TOKEN = "hf_SecretOfTheVisitor"


def test_token_of_a_failed_push_is_nowhere(
    site: Site, run: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """Port 9 answers nobody: the push fails where it would tell the most."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    caplog.set_level(logging.DEBUG)
    answer = fire(site, "run_push", run, "alice/weights", True)
    assert answer["success"] is False
    folder = site.services.runs.store.get(run).folder
    kept = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert TOKEN not in str(answer) + caplog.text
    assert not any(TOKEN.encode() in content for content in kept)


def test_monitor_refuses_what_is_no_run_in_words(site: Site, run: str):
    monitor = next(each for each in site.demo.config["components"] if each["props"].get("elem_id") == "monitor")
    for query in (["../x", 0], [run, -1], [run, "0"], [run], run, None, [{"a": 1}, 0]):
        answer = httpx.post(
            f"{site.url}gradio_api/component_server/",
            timeout=60,
            json={"component_id": monitor["id"], "fn_name": "poll", "session_hash": "guest", "data": query},
        )
        assert list(answer.json()) == ["error"], query
