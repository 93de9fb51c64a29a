"""Texts that the network writes while it trains."""

from __future__ import annotations

from typing import Any

import torch

MAX_NEW_TOKENS = 48  # tokens
TEMPERATURE, TOP_K = 0.8, 40  # Fan et al., 2018
PROMPT_TOKENS = 12  # tokens of a held-out text that are given


@torch.no_grad()
def continue_text(model: Any, tokenizer: Any, prompt: list[int], seed: int = 0) -> str:
    """Sample up to 48 tokens after the prompt, until the end of the text."""
    device = next(model.parameters()).device
    random = torch.Generator().manual_seed(seed)
    ids, limit = list(prompt), getattr(model.config, "max_position_embeddings", 0) or 10**9
    given, past = torch.tensor([ids], device=device), None
    for _ in range(MAX_NEW_TOKENS):
        if len(ids) >= limit:
            break
        out = model(input_ids=given, past_key_values=past, use_cache=True)
        token = _draw(out.logits[0, -1].float().cpu(), random)
        if token == tokenizer.eos_token_id:
            break
        ids.append(token)
        given, past = torch.tensor([[token]], device=device), out.past_key_values
    return tokenizer.decode(ids, skip_special_tokens=True)


def _draw(logits: torch.Tensor, random: torch.Generator) -> int:
    best, which = logits.topk(min(TOP_K, len(logits)))
    return int(which[torch.multinomial((best / TEMPERATURE).softmax(-1), 1, generator=random)])
