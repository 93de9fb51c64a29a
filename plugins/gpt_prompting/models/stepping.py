"""One forward pass after another over a growing text."""

from __future__ import annotations

from typing import Any, Protocol

import torch


class Stepper(Protocol):
    """Logits of the next token, (rows, vocabulary), in 32-bit numbers."""

    def begin(self, ids: torch.Tensor) -> torch.Tensor:
        """Of a prompt, (1, time), that all rows begin with."""
        ...

    def go_on(self, column: torch.Tensor) -> torch.Tensor:
        """Of one more token a row, (rows, 1)."""
        ...


def stepper(model: Any, rows: int, most: int) -> Stepper:
    """What steps through this network.

    Args:
        rows: Texts that grow side by side.
        most: Tokens that each may grow to.
    """
    return PlainStepper(model, rows)


class PlainStepper:
    """Any network of transformers, with the cache it makes itself; one that makes none reads the whole text at each step."""

    def __init__(self, model: Any, rows: int):
        self.model, self.rows, self.past = model, rows, None
        self.seen = torch.empty(0)

    def begin(self, ids: torch.Tensor) -> torch.Tensor:
        found = self.model(input_ids=ids, use_cache=True, logits_to_keep=1)
        self.past = getattr(found, "past_key_values", None)
        self.seen = ids.repeat(self.rows, 1)
        if self.rows > 1 and self.past is not None:
            self.past.batch_repeat_interleave(self.rows)
        return found.logits[:, -1].float().repeat(self.rows, 1)

    def go_on(self, column: torch.Tensor) -> torch.Tensor:
        if self.past is None:
            self.seen = torch.cat([self.seen, column], 1)
            return self.model(input_ids=self.seen, use_cache=False, logits_to_keep=1).logits[:, -1].float()
        found = self.model(input_ids=column, past_key_values=self.past, use_cache=True, logits_to_keep=1)
        self.past = found.past_key_values
        return found.logits[:, -1].float()
