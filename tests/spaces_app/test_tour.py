"""The guided tour and Home's live results: the starters answer, and the page shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from spaces_app.identity import Caller
from spaces_app.services.tour import ORDER
from tests.accessibility import DESKTOP, PHONE, context, problems
from tests.page import Site, served

# What a stop's own first answer has to say; the numbers are the starters'.
SAYS = {
    "labels": r"20 labels take 3 min, .* right 31\.8% of the time; 1,000 labels take 2\.8 h, .* right 56\.7%",
    "hide-a-word": r"states</th>.*?>8\d%",
    "next-sentence": r"The model says: B follows A\.",
    "few-labels": r"With 100 labels the pre-trained network is right 63\.7% of the time; without pre-training 1,000",
    "prompt": r"4 examples</caption><tbody><tr><th scope=\"row\">blue \(weather\)",
    "write": r"probability: \d+%",
    "chat": r"Model: \w+",
    "squeeze": r"28 columns are squeezed into 16 numbers",
    "odd-rows": r"Of the 10 oddest patients 7 have a thyroid disease; among all 120 there are 20\.",
}
SAYS_SLOWLY = {
    "copy": r"the 784 pixels of an image into 1,024 numbers",
    "noise": r"with noise, PSNR 1\d\.\d dB.*denoised, PSNR 2\d\.\d dB",
    "steps": r"t = 999.*What the model takes it for",
    "score": r"The way down on the picture",
    "guidance": r"scale 0<.*scale 16<.*saturated pixels",
    "two-kinds": r"Perplexity",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("home"), trains=False) as site:
        yield site


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with context(browser, DESKTOP) as window:
        yield window.new_page()


def first_answer(site: Site, name: str) -> str:
    return site.services.tour.answer(name, site.services.tour.stop(name).values, Caller())


def percent(shown: str, label: str) -> float:
    """The number that is written beside a bar."""
    return float(re.search(rf"{re.escape(label)}</th>.*?>([\d.,]+)%?</td>", shown)[1].replace(",", ""))  # type: ignore[index]


def test_every_stop_is_tried() -> None:
    assert {*SAYS, *SAYS_SLOWLY} == set(ORDER)


@pytest.mark.parametrize("name", SAYS)
def test_a_stop_answers(site: Site, name: str) -> None:
    assert re.search(SAYS[name], first_answer(site, name), re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAYS_SLOWLY)
def test_a_slower_stop_answers(site: Site, name: str) -> None:
    assert re.search(SAYS_SLOWLY[name], first_answer(site, name), re.DOTALL)


@pytest.mark.slow
def test_what_the_stops_ask_to_notice_is_there(site: Site) -> None:
    shown = first_answer(site, "prompt")
    assert percent(shown, "4 examples") >= percent(shown, "0 examples") + 5
    shown = first_answer(site, "copy")
    assert percent(shown, "denoising autoencoder") < 0.6 * percent(shown, "plain autoencoder")
    shown = first_answer(site, "two-kinds").split("Perplexity")[1]
    assert percent(shown, "the text") < 0.5 * percent(shown, "its words in disorder")


@pytest.mark.browser
def test_a_link_opens_a_stop_filled_in_and_run(page: Page, site: Site) -> None:
    page.goto(f"{site.url}tour?stop=hide-a-word")
    expect(page.get_by_role("heading", name="Hide a word")).to_be_visible()
    expect(page.get_by_label("Sentence with [MASK]")).to_have_value(re.compile("United"))
    expect(page.locator(".block.tour-result")).to_contain_text("states")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_label("Sentence with [MASK]")).to_have_value("The president of the United [MASK]")
    page.get_by_label("Sentence with [MASK]").fill("no hidden word")
    page.get_by_role("button", name="Guess the word").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no [MASK] in the text")
    expect(page.locator(".block.tour-result")).not_to_contain_text("states")
    page.get_by_role("link", name="Next: Does B follow A?").click()
    expect(page.locator(".block.tour-result")).to_contain_text("B follows A")


@pytest.mark.browser
def test_an_unknown_stop_says_so_and_lists_the_others(page: Page, site: Site) -> None:
    page.goto(f"{site.url}tour?stop=nowhere")
    expect(page.get_by_role("alert")).to_have_text("The tour has no stop 'nowhere'. Choose one from the list.")
    expect(page.get_by_role("button", name="Try it")).not_to_be_visible()
    expect(page.locator(".tour-list a")).to_have_count(len(ORDER))


@pytest.mark.browser
@pytest.mark.parametrize(("theme", "size"), [("light", PHONE), ("dark", DESKTOP)], ids=["phone", "dark"])
def test_a_stop_is_accessible_and_as_wide_as_the_window(browser: Browser, site: Site, theme: str, size) -> None:
    with context(browser, size) as window:
        page = window.new_page()
        page.goto(f"{site.url}tour?stop=labels&__theme={theme}")
        expect(page.locator(".block.tour-result")).to_contain_text("56.7%")
        assert problems(page) == []


@pytest.mark.browser
def test_home_shows_a_result_of_each_family_once_it_is_there(page: Page, site: Site) -> None:
    page.goto(site.url)
    expect(page.locator(".home-card")).to_have_count(5)
    site.services.tour.compute_cards()
    live = page.locator(".home-live")
    expect(live.nth(0)).to_contain_text("states")  # without a reload
    expect(live.nth(1)).to_contain_text("time")
    expect(live.nth(2)).to_contain_text("TSH")
    expect(live.nth(3).locator("img")).to_have_count(2)
    expect(live.nth(4).locator("img")).to_have_count(3)
    sample = page.get_by_role("link", name="Train on sample data").first
    expect(sample).to_have_attribute("href", "./bert_finetune-classify?sample=requests")
