"""A full queue says so at once, in words and to every kind of client; calls that do not wait pass."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from spaces_app.admission import Admission
from spaces_app.page.blocks import Page
from tests.running import wait_for

MOST = 3
gate = threading.Event()


@pytest.fixture(scope="module")
def page() -> Iterator[Any]:
    def slow() -> str:
        """Answer when the gate opens."""
        gate.wait(30)
        return "done"

    def quick() -> str:
        """Answer."""
        return "done"

    with Page(analytics_enabled=False) as demo:
        gr.api(slow, api_name="slow", concurrency_limit=1)
        gr.api(quick, api_name="quick", queue=False)
    demo.queue(max_size=MOST)
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, _frontend=False)
    yield SimpleNamespace(demo=demo, url=url)
    demo.close(verbose=False)


@pytest.fixture
def full(page: Any) -> Iterator[Any]:
    gate.clear()
    for _ in range(MOST + 1):  # one is being answered
        assert httpx.post(f"{page.url}gradio_api/call/slow", json={"data": []}).status_code == 200
        time.sleep(0.2)
    wait_for(lambda: len(page.demo._queue) == MOST)
    yield page
    gate.set()
    wait_for(lambda: len(page.demo._queue) == 0)


def test_a_full_queue_says_so_at_once(full: Any) -> None:
    started = time.monotonic()
    answer = httpx.post(f"{full.url}gradio_api/call/slow", json={"data": []})
    assert answer.status_code == 503
    assert re.fullmatch(r"Busy: 3 calls are waiting\. Try again in \d+ seconds\.", answer.json()["detail"])
    assert httpx.post(f"{full.url}gradio_api/call/quick", json={"data": []}).status_code == 200
    with ThreadPoolExecutor(1) as pool, pytest.raises(Exception, match="try again") as error:
        pool.submit(Client(full.url, verbose=False).predict, api_name="/slow").result(20)
    assert not isinstance(error.value, AppError)
    assert time.monotonic() - started < 10


def test_visitors_take_turns(page: Any) -> None:
    """Forty calls of one visitor wait; another's call comes second, not forty-first."""
    order: list[str] = []

    def work(name: str) -> str:
        """Note the turn."""
        order.append(name)
        gate.wait(30)
        return name

    with Page(analytics_enabled=False) as demo:
        gr.api(work, api_name="work", concurrency_limit=1)
    demo.queue(max_size=64)
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, _frontend=False)
    gate.clear()

    def call(name: str, session: str) -> None:
        body = {"data": [name], "session_hash": session}
        assert httpx.post(f"{url}gradio_api/call/work", json=body).status_code == 200

    try:
        for number in range(1, 41):
            call(f"a{number}", "a")
        wait_for(lambda: order == ["a1"])
        for name in ("b1", "b2", "c1", "a41"):
            call(name, name[0])
        gate.set()
        wait_for(lambda: len(order) == 44)
    finally:
        demo.close(verbose=False)
    assert order[:8] == ["a1", "a2", "b1", "c1", "a3", "b2", "a4", "a5"]
    assert order[-1] == "a41"


def test_one_visitor_cannot_fill_the_queue_of_a_shared_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFSUP_SHARED", "1")
    requests = [SimpleNamespace(cookies={"selfsup-guest": name * 32}, scope={}) for name in "aab"]
    waiting = [SimpleNamespace(request=request, session_hash=str(n)) for n, request in enumerate(requests)]
    queue: Any = SimpleNamespace(
        push=None,
        process_time_per_fn={"f": SimpleNamespace(count=2, avg_time=10.0)},
        event_queue_per_concurrency_id={"models": SimpleNamespace(queue=waiting)},
    )
    admission = Admission(queue, 8)
    assert admission.most_of_one == 2
    assert admission._busy(f"guest:{'a' * 32}") == "Busy: 2 of your calls are waiting. Try again in 5 seconds."
    assert admission._busy(f"guest:{'b' * 32}") == ""
    assert admission._busy("") == ""
    assert Admission(queue, 3)._busy("").startswith("Busy: 3 calls are waiting. Try again in 8 seconds")
