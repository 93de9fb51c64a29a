"""The quick dropout drops the share it should, keeps the mean, and repeats itself after a seed."""

from __future__ import annotations

import pytest
import torch

from plugins.bert_finetune.models.fast_dropout import FastDropout, use_fast_dropout


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_share_dropped_and_scale_are_those_of_dropout(p: float, kind: torch.dtype):
    torch.manual_seed(0)
    values = torch.ones(997, 1003, dtype=kind, requires_grad=True)
    found = FastDropout(p)(values)
    dropped = (found == 0).float().mean().item()
    assert dropped == pytest.approx(p, abs=4 * (p * (1 - p) / values.numel()) ** 0.5)
    assert found.max().item() == pytest.approx(1 / (1 - p), rel=0.01)
    (gradient,) = torch.autograd.grad(found.sum(), values)
    assert torch.equal(gradient, found.detach())


def test_neighbours_are_independent():
    torch.manual_seed(0)
    kept = (FastDropout(0.5)(torch.ones(2**20)) > 0).float() - 0.5
    for distance in range(1, 9):
        assert abs((kept[:-distance] * kept[distance:]).mean().item()) < 4 * 0.25 / 2**10


def test_same_seed_same_mask_and_evaluation_changes_nothing():
    dropout, values = FastDropout(0.3), torch.randn(5, 7)
    torch.manual_seed(1)
    first = dropout(values)
    torch.manual_seed(1)
    assert torch.equal(dropout(values), first)
    assert torch.equal(dropout.eval()(values), values)


def test_only_plain_dropouts_are_replaced():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.1), torch.nn.AlphaDropout(0.1))
    use_fast_dropout(model)
    assert [type(module) for module in model] == [torch.nn.Linear, FastDropout, torch.nn.AlphaDropout]
