"""The live view of a run in a real browser: a real Gradio page over real, growing event files."""

from __future__ import annotations

import io
import json
import math
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from spaces_app.page.theme import CSS, HEAD, THEME
from spaces_app.panels.monitor import RunMonitor
from training.data_url import as_url, chart_item, image_png

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=\"window.hacked='tag'\">${window.hacked='template'}{{value}}"
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


class Runs:
    """Run folders under `root`, each an events.jsonl that grows and a status beside it."""

    def __init__(self, root: Path):
        self.root = root
        self.status: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.is_answering = True

    def start(self, run_id: str, **status: Any) -> str:
        (self.root / f"{len(self.status)}.jsonl").touch()
        self.status[run_id] = {
            "id": run_id, "plugin": "bert_finetune", "trainer": "classify", "title": "Sentiment of reviews",
            "status": "running", "step": 0, "steps": 600, "metrics": {}, "best": {}, "rate": 41.3, "seconds": 72.0,
            "seconds_left": 118.0, "message": "", "queue_position": None, "size_bytes": 34_500_000,
            "log_tail": "loading model\nstep 1\n", "can_resume": False, "number": len(self.status),
        } | status  # fmt: skip
        return run_id

    def write(self, run_id: str, *events: dict[str, Any]) -> None:
        lines = "".join(json.dumps({"time": time.time()} | event) + "\n" for event in events)
        with self._path(run_id).open("a", encoding="utf-8") as file:
            file.write(lines)

    def train(self, run_id: str, first: int, last: int) -> None:
        """Write the steps `first` to `last`, with an evaluation and a preview at each 50."""
        for step in range(first, last + 1):
            self.write(run_id, step_event(step), *(report_events(step) if step % 50 == 0 else ()))
        self.status[run_id]["step"] = last

    def fetch(self, run_id: str, offset: int, request: Any = None) -> dict[str, Any]:
        self.asked.append(run_id)
        if not self.is_answering:
            raise ConnectionError("The server is restarting.")
        if run_id not in self.status:
            return {"error": f"There is no run {run_id!r}."}
        with self._path(run_id).open("rb") as file:
            file.seek(offset)
            lines = file.read()
        events = [json.loads(line) for line in lines.splitlines()]
        return {"events": events, "offset": offset + len(lines), "status": self.status[run_id]}

    def _path(self, run_id: str) -> Path:
        return self.root / f"{self.status[run_id]['number']}.jsonl"


def step_event(step: int) -> dict[str, Any]:
    loss = 0.25 + 0.45 * math.exp(-step / 120) + 0.05 * math.sin(7.3 * step) * math.cos(1.9 * step)
    learning_rate = 3e-4 * min(1, step / 60) * 0.5 * (1 + math.cos(math.pi * step / 600))
    return {"event": "step", "step": step, "loss": loss, "learning_rate": learning_rate, "grad_norm": 1.2, "rate": 41.3}


def report_events(step: int) -> list[dict[str, Any]]:
    accuracy = 0.93 - 0.43 * math.exp(-step / 110) - (0.02 if step > 250 else 0)
    metrics = {"loss": 0.3 + 0.4 * math.exp(-step / 100), "accuracy": accuracy, "macro_f1": accuracy - 0.03}
    texts = [
        {"text": f"step {step}: a warm, quietly funny film → positive"},
        {"text": "the plot never starts → negative"},
    ]
    return [
        {"event": "eval", "step": step, "metrics": metrics, "best": step <= 250},
        {"event": "sample", "step": step, "items": [*texts, {"image": PIXEL, "caption": f"digit at {step}"}]},
        {"event": "checkpoint", "step": step, "size_bytes": 17_000_000, "seconds": 0.4},
    ]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def url(runs: Runs) -> Iterator[str]:
    with gr.Blocks(title="Monitor") as demo:
        run_id = gr.Textbox(label="Run")
        with gr.Tab("Train"):
            monitor = RunMonitor(runs.fetch)
        gr.Tab("Other")
        run_id.submit(lambda chosen: chosen, run_id, monitor, queue=False, show_progress="hidden")
    _, address, _ = demo.launch(
        theme=THEME, css=CSS, head=HEAD, prevent_thread_lock=True, quiet=True, server_name="127.0.0.1", ssr_mode=False
    )
    yield address
    demo.close()


@pytest.fixture(scope="module")
def shared_page(browser: Browser, url: str) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(url)
    yield page
    page.close()


@pytest.fixture
def problems(shared_page: Page) -> Iterator[list[str]]:
    """What the page logs as an error or asks of another machine."""
    found: list[str] = []
    listeners = {
        "console": lambda message: found.append(message.text) if message.type == "error" else None,
        "pageerror": lambda error: found.append(str(error)),
        "request": lambda request: None if is_local(request.url) else found.append(request.url),
    }
    for event, listener in listeners.items():
        shared_page.on(event, listener)  # pyright: ignore[reportCallIssue, reportArgumentType] # one overload an event
    yield found
    for event, listener in listeners.items():
        shared_page.remove_listener(event, listener)


@pytest.fixture
def page(shared_page: Page, problems: list[str]) -> Iterator[Page]:
    """The one open page, which has to stay free of problems."""
    yield shared_page
    assert problems == []


def is_local(address: str) -> bool:
    return re.match(r"(http://127\.0\.0\.1[:/]|data:|blob:)", address) is not None


def show(page: Page, run_id: str) -> None:
    page.get_by_label("Run", exact=True).fill(run_id)
    page.get_by_label("Run", exact=True).press("Enter")
    expect(page.locator(".run-monitor .about") if run_id else page.get_by_text("No run to show yet")).to_have_text(
        run_id or "No run to show yet"
    )


def points(page: Page, curve: str) -> int:
    return int(page.locator(".run-monitor .plot").first.get_attribute(f"data-{curve}") or 0)


def wait_for_points(page: Page, curve: str, number: int) -> None:
    page.wait_for_selector(f'.run-monitor .plot[data-{curve}="{number}"]')


def test_no_run_shows_a_friendly_empty_state(page: Page):
    expect(page.get_by_text("No run to show yet")).to_be_visible()


def test_curve_grows_while_the_run_writes(page: Page, runs: Runs):
    run_id = runs.start("bert_finetune-growing")
    runs.write(run_id, {"event": "queued"}, {"event": "starting"}, {"event": "started", "step": 0, "steps": 600})
    runs.train(run_id, 1, 100)
    show(page, run_id)
    wait_for_points(page, "raw", 100)
    runs.train(run_id, 101, 120)
    wait_for_points(page, "raw", 120)


def test_work_before_the_first_step_and_after_the_last_is_told(page: Page, runs: Runs):
    run_id = runs.start("bert_finetune-related")
    runs.status[run_id]["message"] = "encoding texts: 20%"
    show(page, run_id)
    progress = page.locator(".run-monitor .progress-text")
    expect(progress).to_contain_text("encoding texts: 20%")
    runs.write(run_id, {"event": "started", "step": 0, "steps": 60})
    runs.status[run_id] |= {"step": 60, "steps": 60, "message": "Scoring shop.csv: 40%"}
    expect(progress).to_contain_text("step 60 of 60 · Scoring shop.csv: 40%")


def test_progress_is_told_in_words_and_as_a_progress_bar(page: Page, runs: Runs):
    run_id = runs.start("bert_finetune-progress", step=120)
    runs.write(run_id, {"event": "started", "step": 0, "steps": 600})
    show(page, run_id)
    bar = page.get_by_role("progressbar", name="Training progress")
    expect(bar).to_have_attribute("aria-valuetext", "step 120 of 600 · 41.3 rows/s · 1 min 58 s left")
    expect(bar).to_have_attribute("aria-valuenow", "120")


def test_chart_summarises_itself_for_a_screen_reader(page: Page, runs: Runs):
    run_id = runs.start("bert_finetune-summary")
    runs.train(run_id, 1, 301)
    show(page, run_id)
    chart = page.get_by_role("img", name=re.compile(r"training loss fell from 0\.\d+ to 0\.\d+ over 300 steps"))
    expect(chart).to_be_visible()


def test_long_run_is_thinned(page: Page, runs: Runs):
    run_id = runs.start("bert_finetune-long")
    runs.write(run_id, *(step_event(step) for step in range(1, 5001)))
    show(page, run_id)
    wait_for_points(page, "raw", 556)


def test_resumed_run_replaces_the_steps_it_tells_again(page: Page, runs: Runs):
    run_id = runs.start("bert_finetune-resumed")
    runs.train(run_id, 1, 160)
    show(page, run_id)
    wait_for_points(page, "raw", 160)
    runs.write(run_id, {"event": "started", "step": 100, "steps": 600, "resumed": True}, step_event(101))
    wait_for_points(page, "raw", 101)
    assert points(page, "eval") == 2


def test_metrics_table_tells_last_and_best(page: Page, runs: Runs):
    run_id = runs.start("bert_finetune-metrics", metrics={"accuracy": 0.9012}, best={"accuracy": 0.9234})
    runs.train(run_id, 240, 310)
    show(page, run_id)
    expect(page.get_by_role("row", name="accuracy 0.9012 0.9234")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Best (step 250)")).to_be_visible()


def test_metric_to_plot_can_be_chosen(page: Page, runs: Runs):
    run_id = runs.start("bert_finetune-choice")
    runs.train(run_id, 1, 100)
    show(page, run_id)
    page.get_by_label("Metric to plot").select_option("macro_f1")
    expect(page.get_by_role("img", name=re.compile("^macro_f1 rose from"))).to_be_visible()


def test_arrow_keys_read_the_curve_step_by_step(page: Page, runs: Runs):
    run_id = runs.start("bert_finetune-keys")
    runs.train(run_id, 1, 20)
    show(page, run_id)
    wait_for_points(page, "raw", 20)
    page.get_by_role("img", name=re.compile("training loss")).press("ArrowLeft")
    expect(page.locator(".run-monitor .tip strong").first).to_have_text("step 19")


def test_scrubber_goes_back_to_an_earlier_preview(page: Page, runs: Runs):
    run_id = runs.start("bert_finetune-previews")
    runs.train(run_id, 1, 150)
    show(page, run_id)
    expect(page.get_by_text("step 150: a warm")).to_be_visible()
    page.get_by_label("Step of the preview").press("ArrowLeft")
    expect(page.get_by_text("step 100: a warm")).to_be_visible()
    expect(page.get_by_alt_text("digit at 100")).to_be_visible()


def test_a_chart_is_shown_as_wide_as_the_panel_and_a_small_picture_is_not(page: Page, runs: Runs):
    run_id = runs.start("bert_finetune-chart")
    runs.train(run_id, 1, 20)
    chart = as_url(image_png(Image.new("RGB", (600, 300))))
    items = [{"image": chart, "caption": "a chart"}, {"image": PIXEL, "caption": "a pixel"}]
    runs.write(run_id, {"event": "sample", "step": 20, "items": items})
    show(page, run_id)
    expect(page.locator(".images .large")).to_have_count(1)
    wide, small, panel = (page.locator(where).bounding_box() for where in ("img[alt='a chart']", "img[alt='a pixel']", ".run-monitor .images"))  # fmt: skip
    assert wide and small and panel and wide["width"] > 0.95 * panel["width"] > 2 * small["width"]


def test_on_the_dark_page_charts_are_dark_and_white_pictures_glare_less(page: Page, runs: Runs):
    run_id = runs.start("bert_finetune-dark")
    runs.train(run_id, 1, 20)
    white = image_png(Image.new("RGB", (60, 60), "white"))
    items = [chart_item(white, "a chart"), {"image": as_url(white), "caption": "a picture"}]
    runs.write(run_id, {"event": "sample", "step": 20, "items": items})
    show(page, run_id)

    def lightness(name: str) -> int:
        """Of the middle of an image as it is seen, 0 to 255."""
        page.mouse.move(0, 0)
        shot = Image.open(io.BytesIO(page.get_by_alt_text(name).screenshot())).convert("L")
        return shot.getpixel((shot.width // 2, shot.height // 2))  # type: ignore[return-value] - of one channel

    assert [lightness("a chart"), lightness("a picture")] == [255, 255]
    page.evaluate("document.body.classList.add('dark')")
    try:
        assert lightness("a chart") < 40
        assert 200 < lightness("a picture") < 230
    finally:
        page.evaluate("document.body.classList.remove('dark')")


def test_hostile_text_stays_text(page: Page, runs: Runs):
    items = [
        {"text": HOSTILE},
        {"image": "http://192.0.2.1/x.png", "caption": "c"},
        {"image": PIXEL, "caption": HOSTILE},
    ]
    run_id = runs.start(
        HOSTILE, title=HOSTILE, message=HOSTILE, log_tail=HOSTILE, status="failed", metrics={HOSTILE: 1.0}
    )
    runs.train(run_id, 1, 20)
    runs.write(
        run_id, {"event": "eval", "step": 20, "metrics": {HOSTILE: 0.5}}, {"event": "notice", "message": HOSTILE}
    )
    runs.write(run_id, {"event": "sample", "step": 20, "items": items})
    show(page, run_id)
    expect(page.locator(".run-monitor .sample-text")).to_have_text(HOSTILE)
    assert page.locator(".run-monitor").get_by_text(HOSTILE).count() >= 8
    assert page.locator(".run-monitor img").count() == 1
    assert page.evaluate("window.hacked") is None


def test_unknown_hostile_id_is_refused_in_words(page: Page):
    show(page, f"unknown {HOSTILE}")
    expect(page.get_by_text("This run cannot be shown.")).to_be_visible()
    assert page.evaluate("window.hacked") is None


def test_another_run_starts_from_nothing(page: Page, runs: Runs):
    first, second = runs.start("ae_anomaly-first"), runs.start("ae_anomaly-second", title="The other one")
    runs.train(first, 1, 60)
    runs.train(second, 1, 10)
    show(page, first)
    wait_for_points(page, "raw", 60)
    show(page, second)
    wait_for_points(page, "raw", 10)
    expect(page.get_by_role("heading", name="The other one")).to_be_visible()
    expect(page.get_by_text("a warm, quietly funny film")).to_have_count(0)


def test_failed_run_says_why(page: Page, runs: Runs):
    message = "Column 'labels' is not in reviews.csv; it has: text, label."
    show(page, runs.start("bert_finetune-failed", status="failed", message=message))
    expect(page.get_by_role("status").get_by_text("Failed")).to_be_visible()
    expect(page.locator(".remark.red")).to_contain_text(message)


def test_broken_run_says_what_is_damaged(page: Page, runs: Runs):
    message = "This run's folder is damaged: config.yaml is no YAML. It can only be deleted."
    show(page, runs.start("bert_finetune-broken", status="broken", message=message))
    expect(page.get_by_role("status").get_by_text("Broken")).to_be_visible()
    expect(page.locator(".remark.red")).to_contain_text(message)


def test_finished_run_is_asked_for_no_more(browser: Browser, url: str, runs: Runs):
    done = runs.start("bert_finetune-done", status="finished", step=600)
    stopped = runs.start("bert_finetune-stopped", status="cancelled", step=100, can_resume=True)
    page = browser.new_page()
    page.clock.install()
    page.goto(url)
    show(page, done)
    expect(page.get_by_role("status").get_by_text("Finished")).to_be_visible()
    page.clock.fast_forward(60_000)
    show(page, stopped)
    expect(page.get_by_text("Stopped at step 100.")).to_be_visible()
    with page.expect_response("**/component_server/"):
        page.clock.fast_forward(60_000)
    page.close()
    assert (runs.asked.count(done), runs.asked.count(stopped) > 1) == (1, True)


def test_run_goes_on_when_the_server_is_back(page: Page, problems: list[str], runs: Runs):
    run_id = runs.start("bert_finetune-restart")
    runs.train(run_id, 1, 10)
    show(page, run_id)
    wait_for_points(page, "raw", 10)
    runs.is_answering = False
    expect(page.get_by_text("No answer from the server, reconnecting…")).to_be_visible()
    runs.train(run_id, 11, 20)
    runs.is_answering = True
    wait_for_points(page, "raw", 20)
    expect(page.get_by_text("reconnecting")).to_have_count(0)
    problems[:] = [problem for problem in problems if "status of 500" not in problem]


def test_run_catches_up_when_its_tab_is_opened_again(page: Page, runs: Runs):
    run_id = runs.start("bert_finetune-tab")
    runs.train(run_id, 1, 10)
    show(page, run_id)
    wait_for_points(page, "raw", 10)
    page.get_by_role("tab", name="Other").click()
    runs.train(run_id, 11, 30)
    page.get_by_role("tab", name="Train").click()
    wait_for_points(page, "raw", 30)


def test_run_catches_up_when_the_window_is_seen_again(page: Page, runs: Runs):
    run_id = runs.start("bert_finetune-window")
    runs.train(run_id, 1, 10)
    show(page, run_id)
    wait_for_points(page, "raw", 10)
    be_hidden = "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true }); }"
    page.evaluate(be_hidden, True)
    runs.train(run_id, 11, 30)
    page.evaluate(be_hidden, False)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    wait_for_points(page, "raw", 30)


def test_no_value_goes_back_to_the_empty_state(page: Page, runs: Runs):
    show(page, runs.start("bert_finetune-leaving"))
    expect(page.get_by_role("progressbar")).to_be_visible()
    show(page, "")
    expect(page.get_by_text("No run to show yet")).to_be_visible()
