"""The check for the day that a GPU is there runs without one, and its table says what does not hold."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from benchmarks.gpu_check import SIZES, Outcome, difference
from plugins._discovery import find
from training.runs.queue import child_environment
from training.settings import TrainSettings

GOOD = Outcome("x.y", "fp32", memory=1e9, planned=1.1e9, rate=90.0, bare=100.0, difference=0.0, prediction="same")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, []),
        ({"planned": 0.0}, []),  # a kind without a plan
        ({"planned": 1.2e9}, ["the plan says +20% memory"]),
        ({"planned": 0.8e9, "rate": 50.0}, ["the plan says -20% memory", "50% of the bare loop's speed"]),
        ({"difference": 1e-2}, ["resumed, the losses differ by 1.0e-02"]),
        ({"difference": float("nan")}, ["resumed, the losses differ by nan"]),
        ({"prediction": "two loads give two answers"}, ["prediction: two loads give two answers"]),
        ({"error": "RuntimeError: out of memory", "rate": 0.0}, ["RuntimeError: out of memory"]),
    ],
)
def test_what_does_not_hold_is_said(values: dict, said: list[str]) -> None:
    assert list(replace(GOOD, **values).complaints("cuda", quick=False)) == said


def test_a_quick_check_judges_neither_memory_nor_speed_and_a_cpu_resumes_to_the_bit() -> None:
    slow = replace(GOOD, planned=9e9, rate=1.0)
    assert list(slow.complaints("cpu", quick=True)) == []
    assert list(replace(slow, difference=1e-7).complaints("cpu", quick=True)) == [
        "resumed, the losses differ by 1.0e-07"
    ]
    assert list(replace(GOOD, difference=1e-4).complaints("cuda", quick=False)) == []


def test_a_resumed_run_must_go_on_where_the_checkpoint_was() -> None:
    whole = {step: 1.0 / step for step in range(1, 7)}
    assert difference(whole, {4: 0.25, 5: 0.2, 6: 1 / 6 * 1.01}, 3) == pytest.approx(0.01)
    with pytest.raises(AssertionError, match="it went on at step 1 and not at 4"):
        difference(whole, whole, 3)


def test_every_trainer_that_fits_one_network_is_checked() -> None:
    plugins = ("bert_finetune", "gpt_prompting", "ae_anomaly", "denoising_ae", "diffusion_cfg")
    several = {"bert_finetune.label_efficiency", "denoising_ae.compare"}  # experiments of several fits
    trainers = {
        f"{name}.{kind.name}"
        for name in plugins
        for kind in find(name).trainable
        if issubclass(kind.trained_by, TrainSettings)
    }
    assert set(SIZES) == trainers - several


@pytest.mark.slow  # two processes that import torch
def test_the_check_runs_on_a_cpu() -> None:
    command = [sys.executable, "-m", "benchmarks.gpu_check", "--device", "cpu", "--quick", "--only", "ae_anomaly.fit"]
    done = subprocess.run(command, env=child_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| ae_anomaly.fit")]
    assert [(row[1], row[7], row[8].rstrip(" |")) for row in rows] == [
        ("fp32", "equal", "same"),
        ("bf16", "equal", "same"),
    ]
    assert "All of it holds." in done.stdout
