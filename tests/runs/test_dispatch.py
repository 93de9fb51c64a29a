"""The queue: at most N at once, in order, with nobody watching; the warm process, and what happens without it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.running import events, finish, queue, wait_for
from training.runs.forkserver import WarmProcess
from training.runs.queue import Dispatcher
from training.runs.registry import Runs
from training.runs.run import Run

pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")  # as it should be


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "runs")


def states(runs: list[Run]) -> list[str]:
    return [run.status() for run in runs]


def test_at_most_n_train_at_once_and_the_order_is_kept(runs: Runs, warm: WarmProcess, gate: Path) -> None:
    made = [queue(runs, hold_at=1, steps=3) for _ in range(4)]
    dispatcher = Dispatcher(runs, at_once=2, warm=warm)
    dispatcher.pump()
    dispatcher.pump()
    assert states(made) == ["running", "running", "queued", "queued"]
    assert [dispatcher.position(run) for run in made] == [None, None, 1, 2]
    gate.unlink()
    most = 0
    while states(made) != ["finished"] * 4:
        wait_for(lambda: states(made).count("running") < 2)
        dispatcher.pump()
        most = max(most, states(made).count("running"))
    assert most == 2
    begun = [events(run.folder, "starting")[0]["time"] for run in made]
    assert begun == sorted(begun)


def test_a_resumed_run_waits_behind_those_that_were_queued_before(runs: Runs) -> None:
    first, second = queue(runs), queue(runs)
    first.write_event("failed", step=0)
    wait_for(lambda: first.resume() or True)
    dispatcher = Dispatcher(runs)
    assert (dispatcher.position(second), dispatcher.position(first)) == (1, 2)


def test_the_queue_presses_a_trainer_that_does_not_stop(runs: Runs, warm: WarmProcess, gate: Path) -> None:
    run = queue(runs, hold_at=1)
    dispatcher = Dispatcher(runs, warm=warm, grace_seconds=0.2)
    dispatcher.pump()
    wait_for(gate.with_suffix(".reached").exists)
    run.cancel()
    wait_for(lambda: dispatcher.pump() or not run.is_held())
    assert run.status() == "cancelled"


def test_a_warm_process_that_was_asked_for_nothing_ends_at_once_and_any_other_after_its_run(
    runs: Runs, warm: WarmProcess
) -> None:
    idle, asked = (WarmProcess(warm.arguments, warm.environment) for _ in range(2))
    idle.warm_up()
    process = idle._process
    idle.close()
    assert process is not None and process.returncode == -signal.SIGTERM  # in the midst of its imports
    run = queue(runs, steps=1)
    asked.warm_up()
    Dispatcher(runs, warm=asked).pump()
    asked.close()
    wait_for(lambda: run.status() == "finished")


def test_only_one_pumps_at_a_time(runs: Runs) -> None:
    from training.runs.queue import _queue_lock

    queue(runs)
    with _queue_lock(runs) as first, _queue_lock(runs) as second:
        assert (first, second) == (True, False)


def test_the_queue_drains_with_no_page_alive(toy: Path) -> None:
    """Only the first is started from here: each run that ends starts the next."""
    runs = Runs()
    made = [queue(runs) for _ in range(2)]
    Dispatcher(runs).pump()
    assert states(made) == ["running", "queued"]
    for run in made:
        assert finish(run) == "finished", run.log_tail()


def test_a_run_whose_plugin_is_gone_fails_in_words(runs: Runs, warm: WarmProcess) -> None:
    run = queue(runs)
    text = (run.folder / "config.yaml").read_text()
    (run.folder / "config.yaml").write_text(text.replace("plugin: toy", "plugin: gone"))
    Dispatcher(runs, warm=warm).pump()
    assert finish(run) == "failed"
    assert run.describe()["message"].startswith("There is no plugin 'gone'; there are: ")


# -- the warm process ------------------------------------------------------------------------------------------------------


@pytest.fixture
def own(warm: WarmProcess) -> WarmProcess:
    """A warm process that a test may kill."""
    process = WarmProcess(warm.arguments, warm.environment)
    process.warm_up()
    return process


def parent_of(run: Run) -> int:
    status = Path(f"/proc/{(run.folder / 'pid').read_text()}/status").read_text()
    return int(status.split("PPid:")[1].split()[0])


def test_the_warm_process_starts_a_run_that_outlives_it(runs: Runs, own: WarmProcess, gate: Path) -> None:
    run = queue(runs, hold_at=1)
    Dispatcher(runs, warm=own).pump()
    wait_for(gate.with_suffix(".reached").exists)
    assert own._process is not None
    assert parent_of(run) == own._process.pid
    assert os.getsid(int((run.folder / "pid").read_text())) != os.getsid(0)
    own.close()
    assert run.status() == "running"
    gate.unlink()
    assert finish(run) == "finished"
    assert "finished at step 40" in run.log_tail()


def test_a_run_starts_without_the_warm_process_when_that_has_died(toy: Path, own: WarmProcess) -> None:
    runs = Runs()
    assert own._process is not None
    own._process.kill()
    own._process.wait()
    run = queue(runs)
    Dispatcher(runs, warm=own).pump()
    assert finish(run) == "finished", run.log_tail()
    assert own.is_alive()  # another is on its way for the next run
    own.close()


def test_it_declines_where_it_is_turned_off(monkeypatch: pytest.MonkeyPatch, warm: WarmProcess, tmp_path: Path) -> None:
    monkeypatch.setenv("SELFSUP_PREFORK", "0")
    off = WarmProcess(warm.arguments, warm.environment)
    off.warm_up()
    assert not off.is_alive()
    assert not off.start(["list"], tmp_path / "log.txt", 0)
