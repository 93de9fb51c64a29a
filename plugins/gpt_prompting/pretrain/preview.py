"""Preview: continuations that are sampled while a model trains."""

from __future__ import annotations

from typing import Any

import torch

MAX_NEW_TOKENS = 48
TEMPERATURE, TOP_K = 0.8, 40  # Fan et al., 2018
PROMPT_TOKENS = 12  # of a held-out text that is continued


@torch.no_grad()
def continue_text(model: Any, tokenizer: Any, prompt: list[int], device: torch.device, seed: int = 0) -> str:
    """Sample up to 48 tokens after the prompt, until the end of the text."""
    generator = torch.Generator().manual_seed(seed)
    ids, limit = list(prompt), getattr(model.config, "max_position_embeddings", 0) or 10**9
    inputs, cache = torch.tensor([ids], device=device), None
    for _ in range(MAX_NEW_TOKENS):
        if len(ids) >= limit:
            break
        output = model(input_ids=inputs, past_key_values=cache, use_cache=True)
        token = _sample(output.logits[0, -1].float().cpu(), generator)
        if token == tokenizer.eos_token_id:
            break
        ids.append(token)
        inputs, cache = torch.tensor([[token]], device=device), output.past_key_values
    return tokenizer.decode(ids, skip_special_tokens=True)


def _sample(logits: torch.Tensor, generator: torch.Generator) -> int:
    best, tokens = logits.topk(min(TOP_K, len(logits)))
    return int(tokens[torch.multinomial((best / TEMPERATURE).softmax(-1), 1, generator=generator)])
