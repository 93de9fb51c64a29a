"""What "Look inside" asks of any loaded encoder: how its tokenizer splits words, what masking does to a text, where texts lie."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from plugins.bert_finetune.pretrain.masking import Masker
from plugins.bert_finetune.vectors import body, embed
from training.errors import UserError
from training.wording import counted

SHOWN_WORDS = 12
MOST_TEXTS = 500
FEWEST_TEXTS = 3


def masked(model: Any, text: str, share: float, unit: str, seed: int) -> list[tuple[str, str | None]]:
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
    return [_done(old, new, tokenizer.mask_token) if at in asked else (f"{old} ", None) for at, (old, new) in pairs]


def _done(old: str, new: str, mask: str) -> tuple[str, str]:
    if new == old:
        return old, "kept, but asked for"
    return (f"{mask} ({old})", "masked") if new == mask else (f"{new} ({old})", "replaced at random")


def split_words(model: Any, text: str) -> dict[str, Any]:
    """How the tokenizer splits the words of a domain.

    Returns:
        words; pieces_a_word; unknown (share of the words with a piece that the vocabulary lacks); rows: the words cut into
        most pieces, [word, pieces, times].

    Raises:
        UserError: If there is no word.
    """
    words = Counter(text.split())
    if not words:
        raise UserError("There is no word: paste some text of your domain.")
    tokenizer = model.tokenizer
    found = tokenizer([f" {word}" for word in words], add_special_tokens=False, verbose=False)["input_ids"]
    sizes = np.asarray([len(ids) for ids in found])
    times = np.asarray(list(words.values()))
    unknown = np.asarray([tokenizer.unk_token_id in ids for ids in found])
    rows = []
    for place in np.argsort(-sizes, kind="stable")[:SHOWN_WORDS]:
        word = list(words)[place]
        rows.append([word, " ".join(tokenizer.convert_ids_to_tokens(found[place])), int(times[place])])
    return {
        "words": int(times.sum()),
        "pieces_a_word": round(float((sizes * times).sum() / times.sum()), 3),
        "unknown": round(float(times[unknown].sum() / times.sum()), 4),
        "rows": rows,
    }


def sentence_map(model: Any, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Sentence vectors in two dimensions, by principal components.

    Returns:
        Places, (texts, 2), and the share of the variance that each axis holds, (2,).

    Raises:
        UserError: If there are too few texts or too many.
    """
    if not FEWEST_TEXTS <= len(texts) <= MOST_TEXTS:
        raise UserError(
            f"{counted(len(texts), 'text')} given; {FEWEST_TEXTS} to {MOST_TEXTS} were expected, a line each."
        )
    from sklearn.decomposition import PCA

    found = PCA(n_components=2, random_state=0)
    places = found.fit_transform(embed(model, list(texts)))
    return places, found.explained_variance_ratio_


def attention(model: Any, text: str, most: int = 64) -> tuple[list[str], np.ndarray]:
    """Tokens and attention probabilities of the encoder, (layers, heads, time, time); rows attend to columns.

    Raises:
        UserError: If the text is empty.
    """
    import torch

    if not text.strip():
        raise UserError("The text is empty: write a sentence.")
    network = body(model.model)
    found = model.tokenizer(text, truncation=True, max_length=min(most, model.max_length), return_tensors="pt")
    before = network.config._attn_implementation
    network.set_attn_implementation("eager")  # the fused kernels do not give their probabilities
    try:
        with torch.inference_mode():
            layers = network(**found.to(model.model.device), output_attentions=True).attentions
    finally:
        network.set_attn_implementation(before)
    return model.tokenizer.convert_ids_to_tokens(found["input_ids"][0]), torch.cat(layers).float().cpu().numpy()


def habits(tokenizer: Any, tokens: Sequence[str], values: np.ndarray) -> dict[str, np.ndarray]:
    """The share of each head's attention that goes to places of one kind (Clark et al., 2019, section 3).

    Args:
        values: Attention probabilities, (layers, heads, time, time).

    Returns:
        Kind of place -> (layers, heads), the mean over all tokens that look; a place can be of two kinds.
    """
    time = len(tokens)
    special = np.isin(tokens, tokenizer.all_special_tokens)
    same = np.asarray(tokens)[:, None] == np.asarray(tokens)
    kinds = {
        "the token before": np.eye(time, k=-1),
        "the token after": np.eye(time, k=1),
        "itself": np.eye(time),
        "special tokens": np.broadcast_to(special, (time, time)),
        "the same word elsewhere": same & ~np.eye(time, dtype=bool) & ~special,
    }
    return {kind: np.einsum("lhqk,qk->lh", values, places.astype(np.float32)) / time for kind, places in kinds.items()}
