"""Pre-training on a stream: stopped, killed or on two processes it ends where the unbroken run of one process ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plugins._discovery import find
from tests.running import events, losses, weights
from training.cli.decide import settings_of_run
from training.data.streams import stream
from training.errors import UserError
from training.fit.checkpoint import all_checkpoints
from training.fit.loop import fit
from training.runs.queue import child_environment
from training.runs.registry import Runs
from training.settings import TrainSettings, parse_settings

COMMON: dict[str, Any] = {
    "streaming": True, "held_out_rows": 4, "model": "", "layers": 1, "heads": 2, "hidden_size": 16, "max_length": 32,
    "vocabulary_size": 300, "steps": 14, "batch_size": 6, "eval_every": 7, "checkpoint_every": 4, "device": "cpu",
    "precision": "fp32", "learning_rate": 1e-3, "dropout": 0.1, "dataset_revision": "",
}  # fmt: skip
PLUGINS = ["bert_finetune", "gpt_prompting"]


class PowerCutError(Exception):
    pass


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, random = tmp_path_factory.mktemp("shards"), np.random.default_rng(0)
    syllables = [first + rest for first in "bdfgklmnpr" for rest in ("ab", "ek", "il", "om")]
    for shard in range(4):
        texts = [
            " ".join(" ".join(random.choice(syllables, 9)).capitalize() + "." for _ in range(8)) for _ in range(30)
        ]
        pq.write_table(pa.table({"text": texts}), folder / f"{shard}.parquet")
    return folder


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "block_characters", lambda lanes: 600)


def task_of(plugin: str, shards: Path, **changes: Any) -> tuple[Any, TrainSettings]:
    kind = find(plugin).kind("pretrain")
    settings = parse_settings(kind.trained_by, {**COMMON, "data": str(shards), **changes})
    assert isinstance(settings, TrainSettings)
    return kind.build(kind.read(settings), settings), settings


def train(plugin: str, shards: Path, folder: Path, listener: Any = None, **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    fit(*task_of(plugin, shards, **changes), folder, listener=listener)
    return folder


def assert_same_end(folder: Path, unbroken: Path) -> None:
    assert weights(folder) == weights(unbroken)
    assert losses(folder) == losses(unbroken)
    ends = [events(each, "finished")[-1]["metrics"] for each in (folder, unbroken)]
    assert ends[0] == ends[1] and ends[0]["loss"] > 0


@pytest.mark.parametrize("plugin", PLUGINS)
def test_killed_and_stopped_streams_resume_bit_for_bit(plugin: str, shards: Path, tmp_path: Path) -> None:
    unbroken = train(plugin, shards, tmp_path / "unbroken")

    def cut(event: dict) -> None:
        if event["event"] == "step" and event["step"] >= 10:
            raise PowerCutError

    with pytest.raises(PowerCutError):
        train(plugin, shards, tmp_path / "killed", cut)
    assert all_checkpoints(tmp_path / "killed" / "checkpoint")[-1].name == "step-000000008"
    assert_same_end(train(plugin, shards, tmp_path / "killed"), unbroken)

    def stop(event: dict) -> None:
        if event["event"] == "checkpoint" and event["step"] == 4:
            (tmp_path / "stopped" / "cancel").touch()

    train(plugin, shards, tmp_path / "stopped", stop)
    assert events(tmp_path / "stopped", "cancelled")[-1]["step"] == 5
    (tmp_path / "stopped" / "cancel").unlink()
    assert_same_end(train(plugin, shards, tmp_path / "stopped"), unbroken)


def test_shard_that_vanishes_ends_the_run_and_it_resumes_when_it_is_back(shards: Path, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    copies.mkdir()
    for shard in shards.iterdir():
        (copies / shard.name).write_bytes(shard.read_bytes())
    unbroken = train("gpt_prompting", copies, tmp_path / "unbroken", steps=30)

    def remove(event: dict) -> None:
        if event["event"] == "checkpoint" and event["step"] == 4:
            (copies / "2.parquet").rename(tmp_path / "away")

    with pytest.raises(UserError, match=r"^2\.parquet, row \d+: the shard is gone\. Put a whole copy"):
        train("gpt_prompting", copies, tmp_path / "run", remove, steps=30)
    with pytest.raises(UserError, match=r"2\.parquet is gone since the run was stopped \(4 files then, 3 now\)"):
        train("gpt_prompting", copies, tmp_path / "run", steps=30)
    (tmp_path / "away").rename(copies / "2.parquet")
    assert_same_end(train("gpt_prompting", copies, tmp_path / "run", steps=30), unbroken)


def test_accumulated_micro_batches_of_a_stream_are_the_same_run(shards: Path, tmp_path: Path) -> None:
    whole = train("gpt_prompting", shards, tmp_path / "whole", dropout=0.0)
    parts = train("gpt_prompting", shards, tmp_path / "parts", dropout=0.0, gradient_accumulation=3)
    assert list(losses(parts).values()) == pytest.approx(list(losses(whole).values()), rel=1e-5)


def test_started_event_claims_no_number_of_rows(shards: Path, tmp_path: Path) -> None:
    folder = train("gpt_prompting", shards, tmp_path / "run", steps=1, eval_every=1)
    assert "rows" not in events(folder, "started")[0]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_sheet_and_auto_work_without_reading_everything(plugin: str, shards: Path) -> None:
    from training.cli.decide import decide_settings
    from training.fit.trial_steps import full_sheet

    owner = find(plugin)
    kind = owner.kind("pretrain")
    open_values = {**COMMON, "data": str(shards), "steps": 0, "batch_size": 0, "learning_rate": 0}
    settings = parse_settings(kind.trained_by, open_values)
    data, sheet = kind.examine(settings)
    assert data is not None
    decided = decide_settings(owner, kind, data, settings).settings
    assert decided.value("steps") > 0 and not decided.undecided()
    sheet = full_sheet(sheet, lambda: kind.build(data, decided), decided)
    assert not sheet.blocked, sheet
    assert "The number of rows is not known before they are read." in [each.detail for each in sheet.findings]
    assert any("4 Parquet files" in each.title for each in sheet.findings)
    assert any("for" in each.title and "steps" in each.title for each in sheet.findings)  # the measured time


def test_folder_of_a_stream_stays_where_it_is(shards: Path, tmp_path: Path) -> None:
    kind = find("gpt_prompting").kind("pretrain")
    settings = parse_settings(kind.trained_by, {**COMMON, "data": f"{shards}=0.5, {shards}/*.parquet=0.5"})
    run = Runs(tmp_path).create("gpt_prompting", "pretrain", settings)
    assert not (run.folder / "data").exists()
    assert run.settings(kind.trained_by).value("data") == f"{shards}=0.5, {shards}/*.parquet=0.5"


def test_revision_is_decided_once_and_only_for_streams_of_the_hub(tmp_path: Path) -> None:
    plugin = find("gpt_prompting")
    kind = plugin.kind("pretrain")
    given = {"steps": 5, "batch_size": 2, "learning_rate": 1e-3, "precision": "fp32", "model": ""}
    local = parse_settings(kind.trained_by, {**given, "data": "texts", "streaming": True})
    of_hub = parse_settings(kind.trained_by, {**given, "dataset": "owner/a, owner/b", "streaming": True})
    assert local.undecided() == [] and of_hub.undecided() == ["dataset_revision"]
    run = Runs(tmp_path).create("gpt_prompting", "pretrain", of_hub)
    run.write_event("auto", choices={"dataset_revision": {"value": "1234567,89abcde", "reason": "the newest"}})
    assert settings_of_run(run, plugin, kind, of_hub).value("dataset_revision") == "1234567,89abcde"


def test_run_from_before_a_field_could_be_decided_has_its_usual_value(tmp_path: Path) -> None:
    plugin = find("gpt_prompting")
    kind = plugin.kind("pretrain")
    settings = parse_settings(kind.trained_by, {"dataset": "owner/a", "streaming": True, "model": ""})
    run = Runs(tmp_path).create("gpt_prompting", "pretrain", settings)
    run.write_event("auto", choices={"steps": {"value": 77, "reason": "20 rows"}})
    resumed = settings_of_run(run, plugin, kind, settings)
    assert resumed.value("steps") == 77 and resumed.undecided() == []


def command(shards: Path, folder: Path, processes: int) -> subprocess.CompletedProcess[str]:
    """Train as the command line does."""
    values = {**COMMON, "dropout": 0.0, "model": "scratch", "processes": processes, "data": shards}
    flags = [
        f"--{name.replace('_', '-')}" if value is True else f"--{name.replace('_', '-')}={value}"
        for name, value in values.items()
    ]
    line = [sys.executable, "-m", "training", "gpt_prompting", "pretrain", *flags, "--folder", str(folder)]
    return subprocess.run(line, env=child_environment(), capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.slow  # 20 s: two processes that import torch
def test_two_processes_give_the_curve_of_one_and_read_the_same_rows(shards: Path, tmp_path: Path) -> None:
    for processes in (1, 2):
        done = command(shards, tmp_path / str(processes), processes)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    lines = [list(losses(tmp_path / each).values()) for each in "12"]
    assert lines[1] == pytest.approx(lines[0], rel=1e-4)
    assert json.loads((tmp_path / "2" / "artifact" / "selfsup.json").read_text())["facts"]["shards"] == 4


@pytest.mark.slow  # 10 s, as above
def test_shard_that_another_process_cannot_read_is_the_message_of_the_run(tmp_path: Path) -> None:
    folder, kind = tmp_path / "shards", find("gpt_prompting").kind("pretrain")
    folder.mkdir()
    for shard in range(2):
        rows = [json.dumps({"text": f"wood stone river {row} cloud field " * 9}) for row in range(40)]
        (folder / f"{shard}.jsonl").write_text("\n".join(rows))
    kind.read(parse_settings(kind.trained_by, {**COMMON, "data": str(folder)}))  # the sample is whole
    damaged = folder / "1.jsonl"
    about, text = damaged.stat(), damaged.read_text()
    damaged.write_text(text.replace('{"text": "wood stone river 30', '{"text"_ "wood stone river 30'))
    os.utime(damaged, ns=(about.st_atime_ns, about.st_mtime_ns))
    done = command(folder, tmp_path / "run", 2)
    assert done.returncode != 0
    [failed] = events(tmp_path / "run", "failed")
    assert failed["message"].startswith("1.jsonl, row 31: "), failed
