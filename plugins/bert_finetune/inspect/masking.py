"""One random mask of a text, as masked-language pre-training draws it at each step."""

from __future__ import annotations

from typing import Any

import numpy as np

from plugins.bert_finetune.pretrain.masking import Masker
from training.errors import UserError


def sample_masking(model: Any, text: str, share: float, unit: str, seed: int) -> list[tuple[str, str | None]]:
    """What pre-training makes of a text in one step: each token as the network sees it, and what was done to it.

    Returns:
        (token, None where it is left alone and nothing is asked, else "[MASK]", "random" or "kept"), in reading order.

    Raises:
        UserError: If the text is empty or the model has no mask token.
    """
    tokenizer = model.tokenizer
    if tokenizer.mask_token_id is None:
        raise UserError("This model has no mask token: it was not made to guess hidden words.")
    ids = np.asarray(tokenizer(text, truncation=True, max_length=model.max_length, verbose=False)["input_ids"])
    if not text.strip():
        raise UserError("The text is empty: write a sentence.")
    random, masker = np.random.default_rng(seed), Masker(tokenizer, share, unit)
    chosen = masker.choose(ids, random)
    shown = masker.corrupt(ids, chosen, random)
    before, after = (tokenizer.convert_ids_to_tokens(each.tolist()) for each in (ids, shown))
    asked = set(chosen.tolist())
    pairs = enumerate(zip(before, after, strict=True))
    return [
        _token_and_treatment(old, new, tokenizer.mask_token) if at in asked else (f"{old} ", None)
        for at, (old, new) in pairs
    ]


def _token_and_treatment(old: str, new: str, mask: str) -> tuple[str, str]:
    if new == old:
        return old, "kept, but asked for"
    return (f"{mask} ({old})", "masked") if new == mask else (f"{new} ({old})", "replaced at random")
