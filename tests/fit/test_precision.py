"""A number format that the processor computes at a crawl is said, on the sheet and in the run."""

import pytest

from training.preflight import precision
from training.settings import TrainSettings


@pytest.mark.parametrize(("bf16_seconds", "said"), [(0.07, ["bf16 is 70 times slower than fp32 on this processor"]), (0.0012, []), (0.0005, [])])  # fmt: skip
def test_bf16_is_warned_of_where_it_is_slow(bf16_seconds: float, said: list[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(precision, "_seconds", lambda dtype: bf16_seconds if "bfloat16" in str(dtype) else 0.001)
    found = precision.slow_precision(TrainSettings(precision="bf16"), "cpu")
    assert [row.title for row in found] == said


@pytest.mark.parametrize(("chosen", "device"), [("fp32", "cpu"), ("bf16", "cuda")])
def test_no_time_is_spent_where_nothing_can_be_slow(chosen: str, device: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(precision, "_seconds", lambda dtype: pytest.fail("a product was timed"))
    assert precision.slow_precision(TrainSettings(precision=chosen), device) == []  # type: ignore[arg-type]


def test_a_product_takes_some_time():
    import torch

    assert 0 < precision._seconds(torch.float32) < 5
