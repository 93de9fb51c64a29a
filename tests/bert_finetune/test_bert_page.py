"""Every box of the BERT tab answers on the page, with the starters."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests import page
from tests.page import Site

site = page.site  # fixture


@pytest.mark.slow
@pytest.mark.browser
def test_every_box_of_the_tab_answers(browser: Browser, site: Site) -> None:
    tab, problems = browser.new_page(), []
    tab.on("pageerror", lambda error: problems.append(str(error)))
    tab.goto(site.url)
    tab.get_by_role("tab", name="BERT").click()
    for outer, inner, button, answer in (
        ("Try", "Classify", "Classify", ":text('positive')"),
        ("Try", "Named entities", "Find entities", ":text('Copenhagen')"),
        ("Try", "Question answering", "Answer", ":text('no answer'), [data-testid=label-output-value]"),
        ("Try", "Fill mask", "Fill mask", "[role=gridcell]:has-text('0.0')"),
        ("Try", "Next sentence", "Does B follow A?", ":text('B follows A')"),
        ("Look inside", "Explanation", "Explain", ":text('Weight of each word for the label \\'positive\\'')"),
        ("Look inside", "Attention", "Show", ".matplotlib img"),
        ("Look inside", "Masking", "Mask", ":text('masked')"),
        ("Look inside", "Tokenisation", "Tokenise", ":text('sub-words per word')"),
        ("Look inside", "Sentence map", "Plot the map", ".matplotlib img"),
    ):
        for name in (outer, inner):
            tab.get_by_role("tab", name=name, exact=True).locator("visible=true").click()
        tab.get_by_role("button", name=button, exact=True).locator("visible=true").click()
        expect(tab.locator(f"{answer}").locator("visible=true").first).to_be_visible(timeout=60_000)
    assert not [problem for problem in problems if "favicon" not in problem]
    tab.close()
