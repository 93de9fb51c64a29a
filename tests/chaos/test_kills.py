"""Runs, pushes and pulls that are killed lose nothing; a hundred rounds are `python -m tests.chaos.kills --rounds 100`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.chaos.kills import LostError, check_events, drop_unsynced, kill_rounds
from tests.running import queue
from training.events import EventLog
from training.runs.registry import Runs
from training.runs.run import Run

ROUNDS = 10


@pytest.mark.slow  # 2 minutes: servers are started anew
@pytest.mark.timeout(900)
@pytest.mark.timeout(900)  # on two busy cores
def test_what_is_killed_loses_nothing(tmp_path: Path) -> None:
    kills = kill_rounds(tmp_path, ROUNDS, seed=3)
    assert sum(kills.rounds.values()) == ROUNDS
    assert kills.broken


def write(run: Run, *steps: int, name: str = "step") -> None:
    EventLog(run.folder / "events.jsonl").write_all(
        [
            {"event": name, "time": 1.0, "step": step, "loss": 0.5, "grad_norm": 1.0, "learning_rate": 0.1}
            for step in steps
        ]
    )


def test_a_lost_or_doubled_event_is_noticed(toy: Path) -> None:
    runs = Runs()
    whole, lost, twice, good = (queue(runs) for _ in range(4))
    write(whole, 1, 2, 3)
    write(lost, 1, 3)
    write(twice, 1, 2, 2, 3)
    write(good, 1, 2)
    good.write_event("started", step=1)
    write(good, 2, 3)
    for run in (whole, lost, twice, good):
        run.write_event("finished", step=3)
    check_events(good, whole)
    for run in (lost, twice):
        with pytest.raises(LostError):
            check_events(run, whole)


def test_a_power_cut_loses_what_came_after_the_last_checkpoint(toy: Path) -> None:
    run = queue(Runs())
    run.write_event("started", step=0)
    write(run, 1, 2, 3, 4)
    (run.folder / "checkpoint" / "step-000000002").mkdir(parents=True)
    drop_unsynced(run)
    lines = (run.folder / "events.jsonl").read_bytes().splitlines()
    assert [json.loads(line).get("step") for line in lines[:-1]] == [None, 0, 1, 2]
    assert lines[-1] == b"\0" * 300
    assert run.status() == "lost"
    run.resume()
    assert run.status() == "queued"
