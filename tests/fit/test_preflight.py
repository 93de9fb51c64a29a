"""What the sheet says and when it stops a run."""

import json

import pytest
import torch

from tests import toy
from training.errors import UserError
from training.fit import trial_steps
from training.fit.trial_steps import full_sheet
from training.preflight import precision
from training.preflight.sheet import Finding, Sheet
from training.settings import TrainSettings


def test_red_rows_block_with_every_reason() -> None:
    sheet = Sheet((Finding("green", "fine"), Finding("red", "One class", "add another"), Finding("red", "No rows")))
    with pytest.raises(UserError, match=r"^One class: add another; No rows$"):
        sheet.raise_if_blocked()
    assert (sheet.blocked, sheet.to_dict()["verdict"]) == (True, "red")


def test_sheet_without_rows_is_green() -> None:
    Sheet(()).raise_if_blocked()
    assert json.dumps(Sheet(()).to_dict()) == (
        '{"verdict": "green", "findings": [], "columns": [], "sample": [], "decided": {}, "presets": {}}'
    )


def test_nothing_is_built_in_a_format_that_crawls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_seconds", lambda dtype: 0.07 if "bfloat16" in str(dtype) else 0.001)
    settings = TrainSettings(precision="bf16", device="cpu")
    sheet = full_sheet(Sheet(()), lambda: pytest.fail("nothing is to be built"), settings)
    assert sheet.blocked and sheet.findings[0].title == "bf16 is 70 times slower than fp32 on this processor"


def test_time_is_of_a_process_with_its_share_of_rows_and_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The share of one of two processes is timed: its time is the run's, not twice as long as the run's."""
    threads = []

    def timed(work) -> float:
        work()
        threads.append(torch.get_num_threads())
        return 1.0

    monkeypatch.setattr(trial_steps, "_timed", timed)
    monkeypatch.setattr("training.threads.os.cpu_count", lambda: 2)
    settings = toy.toy_settings(steps=40, processes=2, eval_every=20, device="cpu")
    task, before = toy.make_task(settings), torch.get_num_threads()
    (times, memory) = trial_steps.measure(task, settings).findings
    evaluation = 2 * len(task.eval_data) / 16 / 2  # twice, in batches of 16 rows, by two processes
    assert f"about {40 + evaluation:.0f} s for 40 steps" in times.title
    assert set(threads) == {1} and torch.get_num_threads() == before

    alone = toy.toy_settings(steps=40, device="cpu")
    (_, other) = trial_steps.measure(toy.make_task(alone), alone).findings
    gigabytes = [float(finding.title.split()[0]) for finding in (memory, other)]
    assert gigabytes[0] == pytest.approx(2 * gigabytes[1], rel=0.15)
