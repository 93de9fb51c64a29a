"""The whole story, as a user lives it: `python app.py`, a browser, a file, a run that outlives its server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from plugins._discovery import discover
from plugins.bert_finetune.classify.settings import ClassifySettings
from tests.page import Site, app_process, free_port, served, write_reviews
from tests.running import wait_for
from training.runs.registry import Runs

pytestmark = pytest.mark.browser
STEPS = 100_000  # more than a test waits for: the run goes on until it is stopped


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Where the server keeps its runs; those still going on afterwards are stopped."""
    yield tmp_path / "home"
    for run in Runs(tmp_path / "home" / "runs").all():
        run.cancel()
        wait_for(lambda run=run: not run.is_held())


class Watched:
    """A page, and what it logs as an error or asks of another machine."""

    def __init__(self, page: Page):
        self.page, self.problems = page, list[str]()
        page.set_default_navigation_timeout(60_000)  # as long as `expect` waits, on busy cores
        page.on("console", lambda message: self.note(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.note(str(error)))
        page.on("request", lambda request: None if is_local(request.url) else self.note(request.url))

    def note(self, problem: str) -> None:
        if not problem.startswith("AbortError"):  # Gradio's word for answers that a page awaits while it is left
            self.problems.append(problem)


def is_local(address: str) -> bool:
    return re.match(r"(http://127\.0\.0\.1[:/]|data:|blob:)", address) is not None


def step(page: Page) -> int:
    """The step that the monitor tells."""
    told = page.get_by_role("progressbar", name="Training progress").get_attribute("aria-valuenow")
    return int(told or 0)


def fill_in(page: Page, data: Path) -> None:
    """A tiny network, the file, and the wish for many steps."""
    page.get_by_label("Your file").check()
    page.locator("input[type=file]").first.set_input_files(data)
    expect(page.get_by_text("2 classes: positive (16), negative (16)")).to_be_visible()  # without being asked for
    page.get_by_label("Model", exact=True).click()
    page.get_by_role("option", name="From scratch").click()
    page.get_by_role("button", name="All settings").click()
    for label, value in {
        "Steps": STEPS,
        "Batch size": 4,
        "Layers": 1,
        "Hidden size": 8,
        "Vocabulary size": 100,
    }.items():
        field = page.get_by_label(label, exact=True)
        field.fill(str(value))
        field.press("Tab")


@pytest.mark.slow
@pytest.mark.timeout(900)  # on two busy cores
def test_run_is_followed_over_reload_and_restart_then_stopped_resumed_and_used(
    browser: Browser, home: Path, tmp_path: Path
):
    port, data = free_port(), write_reviews(tmp_path / "reviews.csv")
    address = f"http://127.0.0.1:{port}/"
    watched = Watched(browser.new_page(viewport={"width": 1280, "height": 1400}))
    page = watched.page
    with app_process(home, port, SELFSUP_PLUGINS="bert_finetune"):
        page.goto(f"{address}bert_finetune-classify")
        page.get_by_label("Your file").check()
        page.get_by_role("button", name="Start training").click()
        expect(page.get_by_text("Choose a file under Data first")).to_be_visible()
        fill_in(page, data)
        page.get_by_role("button", name="Check the data").click()
        expect(page.get_by_text("measured on 2 steps")).to_be_visible(timeout=60_000)
        page.get_by_role("button", name="Start training").click()
        wait_for(lambda: page.locator(".run-monitor .plot canvas").count() and step(page) > 5)
        before = step(page)
        wait_for(lambda: step(page) > before)
        run_id = page.locator(".run-monitor .about").inner_text()
        assert page.evaluate("location.search") == f"?run={run_id}"
        page.reload()
        expect(page.locator(".run-monitor .about")).to_have_text(run_id)
        wait_for(lambda: step(page) >= before)
        assert watched.problems == []
    run = Runs(home / "runs").get(run_id)
    assert run.status() == "running", "it outlives its server"
    alone = run.summary().step
    wait_for(lambda: run.summary().step > alone)
    with app_process(home, port, SELFSUP_PLUGINS="bert_finetune"):
        wait_for(lambda: step(page) > alone)  # nobody has touched the page
        watched.problems.clear()  # it said that the server was gone
        page.get_by_role("button", name="Stop and keep the best").click()
        expect(page.get_by_role("status").get_by_text("Cancelled")).to_be_visible(timeout=30_000)
        stopped = run.summary().step  # the page may be a step behind
        page.get_by_role("button", name="Resume").click()
        wait_for(lambda: step(page) > stopped)
        page.get_by_role("button", name="Stop and keep the best").click()
        wait_for(lambda: run.status() == "cancelled", seconds=180)  # it evaluates and saves first
        expect(page.locator(".report table").first).to_be_visible()  # without being asked for
        page.reload()  # Gradio may lose an answer of a session that is older than its server
        expect(page.locator(".run-monitor .about")).to_have_text(run_id)
        page.get_by_role("link", name="Try it").click()
        expect(page.get_by_label("Weights").locator("visible=true")).to_have_value(re.compile("^Classify of"))
        page.get_by_label("Text", exact=True).locator("visible=true").fill("a warm and funny film")
        page.get_by_role("button", name="Classify", exact=True).click()
        expect(page.get_by_text("negative").locator("visible=true").first).to_be_visible(timeout=60_000)
        assert watched.problems == []
    page.close()


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("untrained"), found=discover("bert_finetune"), trains=False) as site:
        yield site


def test_run_that_was_lost_is_told_and_shown_when_the_page_opens(browser: Browser, untrained: Site):
    run = untrained.services.runs.store.create("bert_finetune", "classify", ClassifySettings(dataset="alice/reviews"))
    run.write_event("started", step=0, steps=600)  # and no word since: its process is gone
    page = browser.new_page()
    page.goto(untrained.url)
    expect(page.get_by_test_id("toast-body")).to_contain_text(f"A run stopped unexpectedly: {run.id}. Resume continues")
    page.goto(f"{untrained.url}run")
    expect(page.locator(".run-monitor .about")).to_have_text(run.id)
    expect(page.get_by_role("status").get_by_text("Lost")).to_be_visible()
    page.close()
    run.delete()


def test_weights_chosen_while_the_page_still_fills_stay_chosen(
    browser: Browser, untrained: Site, monkeypatch: pytest.MonkeyPatch
):
    arrive, names = Event(), untrained.services.models.names
    monkeypatch.setattr(untrained.services.models, "names", lambda *who: arrive.wait(60) and names(*who))
    page = browser.new_page()
    page.goto(f"{untrained.url}bert_finetune")
    weights = page.get_by_label("Weights").locator("visible=true").first
    weights.fill("alice/typed-early")
    weights.press("Enter")
    arrive.set()
    weights.click()
    expect(page.get_by_role("option", name="bert-6x192-sentiment")).to_be_visible()  # the choices are there
    weights.press("Escape")
    expect(weights).to_have_value("alice/typed-early")
    page.get_by_role("tab", name="Look inside", exact=True).click()
    page.get_by_role("tab", name="Try", exact=True).click()
    expect(weights).to_have_value("alice/typed-early")
    page.close()


def test_a_page_names_in_its_head_every_script_that_it_loads(browser: Browser, untrained: Site):
    page, scripts = browser.new_page(), set[str]()
    page.on("request", lambda request: scripts.add(request.url) if "/assets/" in request.url else None)
    page.goto(f"{untrained.url}bert_finetune")
    expect(page.get_by_role("button", name="Classify", exact=True)).to_be_visible()
    linked = page.content().partition("<body")[0]
    assert len(scripts) > 30
    assert [url for url in scripts if url.rpartition("/")[2] not in linked] == []
    page.close()


@pytest.mark.parametrize("query", ["", "?sample=reviews"])
def test_a_page_that_opens_looks_at_its_data_once(
    query: str, browser: Browser, untrained: Site, monkeypatch: pytest.MonkeyPatch
):
    looks: list[str] = []
    sheet = untrained.services.checks.sheet

    def seen(plugin: Any, kind: Any, settings: Any) -> Any:
        looks.append(Path(settings.data).name)
        return sheet(plugin, kind, settings)

    monkeypatch.setattr(untrained.services.checks, "sheet", seen)
    page = browser.new_page()
    page.goto(f"{untrained.url}bert_finetune-classify{query}")
    found = page.locator(".preflight")
    first, second = ("2 classes", "10 classes") if query else ("10 classes", "2 classes")
    expect(found.get_by_text(first)).to_be_visible()
    page.get_by_label("Sample", exact=True).click()
    page.get_by_role("option", name="Requests to" if query else "Sentences of reviews").click()
    expect(found.get_by_text(second)).to_be_visible()
    samples = ["requests.csv", "reviews.csv"]
    assert looks == (samples[::-1] if query else samples)
    page.close()


def test_a_slow_look_at_the_data_says_that_they_are_read(
    browser: Browser, untrained: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    page = browser.new_page()
    page.goto(f"{untrained.url}bert_finetune-classify")
    expect(page.locator(".preflight table").first).to_be_visible()  # of the sample
    page.get_by_label("Your file").check()
    expect(page.get_by_text("Choose data: what is found")).to_be_visible()
    answered, look = Event(), untrained.services.checks.look
    monkeypatch.setattr(untrained.services.checks, "look", lambda *what: answered.wait(60) and look(*what))
    page.locator("input[type=file]").first.set_input_files(write_reviews(tmp_path / "reviews.csv"))
    reading = page.get_by_text("Reading the data …")
    expect(reading).to_have_css("opacity", "1", timeout=15_000)
    expect(page.locator(".reading ~ p")).to_have_css("opacity", "0.25")  # what was found before
    page.get_by_label("Own number of steps").check()
    page.get_by_role("button", name="Start training").click()
    refused = page.get_by_role("alert").filter(has_text="number of steps")
    expect(refused).to_be_visible()
    answered.set()
    expect(reading).to_have_count(0, timeout=30_000)
    expect(refused).to_be_visible()  # it is newer than the choice of the data
    expect(page.get_by_text("2 classes: positive (16), negative (16)")).to_be_visible()
    page.close()


def test_what_is_typed_while_the_page_opens_stays(browser: Browser, untrained: Site, monkeypatch: pytest.MonkeyPatch):
    models, opened, late = untrained.services.models, Event(), Event()
    labels = models.labels

    def late_labels(*of: Any) -> dict[str, str]:
        late.wait(60)
        opened.set()
        return labels(*of)

    monkeypatch.setattr(models, "labels", late_labels)
    page = browser.new_page()
    page.goto(f"{untrained.url}bert_finetune-classify")
    steps = page.get_by_label("Steps", exact=True)
    steps.fill("7")
    late.set()
    assert opened.wait(60)
    expect(page.locator(".preflight table").first).to_be_visible(timeout=30_000)  # it comes after what fills the form
    expect(steps).to_have_value("7")
    expect(page.get_by_label("Own number of steps")).to_be_checked()
    page.get_by_role("button", name="All settings").click()
    expect(page.get_by_label("Batch size", exact=True)).to_have_value("")  # it is decided later
    expect(page.get_by_label("Seed", exact=True)).to_have_value("0")
    page.close()


def test_a_look_that_was_overtaken_is_not_shown(
    browser: Browser, untrained: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked, late, answered, look = Event(), Event(), Event(), untrained.services.checks.look

    def first_is_late(*what: Any) -> Any:
        if asked.is_set():
            return look(*what)
        asked.set()  # of the sample, as the page opens
        late.wait(60)
        found = look(*what)
        answered.set()
        return found

    monkeypatch.setattr(untrained.services.checks, "look", first_is_late)
    page = browser.new_page()
    page.goto(f"{untrained.url}bert_finetune-classify")
    assert asked.wait(60)
    page.get_by_label("Your file").check()
    page.locator("input[type=file]").first.set_input_files(write_reviews(tmp_path / "reviews.csv"))
    own = page.get_by_text("2 classes: positive (16), negative (16)")
    expect(own).to_be_visible(timeout=30_000)
    late.set()
    assert answered.wait(60)
    page.wait_for_timeout(1_000)
    expect(own).to_be_visible()
    page.close()


@pytest.mark.slow
def test_every_page_fits_the_window(browser: Browser, tmp_path: Path):
    with served(tmp_path, trains=False) as site:
        for path, _, _ in site.demo.pages:
            for width, theme in ((390, "dark"), (1280, "light")):
                watched = Watched(browser.new_page(viewport={"width": width, "height": 844}))
                watched.page.goto(f"{site.url}{path}?__theme={theme}")
                expect(watched.page.get_by_role("navigation", name="Pages")).to_be_visible()
                visit_tabs(watched.page, width)
                assert watched.page.evaluate("document.documentElement.scrollWidth") <= width, path
                # A tab that is left while it fills says so.
                left = [each for each in watched.problems if "errored out" not in each]
                assert left == [], path
                watched.page.close()


def visit_tabs(page: Page, width: int) -> None:
    """Open each outer tab of a page; none may be wider than the window."""
    for name in ("Try", "Look inside"):
        tab = page.get_by_role("tab", name=name, exact=True)
        if tab.count():
            tab.first.click()
            expect(page.get_by_role("tabpanel").last).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
