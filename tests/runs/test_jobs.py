"""A run is a folder: its states come from real files and a real process, and hostile names never become paths."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import events, finish, kill, queue, start, wait_for
from tests.toy import toy_settings
from training.errors import RunHeldError, UserError
from training.runs.forkserver import WarmProcess
from training.runs.queue import cancel_when_queued
from training.runs.registry import Runs
from training.runs.run import LOG_TAIL, Run


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "runs")


@pytest.fixture
def held(runs: Runs, warm: WarmProcess, gate: Path) -> Run:
    """A run that trains and stands before its third batch."""
    run = queue(runs, hold_at=3)
    start(runs, warm)
    wait_for(gate.with_suffix(".reached").exists)
    return run


@pytest.fixture
def holder() -> Iterator[subprocess.Popen]:
    """A process that locks the folder written to it and says so."""
    code = (
        "import sys; from pathlib import Path; from training.runs.run import Run\n"
        "with Run(Path(input())).lock(): print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=-1, stdout=-1, text=True, cwd=Path(__file__).parents[2]
    )
    yield process
    process.kill()
    process.communicate()


# -- states --------------------------------------------------------------------------------------------------------------


def test_a_new_run_is_queued(runs: Runs) -> None:
    assert queue(runs).status() == "queued"


def test_a_run_is_running_until_it_is_finished(held: Run, gate: Path) -> None:
    assert held.status() == "running"
    gate.unlink()
    assert finish(held) == "finished"
    about = held.describe()
    assert (about["step"], about["steps"], about["has_weights"], about["can_resume"]) == (40, 40, True, False)


def test_a_run_asked_to_stop_is_cancelled(held: Run, gate: Path) -> None:
    held.cancel()
    gate.unlink()
    assert finish(held) == "cancelled"
    assert held.describe()["can_resume"]


def test_a_killed_run_is_lost_until_it_is_resumed(held: Run, gate: Path, runs: Runs, warm: WarmProcess) -> None:
    kill(held)
    assert held.status() == "lost"
    gate.unlink()
    held.resume()
    assert held.status() == "queued"
    start(runs, warm)
    assert finish(held) == "finished"


def test_a_run_killed_after_it_was_asked_to_stop_is_cancelled(held: Run) -> None:
    held.cancel()
    kill(held)
    assert held.status() == "cancelled"


def test_a_queued_run_is_cancelled_at_once(runs: Runs) -> None:
    run = queue(runs)
    cancel_when_queued(run)
    assert run.status() == "cancelled"


def test_a_finished_run_cannot_be_resumed_or_stopped(runs: Runs) -> None:
    run = queue(runs)
    run.write_event("finished", step=40)
    with pytest.raises(UserError, match="is finished: only a lost, cancelled or failed run can be resumed"):
        run.resume()
    with pytest.raises(UserError, match="is finished: there is nothing to stop"):
        cancel_when_queued(run)


def test_another_reader_sees_the_same(held: Run) -> None:
    assert Run(held.folder).describe()["status"] == Runs(held.folder.parent).get(held.id).status() == "running"


# -- lock ----------------------------------------------------------------------------------------------------------------


def test_a_second_process_cannot_take_a_held_run(runs: Runs, holder: subprocess.Popen) -> None:
    run = queue(runs)
    assert holder.stdin is not None
    assert holder.stdout is not None
    holder.stdin.write(f"{run.folder}\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(RunHeldError, match="is being trained by another process"), run.lock():
        pass
    with pytest.raises(UserError, match="Stop that, or wait for its end"):
        run.delete()
    holder.kill()
    wait_for(lambda: not run.is_held())


def test_whoever_only_looks_does_not_keep_a_trainer_out(runs: Runs) -> None:
    run = queue(runs)
    code = "import sys; from pathlib import Path; from training.runs.run import Run\nrun = Run(Path(sys.argv[1]))\n" + (
        "print('looking', flush=True)\nwhile True: run.is_held()"
    )
    with subprocess.Popen([sys.executable, "-c", code, run.folder], stdout=-1, cwd=Path(__file__).parents[2]) as looker:
        assert looker.stdout is not None
        looker.stdout.readline()
        for _ in range(200):
            with run.lock():
                pass
        looker.kill()


def test_a_trainer_deaf_to_the_cancel_file_is_terminated_and_then_killed(held: Run) -> None:
    """The toy stands in its loop: it hears neither the file nor SIGTERM, which asks for the end after the step."""
    held.cancel()
    held.escalate()
    assert held.status() == "running"  # within the grace nothing happens
    wait_for(lambda: held.escalate(grace_seconds=0.6) or not held.is_held())
    assert held.status() == "cancelled"


def test_sigterm_means_what_the_cancel_file_means(held: Run, gate: Path) -> None:
    import os

    os.kill(int((held.folder / "pid").read_text()), signal.SIGTERM)
    gate.unlink()
    assert finish(held) == "cancelled"
    assert events(held.folder, "cancelled")[0]["step"] == 3


def test_asking_twice_does_not_lengthen_the_grace(runs: Runs) -> None:
    run = queue(runs)
    run.cancel()
    asked = (run.folder / "cancel").stat().st_mtime_ns
    run.cancel()
    assert (run.folder / "cancel").stat().st_mtime_ns == asked


# -- names, folders, files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/passwd", "toy-0123456789ABCDEF", "TOY-0123456789abcdef", "toy-0123456789abcdef\n", "", ".", "toy",
     "toy-0123456789abcdef/..", "a" * 41 + "-0123456789abcdef", "toy-" + "0" * 17, "toy-0123456789abcde\x00"],
)  # fmt: skip
def test_a_hostile_id_is_refused_before_it_touches_a_path(runs: Runs, name: str) -> None:
    with pytest.raises(UserError, match="is not a run's id"):
        runs.get(name)


def test_an_unknown_id_is_refused(runs: Runs) -> None:
    with pytest.raises(UserError, match="There is no run toy-0123456789abcdef"):
        runs.get("toy-0123456789abcdef")


def test_runs_are_listed_newest_first(runs: Runs) -> None:
    made = [queue(runs).id for _ in range(4)]
    assert [run.id for run in runs.all()] == made[::-1]


def test_foreign_folders_are_not_listed(runs: Runs) -> None:
    run = queue(runs)
    (runs.folder / "notes").mkdir()
    (runs.folder / "toy-0123456789abcdef").mkdir()
    assert [each.id for each in runs.all()] == [run.id]


def test_a_deleted_run_is_gone(runs: Runs) -> None:
    run = queue(runs)
    run.delete()
    assert not run.folder.exists()
    assert runs.all() == []


def test_deleting_a_run_in_a_folder_of_ones_own_leaves_ones_own_files(runs: Runs, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    run = runs.create("toy", "fit", toy_settings(), folder=folder)
    run.delete()
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]


def test_a_folder_holds_one_run(runs: Runs, tmp_path: Path) -> None:
    runs.create("toy", "fit", toy_settings(), folder=tmp_path / "mine")
    with pytest.raises(UserError, match="already holds a run"):
        runs.create("toy", "fit", toy_settings(), folder=tmp_path / "mine")


def test_the_size_counts_every_file(runs: Runs) -> None:
    run = queue(runs)
    before = run.describe()["size_bytes"]
    (run.folder / "artifact").mkdir()
    (run.folder / "artifact" / "model.safetensors").write_bytes(bytes(1000))
    assert run.describe()["size_bytes"] == before + 1000


def test_the_log_is_shown_from_its_end_whatever_bytes_it_has(runs: Runs) -> None:
    run = queue(runs)
    assert run.log_tail() == ""
    (run.folder / "log.txt").write_bytes("é".encode() * LOG_TAIL + b"\xff\xfe end")
    assert run.log_tail().endswith("\ufffd\ufffd end")
    assert len(run.log_tail()) <= LOG_TAIL


def test_a_run_whose_configuration_is_broken_says_so(runs: Runs) -> None:
    run = queue(runs)
    (run.folder / "config.yaml").write_text("plugin: [")
    assert run.describe()["status"] == "broken"
    with pytest.raises(UserError, match=r"broken: config\.yaml"):
        run.config()


def test_the_time_left_follows_the_pace(held: Run) -> None:
    wait_for(lambda: time.time() - held.summary().started > 0.05)
    about = held.describe()
    assert about["seconds"] > 0
    assert about["seconds_left"] is None or about["seconds_left"] > 0
