"""Clients that predict at once: waiting times, errors, memory and open files, beside a bare Gradio app.

    python benchmarks/load.py [--part clients bare memory pages streams turns] [--scale 1.0]

Starts `python app.py` with the starters of the five plugins in a process of its own. Each call is a new visitor, as each
`gradio_client.Client` is. `clients`: 1, 10 and 50 at once, idle and while a run trains. `bare`: the same classifier
behind `gr.api` alone. `memory`: 5,000 mixed calls. `pages`: 200 page loads at once. `streams`: 64 dropped streams, and a
full queue. `turns`: one visitor's call while another keeps 40 waiting, and what it takes to decode a picture elsewhere.
"""

from __future__ import annotations

import argparse
import collections
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from PIL import Image

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.chaos.visitor import Answer, Visitor  # noqa: E402
from tests.page import app_process, free_port  # noqa: E402
from tests.running import wait_for  # noqa: E402

Call = tuple[str, Sequence[Any]]
CLIENTS = ((1, 40), (10, 100), (50, 200))  # at once, calls in all
PARTS = ("clients", "bare", "memory", "pages", "streams", "turns")
BARE = """
import os, sys
sys.path.insert(0, os.environ["ROOT"])
import spaces_app
import gradio as gr
from plugins._discovery import find
from training.threads import share_cores
share_cores()
kind = find("bert_finetune").kind("classify")
model = kind.load(kind.starters[0])
def classify(text: str) -> dict:
    return model.classify(text)
with gr.Blocks() as demo:
    gr.api(classify, api_name="classify", concurrency_limit=2)
demo.queue(default_concurrency_limit=4).launch(ssr_mode=False)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--scale", type=float, default=1.0, help="Share of the calls.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="load-") as name:
        home, port = Path(name), free_port()
        if set(options.part) - {"bare"}:
            with app_process(home, port, SELFSUP_MAX_SECONDS="900") as process:
                server = Server(f"http://127.0.0.1:{port}", psutil.Process(process.pid))
                for part in ("clients", "pages", "memory", "streams", "turns"):
                    if part in options.part:
                        globals()[f"measure_{part}"](server, options.scale)
        if "bare" in options.part:
            measure_bare(options.scale)


class Server:
    """The served page, and what its process takes."""

    def __init__(self, url: str, process: psutil.Process):
        self.url, self.process = url, process
        with closing(Visitor(url).http) as http:
            visitor = Visitor(url)
            visitor.http = http
            picture = visitor.upload("p.png", png())
            table = visitor.upload("t.csv", b"text\n" + b"a good film\n" * 5)
            self.reviews = visitor.upload("r.tsv", reviews())
            self.calls: list[Call] = [
                ("bert_finetune_classify", ("", "a good film", "")),
                ("gpt_prompting_next_token", ("", "Once upon", 3, "")),
                ("gpt_prompting_generate", ("", "Once", 8, 0.0, 0, 1.0, 0.0, 1.0, [], 0, 1, 0, "")),
                ("ae_anomaly_embeddings", ("", "age")),
                ("denoising_ae_encode", ("natural", picture)),
                ("diffusion_cfg_generate", ("fashion", "boot", "", 1.0, 2, "ddim", 0, 1)),
                ("bert_finetune_classify_file", ("", table)),
                ("runs", ()),
            ]
            for name, values in self.calls:
                answer = visitor.call(name, *values)
                print(f"first /{name}: {answer.seconds:.1f} s {answer.error or ''}", flush=True)

    def describe(self) -> str:
        return f"RSS {self.process.memory_info().rss / 2**20:.0f} MB, {self.process.num_fds()} open files"

    @contextmanager
    def training(self) -> Iterator[None]:
        """A run that trains meanwhile."""
        visitor = Visitor(self.url)
        settings = {"steps": 1_000_000, "batch_size": 4, "time_limit": 800}
        run = visitor.result("train", "bert_finetune", "classify", settings, self.reviews)["id"]
        wait_for(lambda: visitor.result("run_status", run)["step"] > 5, 120)
        yield
        visitor.result("run_cancel", run)
        wait_for(lambda: visitor.result("run_status", run)["status"] != "running", 120)
        visitor.http.close()


def measure_clients(server: Server, scale: float) -> None:
    for when in ("idle", "while a run trains"):
        with ExitStack() as stack:
            if when != "idle":
                stack.enter_context(server.training())
            for clients, total in CLIENTS:
                say(f"{clients} clients, {when}", *at_once(server.url, server.calls, clients, int(total * scale)))
            say("classify, 10 clients, " + when, *at_once(server.url, server.calls[:1], 10, int(100 * scale)))
    print(server.describe(), flush=True)


def measure_bare(scale: float) -> None:
    """The same starter behind Gradio alone: what the studio adds to a call."""
    port = free_port()
    environment = {**os.environ, "ROOT": str(ROOT), "GRADIO_SERVER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen([sys.executable, "-c", BARE], env=environment, stdout=log) as app,
    ):
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/config"), 120)
        for clients, total in CLIENTS:
            calls: list[Call] = [("classify", ("a good film",))]
            say(
                f"bare Gradio, classify, {clients} clients",
                *at_once(f"http://127.0.0.1:{port}", calls, clients, int(total * scale)),
            )
        app.kill()


def measure_memory(server: Server, scale: float) -> None:
    calls = [call for call in server.calls if not call[0].startswith("diffusion")]
    at_once(server.url, calls, 4, int(400 * scale))
    print(f"before the calls: {server.describe()}", flush=True)
    for done in range(1, 11):
        seconds, errors = at_once(server.url, calls, 4, int(500 * scale))
        print(
            f"after {done * int(500 * scale)} calls: {server.describe()}, {len(seconds)} answered, errors {dict(errors)}",
            flush=True,
        )


def measure_pages(server: Server, scale: float) -> None:
    def load(_: int) -> float:
        begin = time.monotonic()
        with httpx.Client(timeout=120) as http:
            assert http.get(server.url).status_code == http.get(f"{server.url}/config").status_code == 200
        return time.monotonic() - begin

    count = int(200 * scale)
    with ThreadPoolExecutor(count) as pool:
        seconds = list(pool.map(load, range(count)))
    say(f"{count} page loads at once", seconds, collections.Counter())
    print(server.describe(), flush=True)


def measure_streams(server: Server, scale: float) -> None:
    """A queue that is full, then streams that are opened and dropped."""
    before = server.describe()
    values = ["", "Once", 100, 0.5, 0, 1.0, 0.0, 1.0, [], 0, 1, 0, ""]
    visitors = [Visitor(server.url) for _ in range(90)]

    def join(visitor: Visitor) -> tuple[int, str, float]:
        begin = time.monotonic()
        body = {"data": values, "session_hash": visitor.session}
        answer = visitor.http.post("/call/gpt_prompting_generate", json=body)
        event = answer.json().get("event_id", "") if answer.status_code == 200 else answer.json()["detail"]
        return answer.status_code, event, time.monotonic() - begin

    with ThreadPoolExecutor(30) as pool:
        joined = list(pool.map(join, visitors))
    refused = [each for each in joined if each[0] != 200]
    slowest = max((each[2] for each in refused), default=0.0)
    print(
        f"90 calls at once: {90 - len(refused)} taken, {len(refused)} refused within {slowest:.1f} s: {[each[1] for each in refused][:1]}"
    )
    for visitor, (status, event, _) in list(zip(visitors, joined, strict=True))[:64]:
        if status == 200:
            with visitor.http.stream("GET", f"/call/gpt_prompting_generate/{event}", timeout=10) as stream:
                next(stream.iter_lines(), None)
        visitor.http.close()
    for visitor in visitors[64:]:
        visitor.http.close()
    visitor = Visitor(server.url)
    answer = visitor.call(*server.calls[0][:1], *server.calls[0][1])
    print(
        f"64 streams dropped: {before} -> {server.describe()}; a prediction after that {answer.seconds:.1f} s, {answer.error or 'right'}",
        flush=True,
    )
    time.sleep(20)
    print(f"20 s later: {server.describe()}", flush=True)


def measure_turns(server: Server, scale: float) -> None:
    """A visitor who calls one by one, beside another who keeps 40 calls waiting."""
    name, values = server.calls[2]
    over = threading.Event()

    def crowd(_: int) -> None:
        visitor = Visitor(server.url)
        visitor.http.cookies.set("selfsup-guest", "c" * 32)  # pages of one browser
        while not over.is_set():
            visitor.call(name, *values)
        visitor.http.close()

    single, (picture, arguments) = Visitor(server.url), server.calls[4]
    alone = [single.call(name, *values) for _ in range(int(20 * scale))]
    say("one visitor alone", [each.seconds for each in alone], collections.Counter())
    with ThreadPoolExecutor(40) as pool:
        waiting = [pool.submit(crowd, number) for number in range(40)]
        time.sleep(2)
        answered = [single.call(name, *values) for _ in range(int(30 * scale))]
        over.set()
        for each in waiting:
            each.result()
    errors = collections.Counter(str(each.error)[:120] for each in answered if not each.ok)
    say("one visitor beside 40 calls of another", [each.seconds for each in answered if each.ok], errors)
    encoded = [single.call(picture, *arguments) for _ in range(int(20 * scale))]
    say("the embedding of a small picture", [each.seconds for each in encoded if each.ok], collections.Counter())
    single.http.close()


def at_once(url: str, calls: Sequence[Call], clients: int, total: int) -> tuple[list[float], collections.Counter[str]]:
    """Send calls in turn from so many threads; seconds of those answered, and words of the others."""

    def send(number: int) -> Answer:
        name, values = calls[number % len(calls)]
        visitor = Visitor(url)
        try:
            return visitor.call(name, *values)
        finally:
            visitor.http.close()

    with ThreadPoolExecutor(clients) as pool:
        answers = list(pool.map(send, range(total)))
    return [each.seconds for each in answers if each.ok], collections.Counter(
        str(each.error)[:120] for each in answers if not each.ok
    )


def say(what: str, seconds: list[float], errors: collections.Counter[str]) -> None:
    ordered = sorted(seconds) or [float("nan")]
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    print(
        f"{what}: {len(seconds)} answered, p50 {statistics.median(ordered):.2f} s, p99 {p99:.2f} s, errors {dict(errors)}",
        flush=True,
    )


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def png() -> bytes:
    buffer = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (28, 28), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def reviews() -> bytes:
    rows = [f"a {'good' if i % 2 else 'bad'} film number {i}\t{'pos' if i % 2 else 'neg'}" for i in range(64)]
    return ("text\tlabel\n" + "\n".join(rows)).encode()


if __name__ == "__main__":
    main()
