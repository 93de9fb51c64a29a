"""The README's pictures: start the app, use each tab with its starter weights, and save a screenshot of it.

    python docs/screenshots.py [PLUGIN ...]

Needs Chromium (`apt-get install chromium`) and the packages of requirements-dev.txt; no network. Writes docs/PLUGIN.png
at 1440 x 900, and docs/train.png with a run's live curves.
"""

from __future__ import annotations

import csv
import io
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from plugins._discovery import discover  # noqa: E402 - of the checkout that this file is in

IMAGES = ROOT / "docs"  # a Space gets docs/*.png beside the README
SIZE = {"width": 1440, "height": 900}
PENDING = ".progress-text, .wrap.translucent:not(.hide)"
CURVE_SECONDS = 25  # of training, for curves that can be seen
PATIENCE = 120_000  # milliseconds; the first prediction waits for imports


def main() -> None:
    titles = {found.name: found.plugin.title for found in discover("builtin") if found.plugin}
    with tempfile.TemporaryDirectory() as home, app(Path(home)) as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for name in sys.argv[1:] or [*titles, "train"]:
            page = browser.new_page(viewport=SIZE, color_scheme="light", reduced_motion="reduce")
            page.set_default_timeout(PATIENCE)
            page.goto(address)
            if name == "train":
                train(page, titles["bert_finetune"], Path(home))
            else:
                use(page, titles[name])
            save(page.screenshot(), IMAGES / f"{name}.png")
            page.close()


@contextmanager
def app(home: Path) -> Iterator[str]:
    """`python app.py` on a free port, with runs below `home`; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {"SELFSUP_HOME": str(home), "GRADIO_SERVER_PORT": str(port), "SELFSUP_PLUGINS": "builtin"}
    process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env={**os.environ, **variables})
    address = f"http://127.0.0.1:{port}/"
    try:
        while not answers(address):
            assert process.poll() is None, "app.py ended before it answered"
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()


def answers(address: str) -> bool:
    try:
        return urllib.request.urlopen(f"{address}config", timeout=5).status == 200
    except OSError:
        return False


def use(page: Page, title: str) -> None:
    """Open a plugin's tab and press the first button of *Try*, on the starter and the example that are filled in."""
    open_tab(page, title)
    sample = page.get_by_role("button", name=re.compile("sample", re.IGNORECASE)).locator("visible=true")
    if sample.count():
        press(page, sample.first)
    press(page, page.locator("button.primary >> visible=true").first)
    page.evaluate("scrollTo(0, 0)")


def train(page: Page, title: str, home: Path) -> None:
    """A small classifier, trained on a table of reviews until its curves can be seen."""
    data = home / "reviews.csv"
    kinds = [("a warm and funny film , scene {}", "positive"), ("dull and badly acted , scene {}", "negative")]
    rows = [(text.format(row), label) for row in range(200) for text, label in kinds]
    with data.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    open_tab(page, title)
    page.get_by_role("tab", name="Train", exact=True).click()
    form = page.get_by_role("tabpanel").filter(has=page.get_by_role("button", name="Start training")).last
    form.locator("input[type=file]").first.set_input_files(data)
    expect(form.get_by_text(data.stem).first).to_be_visible()
    page.get_by_role("button", name="Start training").click()
    page.get_by_role("progressbar", name="Training progress").wait_for()
    page.wait_for_timeout(CURVE_SECONDS * 1000)
    page.evaluate("scrollTo(0, 200)")


def save(png: bytes, path: Path) -> None:
    """Save a screenshot with 256 colours: a third of the size."""
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256).save(path, optimize=True)


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).first.click()


def press(page: Page, button: Locator) -> None:
    """Press a button and wait until Gradio has shown the result."""
    button.click()
    page.wait_for_timeout(1000)
    page.wait_for_function(f"![...document.querySelectorAll('{PENDING}')].some(e => e.offsetParent)")
    page.wait_for_timeout(1000)


if __name__ == "__main__":
    main()
