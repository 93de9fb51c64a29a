"""What the sheet says and when it stops a run."""

import json

import pytest

from training import precision
from training.errors import UserError
from training.measure import full_sheet
from training.preflight import Finding, Sheet
from training.settings import TrainSettings


def test_red_rows_block_with_every_reason() -> None:
    sheet = Sheet((Finding("green", "fine"), Finding("red", "One class", "add another"), Finding("red", "No rows")))
    with pytest.raises(UserError, match=r"^One class: add another; No rows$"):
        sheet.raise_if_blocked()
    assert (sheet.blocked, sheet.to_dict()["verdict"]) == (True, "red")


def test_sheet_without_rows_is_green() -> None:
    Sheet(()).raise_if_blocked()
    assert json.dumps(Sheet(()).to_dict()) == '{"verdict": "green", "findings": [], "columns": [], "sample": []}'


def test_nothing_is_built_in_a_format_that_crawls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_seconds", lambda dtype: 0.07 if "bfloat16" in str(dtype) else 0.001)
    settings = TrainSettings(precision="bf16", device="cpu")
    sheet = full_sheet(Sheet(()), lambda: pytest.fail("nothing is to be built"), settings)
    assert sheet.blocked and sheet.findings[0].title == "bf16 is 70 times slower than fp32 on this processor"
