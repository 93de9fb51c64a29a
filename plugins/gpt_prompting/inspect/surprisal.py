"""Token surprisal: how improbable each token of a text was, and the loss of the whole text."""

from __future__ import annotations

import math
from typing import Any

from plugins.gpt_prompting.models.interface import LanguageModel
from training.errors import UserError


def surprisal(model: LanguageModel, text: str, shown: int = 5) -> dict[str, Any]:
    """Score every token of a text.

    Args:
        shown: Other candidates returned with each token.

    Returns:
        tokens (token, probability, others), tokens_scored, loss (mean surprisal in nats per token), perplexity,
        bits_per_byte.

    Raises:
        UserError: If the text is empty, or the model does not give probabilities.
    """
    tokens = model.score_tokens(text, shown)
    scored = [token for token in tokens if token.probability is not None]
    if not scored:
        raise UserError("The text is empty: write something to score.")
    total = -sum(math.log(max(token.probability or 0, 1e-30)) for token in scored)
    loss, size_bytes = total / len(scored), len("".join(token.text for token in scored).encode())
    return {
        "tokens": [token.record() for token in tokens],
        "tokens_scored": len(scored),
        "loss": round(loss, 5),
        "perplexity": round(math.exp(min(loss, 50)), 4),
        "bits_per_byte": round(total / math.log(2) / max(1, size_bytes), 5),
    }
