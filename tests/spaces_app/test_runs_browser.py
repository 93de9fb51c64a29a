"""The page of runs in a real browser: written on, filtered, compared; an empty one leads on; hostile names stay text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest
from playwright.sync_api import Browser, Page, expect

from plugins._discovery import discover
from spaces_app.page.theme import CSS, HEAD, THEME
from spaces_app.panels import runs as panel
from spaces_app.services import Services
from spaces_app.settings import Settings
from tests.page import write_reviews
from training.runs.labels import read_labels
from training.runs.run import Run
from training.settings import parse_settings

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=\"window.hacked='tag'\">${window.hacked='t'}{{value}}"


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SELFSUP_HOME", str(tmp_path_factory.mktemp("home")))
        yield Services(Settings(), discover("bert_finetune"))


@pytest.fixture(scope="module")
def url(services: Services) -> Iterator[str]:
    with gr.Blocks(analytics_enabled=False) as demo:
        panel.render(services)
    demo.queue()
    _, url, _ = demo.launch(
        server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, theme=THEME, css=CSS, head=HEAD, _frontend=False
    )
    yield url
    demo.close(verbose=False)


@pytest.fixture
def page(browser: Browser, services: Services, url: str) -> Iterator[Page]:
    """The page of an empty home; `page.goto` or `reload` shows what a test makes."""
    for run in services.runs.store.all():
        run.delete()
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        page, errors = context.new_page(), []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        expect(page.get_by_text("No runs yet")).to_be_visible(timeout=30_000)
        yield page
        assert errors == [] and page.evaluate("window.hacked") is None


def made(services: Services, name: str, accuracy: float, **settings: object) -> Run:
    known = services.plugins.get("bert_finetune").kind("classify").trained_by
    run = services.runs.store.create("bert_finetune", "classify", parse_settings(known, settings))
    for step in (1, 2):
        run.write_event("eval", step=step, metrics={"accuracy": accuracy / 3 * (step + 1)}, best=True)
    run.write_event("finished", step=2)
    services.run_table.edit(run.id, "", name=name)
    return run


def names(page: Page) -> list[str]:
    return page.locator("tbody .c-name a").all_inner_texts()


def test_an_empty_page_leads_on(page: Page) -> None:
    expect(page.get_by_role("link", name="Train on sample data")).to_be_visible()
    expect(page.get_by_label("Search")).to_be_hidden()


def test_what_is_written_on_a_run_is_text_and_can_be_changed(page: Page, services: Services) -> None:
    run = made(services, HOSTILE, 0.5)
    page.reload()
    expect(page.locator("tbody .c-name a")).to_have_text(HOSTILE)
    page.get_by_role("button", name="Edit name").click()
    page.get_by_label("Name", exact=True).fill("Reviews")
    page.get_by_label("Tags, separated by commas").fill("best, of <b>all</b>")
    services.run_table.edit(run.id, "", notes="of another tab")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("tbody .c-name a")).to_have_text("Reviews")
    expect(page.get_by_role("button", name="of <b>all</b>")).to_be_visible()
    assert read_labels(run.folder).notes == "of another tab"


def test_search_and_order_change_the_rows_and_the_address(page: Page, services: Services) -> None:
    for name, accuracy in (("first film", 0.9), ("second film", 0.6), ("third", 0.3)):
        made(services, name, accuracy)
    page.reload()
    page.get_by_role("button", name="Best metric").click()
    expect(page.locator("tbody tr").first).to_contain_text("first film")
    page.get_by_role("button", name="Best metric").click()
    expect(page.locator("tbody tr").first).to_contain_text("third")
    page.get_by_label("Search").fill("film")
    expect(page.get_by_text("2 of 3 runs")).to_be_visible()
    assert names(page) == ["second film", "first film"] and "q=film" in page.url
    page.reload()
    expect(page.get_by_text("2 of 3 runs")).to_be_visible()


def test_the_address_chooses_a_family_and_a_run(page: Page, services: Services, url: str) -> None:
    first, _ = made(services, "first film", 0.9), made(services, "second film", 0.6)
    page.goto(f"{url}?plugin=bert_finetune&chosen={first.id}")
    kind = page.locator(".filters select").first
    expect(kind).to_have_value("bert_finetune ")
    expect(kind.locator("option:checked")).to_have_text("BERT: all")
    expect(page.get_by_label("Choose first film")).to_be_checked()
    expect(page.get_by_text("Choose another run too to compare them.")).to_be_visible()
    assert names(page) == ["second film", "first film"] and "plugin=bert_finetune" in page.url
    page.goto(f"{url}?plugin=gpt_prompting")
    expect(page.get_by_text("No run matches.")).to_be_visible()


def test_runs_are_compared_and_a_reload_shows_it_again(page: Page, services: Services) -> None:
    made(services, "slow", 0.6, learning_rate=1e-4), made(services, "quick", 0.9, learning_rate=1e-3)
    page.reload()
    page.get_by_label("Choose slow").check()
    expect(page.get_by_role("button", name="Compare")).to_be_hidden()  # one alone has nothing beside it
    page.get_by_label("Choose quick").check()
    page.get_by_role("button", name="Compare").click()
    for _ in range(2):
        expect(page.get_by_role("region", name="Settings that differ")).to_contain_text(re.compile(r"learning_rate"))
        expect(page.locator("td.best")).to_have_text(["0.9 best"])
        expect(page.locator(".plot")).to_have_attribute("aria-label", re.compile("quick rose from 0.6 to 0.9"))
        expect(page.locator(".plot canvas")).to_be_visible()
        page.reload()


def test_deleting_asks_first_and_a_run_that_trains_stays_with_the_reason(page: Page, services: Services) -> None:
    gone, held = made(services, "gone", 0.5), made(services, "held", 0.5)
    page.reload()
    page.get_by_label("Choose all runs").check()
    page.on("dialog", lambda dialog: dialog.accept())
    with held.lock():
        page.get_by_role("button", name="Delete 2 runs").click()
        expect(page.get_by_role("alert").first).to_contain_text("being trained by another process")
    assert not gone.folder.exists() and held.folder.exists()


def test_a_sweep_form_says_what_is_missing_before_any_run_is_made(
    page: Page, services: Services, tmp_path: Path
) -> None:
    made(services, "base", 0.5, data=str(write_reviews(tmp_path / "reviews.csv")))
    page.reload()
    page.get_by_label("Choose base").check()
    page.get_by_role("button", name="Sweep from this run").click()
    page.get_by_role("button", name="Start the sweep").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_have_text(re.compile("learning_rate: give values"))
    page.get_by_label("Values, separated by commas; or low to high").fill("0.1, soon")
    page.get_by_role("button", name="Start the sweep").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_have_text(re.compile("learning_rate: 'soon' was given"))
    assert len(services.runs.store.all()) == 1


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_is_cut_off(page: Page, services: Services, width: int) -> None:
    made(services, "a name of many words that does not end before the line does, and goes on", 0.5)
    page.set_viewport_size({"width": width, "height": 844})
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for cell in page.locator("tbody td").all():
        box = cell.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= width
