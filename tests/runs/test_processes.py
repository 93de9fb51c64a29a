"""Several processes on one machine, started as the queue starts them: the same curve, one lock, no orphans."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.page import free_port
from tests.running import events, finish, losses, queue, wait_for
from tests.toy import make_task, toy_settings
from training.errors import UserError
from training.fit.loop import fit
from training.runs.distributed import wait_for_run
from training.runs.queue import child_environment, start_process
from training.runs.registry import Runs
from training.runs.run import Run

pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")  # as it should be
COMMON: dict[str, Any] = {"dropout": 0.0, "batch_size": 10, "steps": 30, "ema_decay": 0.5, "checkpoint_every": 8}


def launch(run: Run) -> None:
    with run.lock() as descriptor:
        run.write_event("starting")
        start_process(["run", str(run.folder)], run.folder / "log.txt", descriptor)


def one_process(folder: Path, **settings: Any) -> Path:
    folder.mkdir()
    fit(make_task(toy_settings(**settings)), toy_settings(**settings), folder)
    return folder


def scores(folder: Path) -> list[float]:
    return [event["metrics"]["loss"] for event in events(folder, "eval")]


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.slow
def test_two_processes_give_the_curve_of_one_where_rows_count_differently(toy: Path, tmp_path: Path) -> None:
    settings = COMMON | {"repeats": 4}
    run = queue(Runs(), **settings, processes=2)
    launch(run)
    assert finish(run) == "finished", run.log_tail()
    alone = one_process(tmp_path / "alone", **settings)
    assert list(losses(run.folder).values()) == pytest.approx(list(losses(alone).values()), rel=1e-5)
    assert scores(run.folder) == pytest.approx(scores(alone), rel=1e-5)


@pytest.mark.slow  # 10 s: two launchers that import torch, beside what two processes of one launcher show
def test_two_machines_of_an_outside_launcher_give_the_curve_of_one(toy: Path, tmp_path: Path) -> None:
    run = queue(Runs(), **COMMON)
    port = str(free_port())
    nodes = ["--nnodes", "2", "--nproc-per-node", "1", "--master-addr", "127.0.0.1", "--master-port", port]
    command = [sys.executable, "-m", "torch.distributed.run", *nodes]
    machines = [
        subprocess.Popen(
            [*command, "--node-rank", str(rank), "-m", "training", "run", str(run.folder)],
            env=child_environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for rank in (0, 1)
    ]
    assert [machine.wait(120) for machine in machines] == [0, 0]
    assert run.status() == "finished"
    assert events(run.folder, "started")[-1]["processes"] == 2
    alone = one_process(tmp_path / "alone", **COMMON)
    assert list(losses(run.folder).values()) == pytest.approx(list(losses(alone).values()), rel=1e-5)


def test_machines_that_do_not_share_the_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="all of them see"):
        wait_for_run(tmp_path / "elsewhere", seconds=0.3)


@pytest.mark.slow
def test_two_killed_processes_leave_no_orphans_and_resume_to_the_same_curve(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = toy / "gate"
    gate.touch()
    monkeypatch.setenv("TOY_HOLD", str(gate))
    run = queue(Runs(), **COMMON, processes=2, hold_at=12)
    launch(run)
    wait_for(gate.with_suffix(".reached").exists)
    trainer = psutil.Process(int((run.folder / "pid").read_text()))
    launcher, *workers = trainer.children(recursive=True)
    assert len(workers) == 2
    trainer.kill()
    assert run.status() == "running"  # its launcher holds it on, for its workers still write
    launcher.kill()
    wait_for(lambda: not any(map(is_alive, workers)))
    assert run.status() == "lost"

    gate.unlink()
    run.resume()
    launch(run)
    assert finish(run) == "finished", run.log_tail()
    assert events(run.folder, "started")[-1]["step"] == 8
    assert [event["step"] for event in events(run.folder, "checkpoint")] == [8, 16, 24]
    alone = one_process(tmp_path / "alone", **COMMON)
    assert list(losses(run.folder).values()) == pytest.approx(list(losses(alone).values()), rel=1e-5)
