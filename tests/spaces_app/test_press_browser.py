"""Every button of a page is pressed while its fields are empty: a sentence, and never a bare pill, an error or a dead page."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client
from playwright.sync_api import Browser, Page, expect

from plugins._discovery import discover
from tests.page import Site, served, write_reviews

pytestmark = pytest.mark.browser
ELSEWHERE = re.compile(r"Start training|^Download$|^(Copy|Fullscreen|Settings)|trackio")  # runs, files, the clipboard
PENDING = "() => ![...document.querySelectorAll('.progress-text, .generating')].some((e) => e.offsetParent)"
PILLS = "() => [...document.querySelectorAll('span.error')].filter((e) => e.offsetParent).length"
EMPTY = """() => {
  for (const field of document.querySelectorAll("main textarea, main input:not([type]), main input[type=text], main input[type=number]")) {
    if (!field.offsetParent || field.disabled || field.readOnly || field.role === "combobox") continue;
    const kind = field.tagName === "TEXTAREA" ? HTMLTextAreaElement : HTMLInputElement;
    Object.getOwnPropertyDescriptor(kind.prototype, "value").set.call(field, "");
    for (const event of ["input", "change", "blur"]) field.dispatchEvent(new Event(event, { bubbles: true }));
  }
  for (const clear of document.querySelectorAll('main button[aria-label="Clear"]')) clear.click();
}"""
BUTTONS = """() => [...document.querySelectorAll("main button:not([role=tab]):not(.label-wrap):not(:disabled)")]
  .filter((button) => button.offsetParent && !button.closest(".tab-wrapper"))
  .map((button, number) => ((button.dataset.pressed = number), (button.innerText || button.ariaLabel || "").trim()))"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(
        tmp_path_factory.mktemp("pressed"), found=discover("gpt_prompting,bert_finetune"), trains=False
    ) as site:
        yield site


def _settle(page: Page) -> None:
    page.wait_for_timeout(150)
    page.wait_for_function(PENDING, timeout=60_000)


def _press_all(page: Page, backwards: bool) -> None:
    """Empty the fields in sight and press what can be pressed, each button twice."""
    page.evaluate(
        "document.querySelectorAll('main button.label-wrap:not(.open)').forEach((e) => e.offsetParent && e.click())"
    )
    page.wait_for_timeout(300)
    page.evaluate(EMPTY)
    _settle(page)
    names = list(enumerate(page.evaluate(BUTTONS)))
    for number, name in names[::-1] if backwards else names:
        button = page.locator(f'[data-pressed="{number}"]')
        if not name or ELSEWHERE.search(name) or not button.count() or not button.first.is_visible():
            continue
        button.first.click()
        if button.first.is_visible():
            button.first.click()
        _settle(page)
        assert page.evaluate(PILLS) == 0, f"{name} leaves a pill without a sentence"


@pytest.mark.slow
@pytest.mark.timeout(600)  # on two busy cores
@pytest.mark.parametrize(
    ("address", "tabs"),
    [
        ("hub", []),
        ("server", []),
        ("gpt_prompting-shots", []),
        ("gpt_prompting", ["Few-shot prompt", "Generate", "Chat"]),
        ("gpt_prompting", ["Look inside", "Token surprisal", "Attention", "Attention to labels"]),
        ("bert_finetune", ["No labels", "Label texts", "Named entities", "Question answering", "Translation"]),
        ("bert_finetune", ["Classify", "Fill mask", "Next sentence"]),
        ("bert_finetune", ["Look inside", "Attention", "Masking", "Tokenisation", "Sentence map"]),
    ],
)
def test_no_button_is_dead_or_leaves_a_bare_pill_while_the_fields_are_empty(
    browser: Browser, site: Site, address: str, tabs: list[str]
) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 1400})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("response", lambda answer: problems.append(answer.url) if answer.status >= 500 else None)
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.goto(f"{site.url}{address}")
    page.locator("main button:visible").first.wait_for()
    for place, tab in enumerate(tabs or [""]):
        if tab:
            page.get_by_role("tab", name=tab, exact=True).click()
        _settle(page)
        _press_all(page, backwards=place % 2 == 1)
    assert problems == []
    page.close()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_weights_that_are_deleted_in_another_tab_leave_the_menu_with_a_sentence(
    browser: Browser, tmp_path: Path
) -> None:
    with served(tmp_path / "home", found=discover("bert_finetune")) as site:
        run = site.train(Client(site.url, verbose=False), write_reviews(tmp_path / "reviews.csv"))
        page = browser.new_page()
        page.goto(f"{site.url}bert_finetune?weights={run}")
        weights = page.get_by_label("Weights").locator("visible=true").first
        expect(weights).to_have_value(re.compile("^Classify of"), timeout=30_000)
        expect(page.get_by_test_id("label-output-value").locator("visible=true").first).to_be_visible(timeout=60_000)
        shutil.rmtree(site.services.runs.store.get(run).folder)
        page.get_by_role("button", name="Classify", exact=True).click()
        expect(page.get_by_text(f"There is no run {run}.")).to_be_visible(timeout=60_000)
        expect(weights).to_have_value(run)  # no name for it: the menu was filled again
        weights.click()
        expect(page.get_by_role("option", name="bert-6x192-sentiment")).to_be_visible()
        expect(page.get_by_role("option", name=re.compile("^Classify of"))).to_have_count(0)
        page.close()
