"""`training plan`: what is traced without memory is what is measured with it; a run without room is refused."""

from __future__ import annotations

import importlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from plugins import gpt_prompting
from plugins._discovery import find
from tests import tiny_gpt
from tests.contract.test_large_networks import KINDS, NAMES, build, pipeline, settings_of, step  # noqa: F401 - a fixture
from tests.layered import LayeredSettings
from training.cli import plan as planning
from training.cli.main import main
from training.errors import UserError
from training.fit.large_network import prepare_network
from training.fit.trace import trace
from training.preflight import plan
from training.preflight.machines import find_machine
from training.preflight.plan import Trace
from training.runs.run import Run
from training.settings import parse_settings

TRACE = Trace(
    parameters=1_000, trained=1_000, weight_bytes=4_000, gradient_bytes=4_000, block_bytes=400, activation_bytes=6_000,
    peak_bytes=8_000, operations=48_000_000, rows=2, tokens=200,
)  # fmt: skip


def layered(**values: Any) -> LayeredSettings:
    return parse_settings(LayeredSettings, {"precision": "fp32", "batch_size": 16, "steps": 100, **values})


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_the_sketch_of_a_kind_has_the_weights_and_activations_of_its_task(kind: Any, pipeline: Path) -> None:  # noqa: F811
    settings = settings_of(kind, pipeline, batch_size=4)
    task = build(kind, settings)
    prepare_network(task.model, settings)
    held, _, gradients = step(task)
    vocabulary = len(getattr(task, "tokenizer", ())) or settings.value("vocabulary_size", 0)
    sketched = settings.model_copy(update={"vocabulary_size": vocabulary})
    traced = trace(partial(planning.sketch_of(kind), sketched), sketched, 4)  # type: ignore[arg-type]
    assert traced.parameters == pytest.approx(sum(p.numel() for p in task.model.parameters()), rel=0.05)
    assert traced.gradient_bytes == pytest.approx(4 * gradients.numel(), rel=0.05)
    rows = [len(ids) for ids in getattr(task.train_data, "ids", ())][:4]
    if not rows:  # of other kinds, rows are as long as they can be, or cannot be compared
        assert 0.5 * held < traced.activation_bytes < 4 * held


def test_gpt2_xl_is_traced_in_seconds_and_has_the_parameters_and_operations_of_the_literature() -> None:
    kind = gpt_prompting.PLUGIN.kind("pretrain")
    values = {"model": "scratch", "size": "gpt2-xl", "max_length": 1024, "precision": "bf16"}
    settings = parse_settings(kind.trained_by, values).with_usual()
    make = partial(planning.sketch_of(kind), settings)  # type: ignore[arg-type]
    traced = trace(make, settings, 1)
    assert traced.parameters == 1_557_611_200  # Radford et al. (2019)
    assert traced.weight_bytes == 4 * traced.parameters
    # 6 operations a weight and token, the embedding of positions apart, and attention on top (Kaplan et al., 2020)
    assert traced.operations / traced.tokens / traced.parameters == pytest.approx(6, rel=0.1)
    checkpointed = settings.model_copy(update={"gradient_checkpointing": True})
    less = trace(partial(planning.sketch_of(kind), checkpointed), checkpointed, 1)  # type: ignore[arg-type]
    assert less.activation_bytes - 2 * less.parameters < 0.2 * (traced.activation_bytes - 2 * traced.parameters)
    assert less.operations / traced.operations == pytest.approx(1.22, rel=0.03)


def test_memory_of_one_process_is_weights_moments_and_the_peak_of_a_step() -> None:
    needed = plan.memory(TRACE, layered(), find_machine("A100-80GB"))
    assert (needed.weights, needed.gradients, needed.optimizer, needed.average) == (4_000, 4_000, 8_000, 0)
    assert needed.peak == 4_000 + 8_000 + 8_000 + plan.GPU_LIBRARIES
    averaged = plan.memory(TRACE, layered(ema_decay=0.9), find_machine("A100-80GB"))
    assert averaged.peak - needed.peak == 4_000


def test_on_a_cpu_the_allocator_keeps_more_of_layers_that_are_computed_again() -> None:
    machine = replace(find_machine("A100-80GB"), is_gpu=False)
    plain, checkpointed = (
        plan.memory(TRACE, layered(gradient_checkpointing=on), machine).peak - 4_000 - 8_000 - plan.CPU_LIBRARIES
        for on in (False, True)
    )
    assert plain == pytest.approx(1.25 * 8_000)
    assert checkpointed == pytest.approx(2.2 * 8_000)


def test_sharding_divides_weights_gradients_and_optimiser_among_the_processes() -> None:
    needed = plan.memory(TRACE, layered(sharding="full"), find_machine("4xA100-80GB"))
    assert (needed.weights, needed.gradients, needed.optimizer) == (1_000, 1_000, 2_000)
    assert needed.gathered == 800
    assert needed.peak == 1_000 + 2_000 + 800 + 6_000 + plan.GPU_LIBRARIES
    plain = plan.memory(TRACE, layered(), find_machine("4xA100-80GB"))
    assert plain.gathered == 4_000  # the buckets of plain data parallel


def test_hours_and_price_follow_from_operations_and_the_cards_peak() -> None:
    machine = replace(find_machine("2xA100-40GB"), dollars_an_hour=5.0)
    speed = plan.speed(TRACE, layered(precision="bf16"), machine)
    assert speed.tokens_a_second == pytest.approx(312e12 * 0.4 * 2 * 200 / 48e6)
    assert speed.hours == pytest.approx(100 * 16 * 100 / speed.tokens_a_second / 3600)
    assert speed.dollars == pytest.approx(5.0 * speed.hours)


@pytest.mark.parametrize(
    ("name", "processes", "gigabytes"),
    [("8xA100-80GB", 8, 80), ("a100", 1, 80), ("2xa100-40gb", 2, 40), ("a10g-largex4", 4, 24), ("t4-small", 1, 16)],
)
def test_machines_are_found_by_card_or_flavour(name: str, processes: int, gigabytes: int) -> None:
    machine = find_machine(name)
    assert (machine.processes, machine.memory_bytes) == (processes, gigabytes * 10**9)


@pytest.mark.parametrize("name", ["8xB9000", "", "0xA100", "huge"])
def test_an_unknown_machine_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(UserError, match="8xA100-80GB"):
        find_machine(name)


@pytest.mark.parametrize("machine", [pytest.param("8xA100-80GB", marks=pytest.mark.slow), "RTX3090-24GB"])
def test_the_command_prints_memory_speed_and_what_would_help(machine: str, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--model=scratch", "--size=gpt2-xl", "--max-length=1024", "--batch-size=8", "--steps=100"]
    code = main(["plan", "gpt_prompting", "pretrain", *flags, "--machine", machine])
    printed = capsys.readouterr().out
    assert "1,557,611,200 parameters" in printed
    assert "tokens a second" in printed
    rows = {
        line[:42].strip(): line.rsplit(maxsplit=1)[1] for line in printed.splitlines() if line.endswith(("yes", "no"))
    }
    if machine == "8xA100-80GB":
        assert (code, rows["as set"], rows["sharding full"]) == (0, "yes", "yes")
    else:
        assert (code, rows) == (2, {"as set": "no", "gradient_checkpointing on": "no"})


def test_a_kind_without_a_plan_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "ae_anomaly", "fit"]) == 2
    assert "`python -m training check` measures it" in capsys.readouterr().err


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFSUP_MAX_MEMORY_MB", "1500")


FLAGS = ["--model=scratch", "--size=gpt2", "--max-length=256", "--batch-size=8", "--precision=fp32", "--device=cpu"]


@pytest.mark.usefixtures("small_memory")
@pytest.mark.parametrize("command", ["check", "train"])
def test_a_run_without_room_is_refused_with_numbers_before_its_network_is_made(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = importlib.import_module("plugins.gpt_prompting.pretrain.task")
    monkeypatch.setattr(task, "build", lambda *_: pytest.fail("the network was made"))
    sample = find("gpt_prompting").kind("pretrain").samples[0].value
    arguments = ["gpt_prompting", "pretrain", f"--data={sample}", *FLAGS]
    if command == "check":
        assert main(["check", *arguments]) == 2
        said = capsys.readouterr().out
    else:
        assert main([*arguments, "--folder", str(tmp_path / "run")]) == 2
        said = Run(tmp_path / "run").summary().message
    assert "of memory a process, and there are 1.6 GB" in said
    assert "gradient_accumulation to 2" in said or "lora_rank" in said


def test_the_advice_names_the_changes_that_save_most() -> None:
    large = replace(TRACE, activation_bytes=60 * 10**9, peak_bytes=70 * 10**9)
    machine = find_machine("RTX3090-24GB")
    finding = plan.memory_finding(plan.memory(large, layered(), machine), layered(), machine)
    assert finding.level == "red"
    assert finding.title.startswith("Plan: 70.7 GB of memory a process, and there are 24.0 GB")
    assert finding.detail.startswith("Switch gradient_checkpointing on; set gradient_accumulation to 2")
    assert plan.memory_finding(plan.memory(TRACE, layered(), machine), layered(), machine).level == "green"


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_adapters_are_planned_as_what_is_trained_and_frozen_weights_in_their_format(dtype: str, tmp_path: Path) -> None:
    kind = gpt_prompting.PLUGIN.kind("pretrain")
    values = {"model": str(tiny_gpt.save(tmp_path)), "lora_rank": 2, "weights_dtype": dtype, "precision": "bf16"}
    settings = parse_settings(kind.trained_by, values).with_usual()
    traced = trace(partial(planning.sketch_of(kind), settings), settings, 2)  # type: ignore[arg-type]
    assert traced.gradient_bytes == 4 * traced.trained
    assert 0 < traced.trained < 0.1 * traced.parameters
    frozen = traced.parameters - traced.trained
    assert traced.weight_bytes == traced.gradient_bytes + frozen * {"fp32": 4, "bf16": 2}[dtype]
