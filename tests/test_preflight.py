"""What the sheet says and when it stops a run."""

import json

import pytest
import torch

from training.errors import UserError
from training.measure import full_sheet, slow_format
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


@pytest.mark.skipif(torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="this processor has bf16")
def test_bf16_is_refused_before_any_work_where_the_processor_lacks_it() -> None:
    settings = TrainSettings(precision="bf16", device="cpu")
    sheet = full_sheet(Sheet(()), lambda: pytest.fail("nothing is to be built"), settings)
    assert sheet.blocked and "This processor has no bf16" in sheet.findings[0].title


def test_fp32_is_never_called_slow() -> None:
    assert not slow_format(TrainSettings(device="cpu"))
