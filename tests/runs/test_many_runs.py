"""Thousands of runs under one home: who asks about them reads what changed, and nothing twice."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from spaces_app.page.home import cards
from spaces_app.services import Services
from spaces_app.settings import Settings
from tests.running import queue
from training.cli.main import main
from training.runs.index import FILE, RunIndex
from training.runs.queue import LOOK_SECONDS, Dispatcher, child_environment
from training.runs.registry import Runs
from training.runs.run import Run
from training.runs.table import Query


@pytest.fixture
def runs(toy: Path) -> Runs:
    """No runs yet."""
    return Runs()


def ended(runs: Runs, **metrics: float) -> Run:
    run = queue(runs)
    run.write_event("eval", step=1, metrics=metrics, best=True)
    run.write_event("finished", step=1)
    return run


def settle(runs: Runs) -> None:
    """Let the clock of the file system go on, and look at all."""
    time.sleep(0.06)
    runs.index.unfinished()


def count_stats(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts looks at runs that have ended."""
    looks: list[int] = []
    before = RunIndex._signatures

    def counted(index: RunIndex) -> Any:
        looks.append(1)
        return before(index)

    monkeypatch.setattr(RunIndex, "_signatures", counted)
    return looks


def test_the_queue_looks_at_runs_that_go_on_alone(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        ended(runs)
    waiting = queue(runs)
    settle(runs)
    looks = count_stats(monkeypatch)
    for _ in range(5):
        assert [run.id for run in runs.unfinished(LOOK_SECONDS)] == [waiting.id]
    assert not looks
    waiting.write_event("failed", step=0)
    assert runs.unfinished(LOOK_SECONDS) == []
    assert not looks


@pytest.mark.parametrize("change", ["new", "resumed", "new by another process", "deleted"])
def test_the_queue_sees_what_changes_at_once(change: str, runs: Runs) -> None:
    lost = queue(runs)
    lost.write_event("started", step=0, steps=9)
    assert lost.status() == "lost"
    waiting = queue(runs)
    settle(runs)
    expected = {waiting.id}
    if change == "new":
        expected.add(queue(runs).id)
    elif change == "resumed":
        lost.resume()
        expected.add(lost.id)
    elif change == "deleted":
        waiting.delete()
        expected = set()
    else:
        code = "from tests.running import queue; from training.runs.registry import Runs; print(queue(Runs()).id)"
        made = subprocess.run([sys.executable, "-c", code], env=child_environment(), capture_output=True, text=True)
        expected.add(made.stdout.strip())
    assert {run.id for run in runs.unfinished(LOOK_SECONDS)} == expected


def test_a_change_in_the_tick_of_the_last_look_is_seen(runs: Runs) -> None:
    queue(runs)
    runs.index.unfinished()
    second = queue(runs)
    stamp = runs.folder.stat().st_mtime_ns
    runs.index.unfinished(LOOK_SECONDS)
    third = queue(runs)
    os.utime(runs.folder, ns=(stamp, stamp))  # as if the clock had not gone on
    assert {second.id, third.id} <= {run.id for run in runs.unfinished(LOOK_SECONDS)}


def test_two_looks_at_the_same_time_read_each_run_once(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in range(20):
        ended(runs, accuracy=place / 20)
    read: list[str] = []
    describe = Run.describe
    monkeypatch.setattr(Run, "describe", lambda run: read.append(run.id) or describe(run))
    askers = [threading.Thread(target=runs.index.rows) for _ in range(3)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    assert len(read) == 20


def test_descriptions_that_took_long_are_kept_however_few(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.runs.index.SAVE_SECONDS", 0.0)
    ended(runs, accuracy=1.0)
    runs.index.rows()
    assert (runs.folder / FILE).exists()


def test_home_menus_and_operator_read_no_run_again(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    services = Services(Settings())
    made = [ended(runs, accuracy=place / 10) for place in range(10)]
    lost = queue(runs)
    lost.write_event("started", step=0, steps=9)
    (made[0].folder / "artifact").mkdir()
    services.runs.store.index.rows()
    monkeypatch.setattr(Run, "describe", lambda run: pytest.fail(f"{run.id} was read again"))
    assert services.runs.newest("") == lost.id
    assert services.runs.lost("") == [lost.id]
    assert services.runs.count("") == {"toy": 11}
    assert [run.id for run in services.runs.own("", with_weights=True)] == [made[0].id]
    assert [row["best"] for row in services.runs.descriptions("", with_weights=True)] == [{"accuracy": 0.0}]
    assert services.run_table.table("", Query(page_size=3))["all"] == 11
    assert services.operator.facts("")["runs"] == "11, 0 broken"
    assert {row[0] for row in services.operator.table("")} == {run.id for run in [*made, lost]}
    assert "home-card" in cards(services, "somebody")


def test_home_counts_the_runs_of_each_family(runs: Runs) -> None:
    services = Services(Settings())
    for number in range(3):
        run = runs.folder / f"bert_finetune-{number:016x}"
        run.mkdir(parents=True)
        (run / "config.yaml").write_text("plugin: bert_finetune\ntrainer: classify\nsettings: {}\n")
    assert services.runs.count("") == {"bert_finetune": 3}
    assert ">3 runs</a>" in cards(services, "somebody")


def test_the_list_has_pages_and_says_how_to_go_on(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    made = [ended(runs).id for _ in range(5)]
    for place, name in enumerate(made):
        os.utime(runs.folder / name / "owner", (place, place))
    assert main(["list", "--page-size", "2", "--page", "2"]) == 0
    *lines, hint = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [made[2], made[1]]
    assert hint == "page 2 of 3, 5 runs in all: --page 3, or --page-size 0 for all"
    assert main(["list", "--page-size", "0"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5
    assert main(["list", "--page", "0"]) == 2


def test_the_dispatcher_starts_a_run_that_came_after_its_last_look(runs: Runs) -> None:
    dispatcher, started = Dispatcher(runs), []
    dispatcher._start = lambda run: started.append(run.id)  # type: ignore[method-assign]
    dispatcher.pump()
    time.sleep(0.06)
    dispatcher.pump()
    run = queue(Runs(runs.folder))
    dispatcher.pump()
    assert started == [run.id]
