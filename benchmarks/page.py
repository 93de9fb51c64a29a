"""The page and the API under load: start, first usable page, click to first step, a trivial endpoint's latency while a run trains.

    python benchmarks/page.py --data train.tsv

Starts `python app.py` on a free port with a home of its own and stops it at the end. The first usable page is timed in Chromium where
there is one. The peer of the start is a page of one text box by Gradio alone, in the same run.
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
BARE = "import gradio as gr\nwith gr.Blocks() as demo:\n    gr.Textbox()\ndemo.launch(quiet=True)\n"
CALLS = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    imports()
    ours, bare = zip(*(starts() for _ in range(options.rounds)), strict=True)
    print(
        f"start to HTTP 200: {statistics.median(ours):.2f} s; a bare Gradio page {statistics.median(bare):.2f} s; {statistics.median(ours) / statistics.median(bare):.2f}x"
    )
    with server([sys.executable, str(ROOT / "app.py")]) as (url, _):
        first_page(url)
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
    with server([sys.executable, str(ROOT / "app.py")]) as (_, ours):
        pass
    with server([sys.executable, "-c", BARE]) as (_, bare):
        pass
    return ours, bare


@contextlib.contextmanager
def server(command: list[str]) -> Iterator[tuple[str, float]]:
    """Start a page; yields its address and how long it took to answer."""
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
        yield url, time.perf_counter() - started
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


def first_page(url: str) -> None:
    """Seconds from opening the address to a button one can press."""
    browser_path = shutil.which("chromium")
    if not browser_path:
        print("first usable page: no Chromium here")
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        times = []
        for _ in range(3):
            page = browser.new_context().new_page()
            started = time.perf_counter()
            page.goto(url)
            page.get_by_role("button", name="Classify", exact=True).first.wait_for()
            times.append(time.perf_counter() - started)
        browser.close()
    print(f"first usable page in Chromium: {statistics.median(times):.2f} s after the server answers")


def client(url: str) -> Any:
    from gradio_client import Client

    return Client(url, verbose=False)


def train(caller: Any, data: str, steps: int) -> tuple[str, float]:
    """Start a run; its id and the moment of the click."""
    from gradio_client import handle_file

    upload = handle_file(data)
    clicked = time.time()
    return caller.predict("bert_finetune", "classify", {"steps": steps}, upload, api_name="/train")["id"], clicked


def click_to_step(url: str, data: str, steps: int) -> float:
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


def load(url: str, data: str) -> None:
    """Calls of `/run_status` with 1, 10 and 50 clients while a run trains, against the same without a run."""
    caller = client(url)
    idle = {clients: latencies(url, clients) for clients in (1, 10, 50)}
    run, _ = train(caller, data, steps=100_000)
    wait(caller, run, lambda state: state["status"]["step"] > 0)
    for clients in (1, 10, 50):
        seconds, rate = latencies(url, clients)
        alone, rate_alone = idle[clients]
        print(
            f"{clients:>2} clients: median {1000 * statistics.median(seconds):.0f} ms, p95 {1000 * sorted(seconds)[int(0.95 * len(seconds))]:.0f} ms, {rate:.0f} calls/s while a run trains; "
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
