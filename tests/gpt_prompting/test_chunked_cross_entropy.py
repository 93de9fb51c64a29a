"""Losses over a vocabulary, and their gradients, are those of torch."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from plugins.bert_finetune.pretrain.chunked_cross_entropy import chunked_cross_entropy


@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-6), (torch.bfloat16, 4e-3)])
@pytest.mark.parametrize("rows", [0, 1, 23])
def test_losses_and_gradients_are_torchs(dtype: torch.dtype, close: float, rows: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("plugins.bert_finetune.pretrain.chunked_cross_entropy.CHUNK_LOGITS", 400)  # eight rows at once
    torch.manual_seed(0)
    logits = (10 * torch.randn(rows, 50)).to(dtype)
    targets, weights = torch.randint(50, (rows,)), torch.rand(rows)
    found, wanted = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    losses = chunked_cross_entropy(found, targets)
    plain = functional.cross_entropy(wanted.float(), targets, reduction="none")
    torch.testing.assert_close(losses, plain, rtol=1e-5, atol=1e-5)
    (losses * weights).sum().backward()
    (plain * weights).sum().backward()
    assert found.grad is not None and wanted.grad is not None
    torch.testing.assert_close(found.grad, wanted.grad, rtol=close, atol=close)


def test_a_word_that_is_all_but_impossible_still_has_a_finite_loss():
    logits = torch.tensor([[0.0, -1000.0, 300.0]], requires_grad=True)
    assert chunked_cross_entropy(logits, torch.tensor([1])).tolist() == [1300.0]


def test_a_second_backward_pass_is_refused():
    losses = chunked_cross_entropy(torch.randn(2, 5, requires_grad=True), torch.tensor([1, 2])).sum()
    losses.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="supports one backward pass"):
        losses.backward()


def test_without_a_gradient_torch_does_it():
    logits, targets = torch.randn(3, 5, requires_grad=True), torch.tensor([1, 2, 0])
    with torch.no_grad():
        found = chunked_cross_entropy(logits, targets)
    torch.testing.assert_close(found, functional.cross_entropy(logits.detach(), targets, reduction="none"))
