"""Bad luck of the place: two servers on one home, a name with blanks and signs, a clock that jumps, a disk that fills."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.running import events, finish, queue, start, wait_for, weights
from training.preflight.limits import Limits
from training.runs import excess
from training.runs import run as run_module
from training.runs.forkserver import WarmProcess
from training.runs.queue import Dispatcher
from training.runs.registry import Runs
from training.runs.run import Run

NAME = "my home ü 💥 'x' $HOME"
DAY = 86_400.0
pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")


@pytest.fixture
def held(warm: WarmProcess, gate: Path, tmp_path: Path) -> Run:
    """A run that stands still in its second step."""
    run = queue(Runs(tmp_path), hold_at=2)
    start(Runs(tmp_path), warm)
    wait_for(gate.with_suffix(".reached").exists)
    return run


@pytest.mark.slow
def test_two_servers_on_one_home_start_each_run_once_and_one_at_a_time(warm: WarmProcess, tmp_path: Path) -> None:
    home = tmp_path / NAME
    made = [queue(Runs(home), steps=3) for _ in range(5)]
    servers = [Dispatcher(Runs(home), warm=warm) for _ in range(2)]
    for server in servers:
        server.watch(0.02)

    def all_ended() -> bool:
        states = [Run(run.folder).status() for run in made]
        assert states.count("running") <= 1
        return states == ["finished"] * 5

    wait_for(all_ended, 90)
    assert [len(events(run.folder, "starting")) for run in made] == [1] * 5
    assert len({weights(run.folder) for run in made}) == 1


class Clock:
    """The wall clock of a module, set by so many seconds."""

    def __init__(self, seconds: float):
        self.seconds = seconds

    def time(self) -> float:
        return time.time() + self.seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_a_clock_that_jumps_ends_no_run(held: Run, jump: float, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (excess, run_module):
        monkeypatch.setattr(module, "time", Clock(jump))
    assert excess.excess_of(held, Limits(max_seconds=600)) is None
    held.cancel()
    held.escalate()
    assert held.is_held(), "killed without the grace period"
    wait_for(lambda: held.escalate(grace_seconds=0.3) or not held.is_held())
    assert held.describe()["seconds"] >= 0


def test_a_run_is_as_old_as_its_process(held: Run) -> None:
    assert 0 < excess.age_seconds(held) < 60
    (held.folder / "pid").write_text("1")  # of an earlier life, and somebody else's by now
    assert 0 <= excess.age_seconds(held) < 60


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of that size; its name is none that a shell would leave alone."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
def test_a_disk_that_fills_keeps_the_last_checkpoint_and_the_run_resumes(warm: WarmProcess, tmp_path: Path) -> None:
    whole = queue(Runs(tmp_path / "whole"), steps=60, checkpoint_every=5, keep_checkpoints=50)
    start(Runs(tmp_path / "whole"), warm)
    assert finish(whole) == "finished"
    with small_disk(tmp_path / NAME, "300k") as home:
        run = queue(Runs(home), steps=60, checkpoint_every=5, keep_checkpoints=50)
        start(Runs(home), warm)
        assert finish(run) == "failed"
        assert "disk is full" in run.describe()["message"]
        assert list((run.folder / "checkpoint").glob("step-*"))
        assert not list((run.folder / "checkpoint").glob("*.new"))
        subprocess.run(["mount", "-o", "remount,size=20m", home], check=True)
        run.resume()
        start(Runs(home), warm)
        assert finish(run) == "finished"
        assert weights(run.folder) == weights(whole.folder)
        assert shutil.disk_usage(home).free > 0
