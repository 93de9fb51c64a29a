"""Many rows at once: where a processor has instructions for it, the products of a file's rows are computed in bf16.

That is 1.7 times as quick and changes a probability by a thousandth in the mean (docs/experiments.md, 2026-11-27), so a single text,
which is answered at once anyway, stays in 32 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional
from transformers.models.bert.modeling_bert import BertPreTrainedModel

from training.preflight.precision import has_bf16_products

HEADS = ("classifier", "qa_outputs")


class ExactLinear(torch.nn.Linear):
    """A `torch.nn.Linear` that stays in its own number format: in bf16 many rows would get the same probability."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """(…, in) -> (…, out)."""
        with torch.autocast(input.device.type, enabled=False):
            return functional.linear(input.to(self.weight.dtype), self.weight, self.bias)


@contextmanager
def quick_products(model: Any) -> Iterator[None]:
    """Compute what a BERT is asked inside in bf16, but for its head, if it is on a processor that is quick at it.

    The weights stay as they are. Other architectures stay in 32 bits: some cannot be computed otherwise, such as DeBERTa.
    """
    on_cpu = next(model.parameters()).device.type == "cpu"
    quick = on_cpu and isinstance(model, BertPreTrainedModel) and has_bf16_products()
    for name in HEADS if quick else ():
        if type(head := getattr(model, name, None)) is torch.nn.Linear:
            head.__class__ = ExactLinear
    with torch.autocast("cpu", torch.bfloat16, enabled=quick):
        yield
