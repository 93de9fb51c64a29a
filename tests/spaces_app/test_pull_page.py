"""A repository that is pulled on the page opens on the page and in the box of its kind, with its weights chosen there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from plugins._discovery import find
from tests import loopback
from tests.loopback import Hub
from tests.page import app_process, free_port

pytestmark = pytest.mark.browser
url = loopback.url  # a fixture
TOKEN = "hf_alice_write"


@pytest.fixture(scope="module")
def address(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page, over a Hub that holds a tagger and a detector of anomalies."""
    home = tmp_path_factory.mktemp("home")
    hub = Hub(url, home / "hf")
    for repo, starter in (
        ("alice/tagger", _starter("bert_finetune", "tag")),
        ("alice/odd", _starter("ae_anomaly", "fit")),
    ):
        assert "result" in hub.call("push", starter, repo, token=TOKEN)
    port, environment = free_port(), {"HF_ENDPOINT": url, "HF_TOKEN": TOKEN, "HF_DEBUG": "1"}
    with app_process(home, port, **environment, SELFSUP_PLUGINS="bert_finetune,ae_anomaly"):
        yield f"http://127.0.0.1:{port}/"


def _starter(plugin: str, kind: str) -> Path:
    return find(plugin).kind(kind).starters[0]


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page of the Hub."""
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(f"{address}hub")
    yield page
    page.close()


def pull(page: Page, repo: str) -> None:
    name = page.get_by_label("Repository", exact=True).locator("visible=true").last
    name.fill(repo)
    name.press("Enter")
    page.get_by_role("button", name="Pull from the Hub").locator("visible=true").click()


def test_a_pulled_tagger_opens_in_its_box(page: Page):
    pull(page, "alice/tagger")
    page.get_by_role("link", name="Try it").click()
    expect(page.get_by_role("tab", name="Named entities", exact=True)).to_have_attribute("aria-selected", "true")
    expect(page.get_by_label("Weights").locator("visible=true").first).to_have_value(_at_a_commit("alice/tagger"))


def test_what_another_plugin_made_opens_on_that_plugins_page(page: Page):
    pull(page, "alice/odd")
    page.get_by_role("link", name="Try it").click()
    expect(page.get_by_role("link", name="Anomalies", exact=True)).to_have_attribute("aria-current", "page")
    expect(page.get_by_label("Weights").locator("visible=true").first).to_have_value(_at_a_commit("alice/odd"))


def test_training_goes_on_from_what_was_pulled(page: Page):
    pull(page, "alice/tagger")
    page.get_by_role("link", name="Train on").click()
    expect(page.get_by_label("Model", exact=True)).to_have_value(re.compile("^alice/tagger@"))


def _at_a_commit(repo: str) -> re.Pattern[str]:
    return re.compile(rf"^{repo}@[0-9a-f]{{40}}")
