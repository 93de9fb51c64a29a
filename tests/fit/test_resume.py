"""A run that is killed or stopped and resumed ends where the unbroken one ends, to the bit.

The settings make the best score come early and patience stop the run late, so that both have to survive the break:
half of the classes are wrong, and the average weights memorise them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.running import events, finish, kill, losses, queue, start, wait_for, weights
from training.fit.checkpoint import all_checkpoints
from training.runs.forkserver import WarmProcess
from training.runs.registry import Runs
from training.runs.run import Run

BEST, HELD, LAST_CHECKPOINT, STOPPED = 15, 33, 28, 55
SETTINGS = {
    "steps": 120, "rows": 60, "wrong": 0.5, "seed": 1, "ema_decay": 0.8, "schedule": "cosine", "eval_every": 5,
    "patience": 8, "checkpoint_every": 7, "hold_at": HELD,
}  # fmt: skip


@pytest.fixture(scope="module")
def unbroken(warm: WarmProcess, tmp_path_factory: pytest.TempPathFactory) -> Run:
    runs = Runs(tmp_path_factory.mktemp("unbroken"))
    run = queue(runs, **SETTINGS)
    start(runs, warm)
    assert finish(run) == "finished"
    return run


@pytest.fixture
def broken(warm: WarmProcess, gate: Path, tmp_path: Path) -> Run:
    """The same run, standing in the middle of an epoch, some steps after a checkpoint."""
    runs = Runs(tmp_path)
    run = queue(runs, **SETTINGS)
    start(runs, warm)
    wait_for(gate.with_suffix(".reached").exists)
    assert events(run.folder, "checkpoint")[-1]["step"] == LAST_CHECKPOINT
    assert events(run.folder, "step")[-1]["step"] > LAST_CHECKPOINT
    return run


def resume(run: Run, warm: WarmProcess) -> str:
    run.resume()
    start(Runs(run.folder.parent), warm)
    return finish(run)


def assert_same_end(run: Run, unbroken: Run) -> None:
    assert weights(run.folder) == weights(unbroken.folder)
    assert losses(run.folder) == losses(unbroken.folder)
    ends = [events(each.folder, "finished")[-1] for each in (run, unbroken)]
    for key in ("step", "metrics", "best", "message"):
        assert ends[0][key] == ends[1][key]


def test_the_unbroken_run_has_its_best_before_the_break_and_stops_by_patience_after(unbroken: Run) -> None:
    best = [event["step"] for event in events(unbroken.folder, "eval") if event["best"]]
    assert best[-1] == BEST < LAST_CHECKPOINT
    assert events(unbroken.folder, "finished")[0]["step"] == STOPPED > HELD


def test_killed_run_is_lost_and_resumes_bit_for_bit(broken: Run, unbroken: Run, gate: Path, warm: WarmProcess) -> None:
    kill(broken)
    assert broken.status() == "lost"
    gate.unlink()
    assert resume(broken, warm) == "finished"
    assert events(broken.folder, "started")[-1]["step"] == LAST_CHECKPOINT
    assert_same_end(broken, unbroken)


def test_cancelled_run_resumes_bit_for_bit(broken: Run, unbroken: Run, gate: Path, warm: WarmProcess) -> None:
    broken.cancel()
    gate.unlink()
    assert finish(broken) == "cancelled"
    assert events(broken.folder, "cancelled")[-1]["step"] == HELD
    assert resume(broken, warm) == "finished"
    assert events(broken.folder, "started")[-1]["step"] == HELD
    assert_same_end(broken, unbroken)


def test_a_checkpoint_cut_off_by_a_kill_is_passed_over_and_swept_away(
    broken: Run, unbroken: Run, gate: Path, warm: WarmProcess
) -> None:
    kill(broken)
    torn = broken.folder / "checkpoint" / "step-000000031.new"
    torn.mkdir()
    (torn / "model.safetensors").write_bytes(b"half")
    gate.unlink()
    resume(broken, warm)
    assert_same_end(broken, unbroken)
    assert not torn.exists()


def test_a_kill_between_two_renames_of_the_artifact_loses_nothing(
    broken: Run, unbroken: Run, gate: Path, warm: WarmProcess
) -> None:
    kill(broken)
    (broken.folder / "artifact").rename(broken.folder / "artifact.old")
    assert broken.artifact.is_dir()
    gate.unlink()
    resume(broken, warm)
    assert_same_end(broken, unbroken)


def test_a_stopped_run_keeps_its_newest_checkpoints_and_a_finished_one_none(broken: Run, unbroken: Run) -> None:
    assert [path.name for path in all_checkpoints(broken.folder / "checkpoint")] == ["step-000000021", "step-000000028"]
    kill(broken)
    assert not (unbroken.folder / "checkpoint").exists()
