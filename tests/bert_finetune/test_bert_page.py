"""Every box of the BERT tab answers on the page, with the starters."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import page
from tests.page import Site

site = page.site_of("bert_finetune")  # fixture


@pytest.mark.slow
@pytest.mark.browser
def test_every_box_of_the_tab_answers(browser: Browser, site: Site) -> None:
    tab, problems = browser.new_page(), []
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.goto(f"{site.url}bert_finetune")
    for outer, inner, button, answer in (
        ("Try", "Classify", "Classify", "[data-testid=label-output-value]:text('positive')"),
        ("Try", "No labels", "Label the text", ".chart-view:has-text('small talk')"),
        ("Try", "Label texts", "Start", "#label-desk"),
        ("Try", "Named entities", "Find entities", ":text('Copenhagen')"),
        ("Try", "Question answering", "Answer", "[data-testid=label-output-value]:text('Michael Collins')"),
        ("Try", "Fill mask", "Fill mask", ".chart-view:has-text('states')"),
        ("Try", "Next sentence", "Does B follow A?", ":text('B follows A')"),
        ("Look inside", "Explanation", "Explain", "h4:text('Why “negative”')"),
        ("Look inside", "Attention", "Show", "h4:text('Layer 1, head 1')"),
        ("Look inside", "Masking", "Mask", ".chart-view :text('replaced by [MASK]')"),
        ("Look inside", "Tokenisation", "Tokenise", ".chart-view :text('sub-words per word')"),
        ("Look inside", "Sentence map", "Plot the map", "circle"),
    ):
        for name in (outer, inner):
            tab.get_by_role("tab", name=name, exact=True).locator("visible=true").click()
        tab.get_by_role("button", name=button, exact=True).locator("visible=true").click()
        expect(tab.locator(f"{answer}").locator("visible=true").first).to_be_visible(timeout=60_000)
    assert not [problem for problem in problems if "favicon" not in problem]
    tab.close()


@pytest.fixture
def tab(browser: Browser, site: Site) -> Iterator[Page]:
    tab = browser.new_page()
    problems: list[str] = []
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.goto(f"{site.url}bert_finetune")
    yield tab
    assert not problems
    tab.close()


def open_tab(page: Page, *names: str) -> None:
    for name in names:
        page.get_by_role("tab", name=name, exact=True).locator("visible=true").first.click()


@pytest.mark.browser
def test_a_box_begins_with_its_first_example_and_says_what_is_missing(tab: Page) -> None:
    open_tab(tab, "Classify")
    headline = tab.get_by_test_id("label-output-value").locator("visible=true")
    expect(headline).to_have_text("positive", timeout=60_000)
    tab.wait_for_timeout(500)  # the stream of the first result closes; a person takes longer to choose
    tab.get_by_role("button", name="a waste of time").click()
    expect(headline).to_have_text("negative")
    text = tab.get_by_label("Text", exact=True).locator("visible=true").first
    expect(text).to_have_value("a waste of time")
    text.fill("")
    tab.get_by_role("button", name="Classify", exact=True).click()
    expect(tab.get_by_role("alert").locator("visible=true")).to_have_text(
        "The text is empty: write something to classify."
    )
    expect(headline).to_have_count(0)
    expect(tab.get_by_test_id("toast-body")).to_have_count(0)
    open_tab(tab, "Translation")
    expect(tab.get_by_role("button", name="Translate", exact=True)).to_be_disabled()
    open_tab(tab, "Classify")
    expect(headline).to_have_count(0)  # the first example does not run again


@pytest.mark.browser
def test_heads_are_chosen_by_keys_and_their_attention_is_saved(tab: Page, tmp_path: Path) -> None:
    open_tab(tab, "Look inside", "Attention")
    tab.locator('[data-head="0.0"]').focus(timeout=60_000)
    tab.keyboard.press("ArrowDown")
    expect(tab.locator("h4:text('Layer 2, head 1')")).to_be_visible()
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Download “Layer 2, head 1” as CSV").click()
    download.value.save_as(tmp_path / "head.csv")
    with (tmp_path / "head.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["from"] == "3"]
    assert sum(float(row["attention"]) for row in rows) == pytest.approx(1, abs=1e-3)
    assert {row["layer"] for row in rows} == {"2"}
    assert rows[0]["to_token"] == "[CLS]"
