"""The README's pictures: start the app, use the page of each plugin with its starter weights, and save a screenshot.

    python docs/screenshots.py [PLUGIN ...]

Needs Chromium (`apt-get install chromium`) and the packages of requirements-dev.txt; no network. Writes docs/PLUGIN.png
at 1440 x 900, docs/home.png, and docs/train.png with a run's live curves.
"""

from __future__ import annotations

import io
import os
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
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from plugins._discovery import discover  # noqa: E402 - of the checkout that this file is in

IMAGES = ROOT / "docs"  # a Space gets docs/*.png beside the README
SIZE = {"width": 1440, "height": 900}
PENDING = ".progress-text, .wrap.translucent:not(.hide)"
HOME_SECONDS = 60  # until the starters have computed their live results
CURVE_STEPS = 40  # of training, for curves that can be seen
REACHED = "(steps) => +document.querySelector('[role=progressbar]')?.getAttribute('aria-valuenow') >= steps"
PATIENCE = 120_000  # milliseconds; the first prediction waits for imports


def main() -> None:
    names = [found.name for found in discover("builtin") if found.plugin]
    with tempfile.TemporaryDirectory() as home, app(Path(home)) as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for name in sys.argv[1:] or [*names, "home", "train"]:
            page = browser.new_page(viewport=SIZE, color_scheme="light", reduced_motion="reduce")
            page.set_default_timeout(PATIENCE)
            if name == "train":
                train(page, address)
            elif name == "home":
                page.goto(address)
                page.wait_for_timeout(HOME_SECONDS * 1000)
            else:
                use(page, f"{address}{name}")
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


def use(page: Page, address: str) -> None:
    """Open a plugin's page: its first box runs its first example by itself."""
    page.goto(address)
    page.locator("button.primary >> visible=true").first.wait_for()
    settled(page)
    page.evaluate("scrollTo(0, 0)")


def train(page: Page, address: str) -> None:
    """A classifier, trained on the sample data until its curves can be seen."""
    page.goto(f"{address}bert_finetune-classify?sample=reviews")
    page.get_by_text("OK", exact=True).first.wait_for()  # the data were looked at
    page.get_by_role("button", name="Start training").click()
    page.wait_for_function(REACHED, arg=CURVE_STEPS, timeout=5 * PATIENCE)
    page.evaluate("scrollTo(0, 0)")


def save(png: bytes, path: Path) -> None:
    """Save a screenshot with 256 colours: a third of the size."""
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256).save(path, optimize=True)


def settled(page: Page) -> None:
    """Wait until Gradio has shown the result."""
    page.wait_for_timeout(5000)
    page.wait_for_function(f"![...document.querySelectorAll('{PENDING}')].some(e => e.offsetParent)")
    page.wait_for_timeout(2000)


if __name__ == "__main__":
    main()
