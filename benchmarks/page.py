"""The page and the API: start, pages in the browser, memory a visitor, click to first step, latency while a run trains.

    python benchmarks/page.py [--data train.tsv] [--only pages]

Starts `python app.py` on a free port with a home of its own and stops it at the end. The pages are opened in Chromium. The
peer of start and pages is a page of five tabs by Gradio alone, in the same run. Without data it trains on the box's sample.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
BARE = """
import gradio as gr
with gr.Blocks() as demo:
    for number in range(5):
        with gr.Tab(f"Tab {number}"):
            text, shown = gr.Textbox(label="Text"), gr.Textbox(label="Result")
            gr.Button("Run").click(str.upper, text, shown)
demo.launch(quiet=True, ssr_mode=False)
"""
OURS = [sys.executable, str(ROOT / "app.py")]
CALLS = 200
PAGES = {  # path -> what can be pressed once the page is usable
    "": "link:BERT",
    "bert_finetune": "button:Classify",
    "gpt_prompting": "button:Classify",
    "ae_anomaly": "button:Score the file",
    "denoising_ae": "button:Denoise",
    "diffusion_cfg": "button:Generate",
    "bert_finetune-classify": "button:Start training",
    "runs": "link:Tour",
}
VISITORS = 20  # loads of one page, over which the server's memory is measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=["pages"])
    options = parser.parse_args()
    if options.only == "pages":
        pages(options.rounds)
        return
    imports()
    ours, bare = zip(*(starts() for _ in range(options.rounds)), strict=True)
    start, peer = statistics.median(ours), statistics.median(bare)
    print(f"start to HTTP 200: {start:.2f} s; a bare Gradio page {peer:.2f} s; {start / peer:.2f}x")
    pages(options.rounds)
    with server(OURS) as (url, _, _):
        time.sleep(8)  # the warm process imports; a person reads the page meanwhile
        runs = [click_to_step(url, options.data, steps=20) for _ in range(options.rounds)]
        print(
            f"click to first optimiser step: {statistics.median(runs):.2f} s (of {', '.join(f'{r:.2f}' for r in runs)})"
        )
        load(url, options.data)


def imports() -> None:
    for module in ("app", "gradio"):
        times = [timed([sys.executable, "-c", f"import {module}"]) for _ in range(3)]
        print(f"import {module}: {statistics.median(times):.2f} s")


def timed(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - started


def starts() -> tuple[float, float]:
    """Seconds from the command to the first answer: ours, and a bare page's."""
    with server(OURS) as (_, ours, _):
        pass
    with server([sys.executable, "-c", BARE]) as (_, bare, _):
        pass
    return ours, bare


@contextlib.contextmanager
def server(command: list[str]) -> Iterator[tuple[str, float, int]]:
    """Start a page; yields its address, how long it took to answer, and the process's id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tempfile.mkdtemp(prefix="selfsup-bench-")
    started = time.perf_counter()
    environment = {
        **os.environ,
        "GRADIO_SERVER_PORT": str(port),
        "SELFSUP_HOME": home,
        "GRADIO_ANALYTICS_ENABLED": "False",
    }
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    url = f"http://127.0.0.1:{port}"
    try:
        while not answers(url):
            time.sleep(0.02)
        yield url, time.perf_counter() - started, process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        shutil.rmtree(home, ignore_errors=True)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return reply.status == 200
    except OSError:
        return False


def pages(rounds: int) -> None:
    """Each page beside the bare one: seconds to a button that can be pressed, and what the browser holds then."""
    browser_path = shutil.which("chromium")
    if not browser_path:
        print("pages: no Chromium here")
        return
    from playwright.sync_api import sync_playwright

    with (
        sync_playwright() as play,
        server(OURS) as (ours, _, pid),
        server([sys.executable, "-c", BARE]) as (bare, _, _),
    ):
        browser = play.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        time.sleep(10)  # the warm process imports
        for url, pressed in ((bare, "button:Run"), (ours, PAGES[""])):  # both warm
            opened(browser, url, pressed)
        peer = [opened(browser, bare, "button:Run") for _ in range(rounds)]
        line("bare Gradio, five tabs", peer, peer)
        for path, pressed in PAGES.items():
            line(f"/{path}", [opened(browser, f"{ours}/{path}", pressed) for _ in range(rounds)], peer)
        before = resident(pid)
        for _ in range(VISITORS):
            opened(browser, f"{ours}/bert_finetune", PAGES["bert_finetune"])
        print(f"memory of the server a visitor: {(resident(pid) - before) / VISITORS:.2f} MB ({VISITORS} visitors)")
        browser.close()


Opened = tuple[float, float, float, float, float]  # seconds, requests, MB received, MB of script memory, nodes


def opened(browser: Any, url: str, pressed: str) -> Opened:
    """Open a page as a new visitor."""
    page = browser.new_context().new_page()
    responses: list[Any] = []
    page.on("response", lambda response: responses.append(response))
    role, _, name = pressed.partition(":")
    started = time.perf_counter()
    page.goto(url)
    page.get_by_role(role, name=name).locator("visible=true").first.wait_for(timeout=60_000)
    seconds = time.perf_counter() - started
    page.wait_for_timeout(1000)  # a stream of events stays open, so that the network is never idle
    received = page.evaluate("performance.getEntries().reduce((sum, each) => sum + (each.transferSize ?? 0), 0)")
    held = page.context.new_cdp_session(page).send("Runtime.getHeapUsage")["usedSize"]
    nodes = page.evaluate("document.querySelectorAll('*').length")
    page.context.close()
    return seconds, len(responses), received / 2**20, held / 2**20, nodes


def line(name: str, found: list[Opened], peer: list[Opened]) -> None:
    seconds, requests, received, held, nodes = (statistics.median(values) for values in zip(*found, strict=True))
    ratio = seconds / statistics.median(each[0] for each in peer)
    print(
        f"{name:<26}{seconds:6.2f} s {ratio:5.2f}x {requests:5.0f} requests {received:6.2f} MB "
        f"{held:6.1f} MB of script memory {nodes:6.0f} nodes",
        flush=True,
    )


def resident(pid: int) -> float:
    """Memory of a process in MB."""
    pages_held = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages_held * os.sysconf("SC_PAGE_SIZE") / 2**20


def client(url: str) -> Any:
    from gradio_client import Client

    return Client(url, verbose=False)


def train(caller: Any, data: str | None, steps: int) -> tuple[str, float]:
    """Start a run; its id and the moment of the click."""
    from gradio_client import handle_file

    settings: dict[str, Any] = {"steps": steps} | ({} if data else {"data": "sample:reviews"})
    upload = handle_file(data) if data else None
    clicked = time.time()
    return caller.predict("bert_finetune", "classify", settings, upload, api_name="/train")["id"], clicked


def click_to_step(url: str, data: str | None, steps: int) -> float:
    caller = client(url)
    run, clicked = train(caller, data, steps)
    found = wait(caller, run, lambda state: state["status"]["status"] not in ("queued", "running"))
    return next(event["time"] for event in found["events"] if event["event"] == "step") - clicked


def wait(caller: Any, run: str, done: Any) -> dict:
    while True:
        state = caller.predict(run, 0, api_name="/run_events")
        if done(state):
            return state
        time.sleep(0.2)


def load(url: str, data: str | None) -> None:
    """Calls of `/run_status` with 1, 10 and 50 clients while a run trains, against the same without a run."""
    caller = client(url)
    idle = {clients: latencies(url, clients) for clients in (1, 10, 50)}
    run, _ = train(caller, data, steps=100_000)
    wait(caller, run, lambda state: state["status"]["step"] > 0)
    for clients in (1, 10, 50):
        seconds, rate = latencies(url, clients)
        alone, rate_alone = idle[clients]
        median, p95 = 1000 * statistics.median(seconds), 1000 * sorted(seconds)[int(0.95 * len(seconds))]
        print(
            f"{clients:>2} clients: median {median:.0f} ms, p95 {p95:.0f} ms, {rate:.0f} calls/s while a run trains; "
            f"idle: {1000 * statistics.median(alone):.0f} ms, {rate_alone:.0f} calls/s"
        )
    caller.predict(run, api_name="/run_cancel")
    wait(caller, run, lambda state: state["status"]["status"] == "cancelled")


def latencies(url: str, clients: int) -> tuple[list[float], float]:
    """Seconds of each of `CALLS` calls to `/runs`, and calls a second altogether."""

    def work(number: int) -> list[float]:
        found = []
        session = f"bench{number}"
        for _ in range(CALLS // clients):
            started = time.perf_counter()
            call(url, session)
            found.append(time.perf_counter() - started)
        return found

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        seconds = [one for many in pool.map(work, range(clients)) for one in many]
    return seconds, len(seconds) / (time.perf_counter() - started)


def call(url: str, session: str) -> Any:
    """One call as `curl` would make it: start, then read the result's stream."""
    request = urllib.request.Request(
        f"{url}/gradio_api/call/runs",
        data=json.dumps({"data": [], "session_hash": session}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        event = json.load(reply)["event_id"]
    with urllib.request.urlopen(f"{url}/gradio_api/call/runs/{event}", timeout=60) as reply:
        return reply.read()


if __name__ == "__main__":
    main()
