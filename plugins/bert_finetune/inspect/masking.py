"""One random mask of a text, as pre-training samples it at each step."""

from __future__ import annotations

import numpy as np

from plugins.bert_finetune.encode.predictor import EncoderPredictor
from plugins.bert_finetune.pretrain.masking import Masker
from training.errors import UserError


def sample_masking(
    model: EncoderPredictor, text: str, mask_ratio: float, masking: str, seed: int
) -> list[tuple[str, str | None]]:
    """Mask a text as one pre-training step does.

    Returns:
        (token, treatment) in reading order; treatment is None for tokens that are not predicted, else "masked",
        "replaced at random" or "kept".

    Raises:
        UserError: If the text is empty or the model has no mask token.
    """
    tokenizer = model.tokenizer
    if tokenizer.mask_token_id is None:
        raise UserError("This model has no mask token: it is not a masked language model.")
    ids = np.asarray(tokenizer(text, truncation=True, max_length=model.max_length, verbose=False)["input_ids"])
    if not text.strip():
        raise UserError("The text is empty: write a sentence.")
    random, masker = np.random.default_rng(seed), Masker(tokenizer, mask_ratio, masking)
    chosen = masker.choose(ids, random)
    corrupted = masker.corrupt(ids, chosen, random)
    before, after = (tokenizer.convert_ids_to_tokens(tokens.tolist()) for tokens in (ids, corrupted))
    is_chosen = np.isin(np.arange(len(ids)), chosen)
    return [
        _token_and_treatment(old, new, tokenizer.mask_token) if predicted else (f"{old} ", None)
        for old, new, predicted in zip(before, after, is_chosen, strict=True)
    ]


def _token_and_treatment(old: str, new: str, mask: str) -> tuple[str, str]:
    if new == old:
        return old, "kept"
    return (f"{mask} ({old})", "masked") if new == mask else (f"{new} ({old})", "replaced at random")
