"""What goes wrong, in words that say what to do; and what is left on the disk when it is full."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.running import events, finish, kill, queue, start, wait_for, weights
from training.errors import UserError
from training.fit.checkpoint import all_checkpoints
from training.fit.explain_failure import explain
from training.runs.forkserver import WarmProcess
from training.runs.registry import Runs
from training.settings import TrainSettings, parse_settings

SETTINGS = parse_settings(TrainSettings, {"batch_size": 12, "gradient_accumulation": 2})


def test_what_a_user_can_mend_is_told_as_it_is() -> None:
    assert explain(UserError("Do this."), SETTINGS) == "Do this."


def test_out_of_memory_names_the_settings_to_change() -> None:
    with pytest.raises(RuntimeError) as error:
        torch.empty(10**15)
    message = explain(error.value, SETTINGS)
    assert message.startswith("Out of memory.")
    assert "batch_size 6 or gradient_accumulation 4" in message


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")])
def test_every_kind_of_out_of_memory_is_known(error: BaseException) -> None:
    assert explain(error, SETTINGS).startswith("Out of memory.")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_known_by_its_number(number: int) -> None:
    assert explain(OSError(number, os.strerror(number)), SETTINGS).startswith("The disk is full.")


def test_another_error_keeps_its_name() -> None:
    assert explain(KeyError("x"), SETTINGS) == "KeyError: 'x'"


# -- a disk that really is full ------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "none", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root can mount a small file system")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
@pytest.mark.parametrize("how", ["torch", "safetensors", "plain"])
def test_a_full_disk_is_known_whoever_writes(small_disk: Path, how: str) -> None:
    big = torch.zeros(200_000)
    with pytest.raises(Exception) as error:  # each library has its own
        if how == "torch":
            torch.save(big, small_disk / "file")
        elif how == "safetensors":
            save_file({"big": big}, small_disk / "file")
        else:
            (small_disk / "file").write_bytes(bytes(800_000))
    assert explain(error.value, SETTINGS).startswith("The disk is full.")


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
def test_a_disk_that_fills_up_during_a_checkpoint_keeps_the_last_one_which_resumes(
    small_disk: Path, warm: WarmProcess, gate: Path, tmp_path: Path
) -> None:
    runs, roomy = Runs(small_disk), Runs(tmp_path / "roomy")
    settings = {"checkpoint_every": 10, "eval_every": 40, "hold_at": 25}
    unbroken = queue(roomy, **settings | {"hold_at": 0})
    start(roomy, warm)
    run = queue(runs, **settings)
    start(runs, warm)
    wait_for(gate.with_suffix(".reached").exists)
    free = os.statvfs(small_disk)
    (small_disk / "filler").write_bytes(bytes(free.f_bavail * free.f_frsize - 8192))  # less than a checkpoint needs
    gate.unlink()

    assert finish(run) == "failed"
    assert run.describe()["message"].startswith("The disk is full. The last checkpoint is whole")
    assert [path.name for path in all_checkpoints(run.folder / "checkpoint")] == ["step-000000010", "step-000000020"]
    (small_disk / "filler").unlink()
    run.resume()
    start(runs, warm)
    assert finish(run) == "finished", run.log_tail()
    assert events(run.folder, "started")[-1]["step"] == 20
    assert finish(unbroken) == "finished"
    assert weights(run.folder) == weights(unbroken.folder)


def test_a_trainer_killed_for_memory_says_what_to_do(warm: WarmProcess, gate: Path, tmp_path: Path) -> None:
    run = queue(Runs(tmp_path), hold_at=2)
    start(Runs(tmp_path), warm)
    wait_for(gate.with_suffix(".reached").exists)
    kill(run)
    assert run.status() == "lost"
    assert "halve batch_size or double gradient_accumulation" in run.describe()["message"]


def test_a_data_file_that_cannot_be_read_fails_in_words(warm: WarmProcess, tmp_path: Path) -> None:
    points = tmp_path / "points.csv"
    points.write_text("not,a,number\n")
    run = queue(Runs(tmp_path / "runs"), points=str(points))
    start(Runs(tmp_path / "runs"), warm)
    assert finish(run) == "failed"
    assert run.describe()["message"].startswith("ValueError: could not convert string")
    assert "Traceback" in run.log_tail()
