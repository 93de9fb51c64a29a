"""Work on visitors' files: a few at once on a shared server, together never more memory than there is."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import Any

import pytest

from spaces_app.services import worker as worker_module
from spaces_app.services.worker import LEAST_MB, Worker
from training.errors import UserError
from training.preflight.limits import Limits

MB = 2**20


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Worker:
    """A worker of a shared server with 8,000 MB of free memory."""
    monkeypatch.setenv("SELFSUP_SHARED", "1")
    monkeypatch.setenv("SELFSUP_MAX_MEMORY_MB", "6000")
    monkeypatch.setattr(worker_module.machine, "free_memory_bytes", lambda: 8000 * MB)
    monkeypatch.setattr(worker_module, "WAIT_SECONDS", 0.05)
    none: Any = None
    return Worker(none, at_once=3)


def test_each_has_half_of_the_memory_that_is_not_promised_to_another(shared: Worker) -> None:
    with ExitStack() as stack:
        lent = [stack.enter_context(shared._memory(most)) for most in (0, 0, 300)]
    assert lent == [4000, 2000, 300]
    with shared._memory(0) as first:
        assert first == 4000


def test_one_more_than_there_may_be_is_told_to_come_again(shared: Worker) -> None:
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(shared._memory(LEAST_MB))
        with pytest.raises(UserError, match=r"Busy: 3 files are being read\. Try again in \d+ seconds\."):
            stack.enter_context(shared._memory(LEAST_MB))
    gone = threading.Event()
    with shared._memory(LEAST_MB):
        gone.set()
    assert gone.is_set()


def test_on_ones_own_machine_work_may_take_what_a_run_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SELFSUP_SHARED", raising=False)
    none: Any = None
    with ExitStack() as stack:
        worker = Worker(none, at_once=1)
        assert [stack.enter_context(worker._memory(0)) for _ in range(3)] == [Limits().max_memory_mb] * 3
