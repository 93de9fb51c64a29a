"""A first visit with a stopwatch: seconds and clicks from Home to a result, to a trained and tried model, to a published one.

    python app.py                                       # with HF_ENDPOINT naming a Hub of tests, see tests/hub
    python benchmarks/first_visit.py --token TOKEN --owner NAME [--url URL] [PLUGIN ...]

Chromium opens Home, presses what a visitor presses ("Train on sample data", Quick, "Start training", "Try it", "Publish"),
and waits for what a visitor waits for. The training time is the machine's: run nothing beside it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from playwright.sync_api import Page, sync_playwright

BUSY = ":is(.wrap.default.full, .wrap.generating, .wrap.translucent):not(.hide)"  # Gradio's covers of what is computed
IDLE = f"() => ![...document.querySelectorAll('{BUSY}')].some(each => each.offsetParent)"
ENDED = (
    "() => ['finished', 'failed', 'cancelled', 'lost'].includes(document.querySelector('.run-monitor')?.dataset.status)"
)
FAMILIES = {  # plugin -> the heading of its card, and a text that a first result has
    "bert_finetune": ("BERT", "positive"),
    "gpt_prompting": ("GPT", "weather"),
    "ae_anomaly": ("Anomalies", "alerts in"),
    "denoising_ae": ("Denoising", "Estimated noise level"),
    "diffusion_cfg": ("Diffusion", "seeds from"),
}
PATIENCE = 1_200_000  # milliseconds


class Visit:
    """One window, its clicks and its clock."""

    def __init__(self, page: Page, url: str, title: str):
        self.page, self.clicks, self.started = page, 0, time.perf_counter()
        page.goto(url)
        self.card = page.locator(".home-card", has=page.locator("h2", has_text=title))

    def press(self, button: Callable[[], None]) -> None:
        button()
        self.clicks += 1

    def reached(self) -> str:
        return f"{self.clicks} click{'s' * (self.clicks != 1)}, {time.perf_counter() - self.started:.1f} s"


def result(page: Page, url: str, name: str) -> str:
    title, text = FAMILIES[name]
    visit = Visit(page, url, title)
    visit.press(visit.card.get_by_role("link", name="Try it").click)
    page.get_by_text(text).locator("visible=true").first.wait_for()
    settle(page)
    return visit.reached()


def trained_and_published(page: Page, url: str, name: str, owner: str, token: str) -> tuple[str, str]:
    visit = Visit(page, url, FAMILIES[name][0])
    visit.press(visit.card.get_by_role("link", name="Train on sample data").click)
    page.locator("table.sheet").wait_for()
    settle(page)
    visit.press(page.locator("label", has_text="Quick").first.click)
    visit.press(page.get_by_role("button", name="Start training").click)
    page.wait_for_url("**/run?run=*")
    page.wait_for_function(ENDED)
    run = page.url
    visit.press(page.get_by_role("link", name="Try it").click)
    page.wait_for_url(f"**/{name}?weights=*")
    page.wait_for_timeout(1500)  # the page fills, then runs its example
    settle(page)
    tried = visit.reached()
    page.goto(run)
    visit.press(page.get_by_role("link", name="Publish").click)
    page.get_by_label("Your Hub token").fill(token)
    page.get_by_label("Repository").first.fill(f"{owner}/{name.replace('_', '-')}")
    settle(page)
    visit.press(page.get_by_role("button", name="Push to the Hub").click)
    page.locator(".push-state a").wait_for()
    return tried, visit.reached()


def settle(page: Page) -> None:
    page.wait_for_timeout(300)
    page.wait_for_function(IDLE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plugins", nargs="*", default=list(FAMILIES))
    parser.add_argument("--url", default="http://127.0.0.1:7860/")
    parser.add_argument("--owner", required=True)
    parser.add_argument("--token", required=True)
    options = parser.parse_args()
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        print("| family | first result | trained and tried | published |\n| --- | --- | --- | --- |")
        for name in options.plugins:
            with browser.new_context(viewport={"width": 1440, "height": 900}) as window:
                page = window.new_page()
                page.set_default_timeout(PATIENCE)
                first = result(page, options.url, name)
                rest = trained_and_published(page, options.url, name, options.owner, options.token)
                print(f"| {FAMILIES[name][0]} | {first} | {' | '.join(rest)} |", flush=True)


if __name__ == "__main__":
    main()
