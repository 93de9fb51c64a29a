"""What a run may cost: refused before it starts where its settings say it, stopped where only the process shows it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import partialmethod
from pathlib import Path
from typing import Any

import pytest

from tests.running import finish, queue, start, wait_for
from tests.toy import make_task, toy_settings
from training import machine
from training.errors import UserError
from training.fit.experiment import Experiment, Fit, Part, run_experiment
from training.preflight.limits import Limits
from training.runs import excess
from training.runs.forkserver import WarmProcess
from training.runs.queue import Dispatcher
from training.runs.registry import Runs

MB = 2**20


@pytest.mark.parametrize(
    ("limits", "settings", "words"),
    [
        (Limits(max_processes=2), {"processes": 3}, "processes: 3 were asked for; this server allows 2"),
        (Limits(max_steps=10), {"steps": 11}, "SELFSUP_MAX_STEPS"),
        (Limits(max_batch_size=16), {"batch_size": 17}, "SELFSUP_MAX_BATCH_SIZE"),
    ],
)
def test_settings_beyond_a_limit_are_refused(limits: Limits, settings: dict[str, int], words: str) -> None:
    with pytest.raises(UserError, match=words):
        limits.check(toy_settings(**settings))
    name, value = next(iter(settings.items()))
    assert limits.check(toy_settings(**{name: value - 1})).value(name) == value - 1


def test_one_process_for_each_core_or_gpu_and_one_on_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    most = max(machine.cores(), machine.gpus())
    with pytest.raises(UserError, match=f"this server allows {most}"):
        Limits().check(toy_settings(processes=1024, batch_size=2048))
    monkeypatch.setenv("SYSTEM", "spaces")
    with pytest.raises(UserError, match="this server allows 1"):
        Limits().check(toy_settings(processes=2))


def test_a_longer_time_than_allowed_becomes_the_allowed_one() -> None:
    limits = Limits(max_seconds=60)
    assert [limits.check(toy_settings(time_limit=given)).time_limit for given in (0, 30, 90)] == [60, 30, 60]


def test_a_model_that_the_memory_cannot_train_is_refused_by_its_size() -> None:
    limits = Limits(max_parameters=100, max_memory_mb=1000)
    limits.check_parameters(60_000_000)
    with pytest.raises(UserError, match=r"101 million parameters; this server trains up to 100"):
        limits.check_parameters(101_000_000)
    with pytest.raises(UserError, match=r"takes 1,068 MB of memory before the first row"):
        limits.check_parameters(70_000_000)


def test_the_queue_refuses_what_came_in_by_another_way(warm: WarmProcess, tmp_path: Path) -> None:
    """A configuration of other limits: from a backup, or edited by hand."""
    run = queue(Runs(tmp_path), processes=machine.cores() + 1, batch_size=64)
    start(Runs(tmp_path), warm)
    assert finish(run) == "failed"
    assert "SELFSUP_MAX_PROCESSES" in run.describe()["message"]


def test_memory_beyond_the_limit_fails_in_the_process_alone() -> None:
    code = f"""
from training.preflight.limits import Limits
Limits(max_memory_mb=256).confine()
kept = bytearray({200 * MB})
try:
    more = bytearray({1400 * MB})
except MemoryError:
    print("refused")
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "refused"


def test_where_cuda_may_be_used_a_watchdog_limits_the_memory_and_the_kernel_does_not() -> None:
    code = f"""
import resource, time
from training import machine
machine.can_use_gpu = lambda: True
from training.preflight import memory_limit
before = resource.getrlimit(resource.RLIMIT_DATA)
memory_limit.limit_more_memory({100 * MB})
print(resource.getrlimit(resource.RLIMIT_DATA) == before)
try:
    kept = bytearray(b"x") * {200 * MB}
    time.sleep(10)
except MemoryError as error:
    print(error)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    same, message = done.stdout.splitlines()
    assert same == "True" and re.fullmatch(r"More than 1\d\d MB of memory\.", message)


def test_a_gpu_that_is_hidden_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "0000:01:00.0").mkdir()
    monkeypatch.setattr(machine, "NVIDIA_GPUS", tmp_path)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert machine.can_use_gpu()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert not machine.can_use_gpu()


def test_a_part_of_an_experiment_is_refused_by_its_models_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Small(Experiment):
        parts = [Part("one", {}, 2)]  # noqa: RUF012

        def run(self, part: Part, fit: Fit) -> dict[str, Any]:
            settings = toy_settings(steps=2)
            return {"loss": len(str(fit(make_task(settings), settings)))}

        def metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
            return {}

    monkeypatch.setattr(Limits, "check_parameters", partialmethod(refuse_more_than, most=100))
    with pytest.raises(UserError, match="162 parameters"):
        run_experiment(Small(), tmp_path, {})


def refuse_more_than(limits: Limits, parameters: int, most: int) -> None:
    if parameters > most:
        raise UserError(f"{parameters} parameters")


def test_a_run_that_grows_beyond_its_memory_is_ended_with_the_reason(
    warm: WarmProcess, gate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = queue(Runs(tmp_path), hold_at=2)
    start(Runs(tmp_path), warm)
    wait_for(gate.with_suffix(".reached").exists)
    dispatcher = Dispatcher(Runs(tmp_path), warm=warm, limits=Limits(max_memory_mb=300))
    dispatcher.pump()
    assert run.status() == "running" and 0 < excess.memory_bytes(run) < 300 * MB
    monkeypatch.setattr(excess, "memory_bytes", lambda run: 400 * MB)
    dispatcher.pump()
    wait_for(lambda: not run.is_held())
    assert run.status() == "cancelled"
    assert run.describe()["message"].startswith("Stopped: it took 400 MB of memory, and a run may take 300 here.")


def test_a_run_that_never_comes_to_train_is_ended_too(
    warm: WarmProcess, gate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its time counts from the start of its process."""
    run = queue(Runs(tmp_path), hold_at=1)
    start(Runs(tmp_path), warm)
    wait_for(gate.with_suffix(".reached").exists)
    limits = Limits(max_seconds=1)
    assert excess.excess_of(run, limits) is None
    monkeypatch.setattr(excess, "STOP_SECONDS", -1.0)
    wait_for(lambda: excess.age_seconds(run) > 0)
    found = excess.excess_of(run, limits)
    assert found is not None and not found.is_urgent
    run.cancel(found.reason)
    dispatcher = Dispatcher(Runs(tmp_path), warm=warm, grace_seconds=0.1)
    wait_for(lambda: dispatcher.pump() or not run.is_held())
    assert "longer than the 1 seconds that this server allows" in run.describe()["message"]


def test_a_run_that_fills_the_disk_is_asked_to_stop(tmp_path: Path) -> None:
    run = queue(Runs(tmp_path))
    run.write_event("starting")
    (run.folder / "checkpoint").write_bytes(bytes(2 * MB))
    found = excess.excess_of(run, Limits(max_disk_mb=1))
    assert found is not None and "filled the 1 MB of disk" in found.reason
    assert excess.excess_of(run, Limits(max_disk_mb=3)) is None
