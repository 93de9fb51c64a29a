"""The record of a run: whole lines only, from any offset, quick however long it is."""

from __future__ import annotations

import json
import time
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from training.events import MAX_READ_BYTES, EventLog, Summary, read_events
from training.runs.run import Run


def read_all(path: Path) -> tuple[list[dict], int]:
    """All events, and in how many pieces they came."""
    found: list[dict] = []
    offset = pieces = 0
    while True:
        events, after = read_events(path, offset)
        if after == offset:
            return found, pieces
        found, offset, pieces = found + events, after, pieces + 1


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none()), max_size=5))
@settings(max_examples=50)
def test_what_is_written_is_read(values: list[dict]) -> None:
    path = Path("/dev/shm" if Path("/dev/shm").exists() else "/tmp") / f"selfsup-events-{time.monotonic_ns()}"
    try:
        log = EventLog(path)
        for each in values:
            log.write("note", value=each)
        assert [event["value"] for event in read_events(path)[0]] == values
    finally:
        path.unlink(missing_ok=True)


def test_a_line_still_being_written_waits_for_the_next_call(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    EventLog(path).write("first")
    with path.open("a") as file:
        file.write('{"event": "second", "time"')
        file.flush()
        events, offset = read_events(path)
        assert [event["event"] for event in events] == ["first"]
        file.write(": 1}\n")
    assert [event["event"] for event in read_events(path, offset)[0]] == ["second"]


def test_a_torn_last_line_is_passed_over_and_what_follows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    EventLog(path).write("first")
    with path.open("a") as file:
        file.write('{"event": "torn", "ti')
    EventLog(path).write("after")
    assert [event["event"] for event in read_events(path)[0]] == ["first", "after"]


def test_lines_that_are_no_events_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'[1]\n\xff\xfe\n{"event": "x"}\n\n{"event": "x", "time": 1}\n')
    assert read_events(path)[0] == [{"event": "x", "time": 1}]


def test_a_hundred_thousand_lines_are_read_in_pieces_quickly(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    line = {"event": "step", "time": 1.0, "loss": 0.5, "learning_rate": 1e-4, "grad_norm": 1.25, "rate": 300.0}
    path.write_text("".join(json.dumps(line | {"step": step}) + "\n" for step in range(100_000)))
    started = time.perf_counter()
    found, pieces = read_all(path)
    assert time.perf_counter() - started < 5
    assert [event["step"] for event in found] == list(range(100_000))
    assert pieces == -(-path.stat().st_size // MAX_READ_BYTES)


def test_a_poll_of_a_long_run_reads_new_events_only(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.write_all([{"event": "step", "time": 1.0, "step": step, "loss": 0.5} for step in range(100_000)])
    run = Run(tmp_path)
    assert run.summary().step == 99_999
    log.write("step", step=7, loss=0.25)
    started = time.perf_counter()
    assert run.summary().loss == 0.25
    assert time.perf_counter() - started < 0.05


def test_a_line_longer_than_a_piece_does_not_stop_its_readers(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.write("sample", items=[{"text": "x" * (MAX_READ_BYTES + 1)}])
    log.write("after")
    assert [event["event"] for event in read_all(log.path)[0]] == ["sample", "after"]


def test_numbers_that_json_lacks_become_null(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.write("eval", metrics={"loss": float("nan"), "f1": 0.5}, items=[float("inf"), 1.0])
    [event], _ = read_events(log.path)
    assert (event["metrics"], event["items"]) == ({"loss": None, "f1": 0.5}, [None, 1.0])


def test_a_listener_hears_every_event(tmp_path: Path) -> None:
    heard: list[dict] = []
    log = EventLog(tmp_path / "events.jsonl", heard.append)
    log.write("first")
    log.write_all([{"event": "second"}, {"event": "third"}])
    assert [event["event"] for event in heard] == ["first", "second", "third"]


def test_a_summary_follows_state_scores_and_pace() -> None:
    summary = Summary()
    for event in (
        {"event": "queued", "time": 1.0},
        {"event": "started", "time": 2.0, "step": 0, "steps": 10, "seconds": 0.0},
        {"event": "step", "time": 3.0, "step": 5, "loss": 0.5, "rate": 8.0},
        {"event": "eval", "time": 3.0, "step": 5, "metrics": {"loss": 0.4}, "best": True},
        {"event": "eval", "time": 4.0, "step": 10, "metrics": {"loss": 0.6}, "best": False},
        {"event": "finished", "time": 5.0, "step": 10, "message": "Done."},
    ):
        summary.fold(event)
    assert (summary.last, summary.step, summary.steps, summary.loss, summary.rate) == ("finished", 10, 10, 0.5, 8.0)
    assert (summary.metrics, summary.best) == ({"loss": 0.6}, {"loss": 0.4})
    assert (summary.queued, summary.started, summary.ended, summary.message) == (1.0, 2.0, 5.0, "Done.")
