"""Masking for masked language modelling: choose tokens, replace 80 % by [MASK], 10 % by random ones, keep 10 %."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SPAN_END_PROBABILITY, MAX_SPAN_WORDS = 0.2, 10  # span lengths in words are geometric (Joshi et al., 2020, §3.1)


class Masker:
    """Masks token ids for one tokenizer.

    Args:
        mask_ratio: Share of the ordinary (not special) tokens to predict.
        masking: Unit: token, whole_word (all sub-words of a word together) or span (adjacent words together).
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, mask_ratio: float, masking: str):
        self.mask_ratio, self.masking, self.mask_id = mask_ratio, masking, tokenizer.mask_token_id
        self.special = np.zeros(len(tokenizer), dtype=bool)
        self.special[tokenizer.all_special_ids] = True  # includes the unknown token, which cannot be predicted
        self.ordinary = np.flatnonzero(~self.special)
        self.inner = _continues_word(tokenizer)

    def choose(self, ids: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Choose positions to predict, sorted; at least one if there is an ordinary token.

        Words are taken in random order until enough tokens are chosen; with `span`, each brings the words after it.

        Args:
            ids: Token ids, (time,).
        """
        ordinary = np.flatnonzero(~self.special[ids])
        count = max(1, round(self.mask_ratio * len(ordinary)))
        if self.masking == "token" or not len(ordinary):
            return np.sort(rng.permutation(ordinary)[:count])
        words = np.cumsum(~self.inner[ids[ordinary]])  # word number of each position
        number, chosen = words[-1] + 1, np.zeros(words[-1] + 1, dtype=bool)
        sizes, taken = np.bincount(words, minlength=number), 0
        for word in rng.permutation(np.unique(words)):
            length = min(int(rng.geometric(SPAN_END_PROBABILITY)), MAX_SPAN_WORDS) if self.masking == "span" else 1
            for member in range(word, min(word + length, number)):
                if not chosen[member] and taken < count:
                    chosen[member], taken = True, taken + sizes[member]
            if taken >= count:
                break
        return ordinary[chosen[words]]

    def corrupt(self, ids: np.ndarray, positions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Copy `ids` with 80 % of `positions` masked and 10 % randomised (Devlin et al., 2019, Appendix A.1)."""
        corrupted, uniform = ids.copy(), rng.random(len(positions))
        corrupted[positions[uniform < 0.8]] = self.mask_id
        replaced = positions[(uniform >= 0.8) & (uniform < 0.9)]
        corrupted[replaced] = rng.choice(self.ordinary, len(replaced))
        return corrupted


def _continues_word(tokenizer: PreTrainedTokenizerBase) -> np.ndarray:
    """Whether each vocabulary entry continues a word, by the markers of WordPiece, byte-level BPE and SentencePiece."""
    names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    if any(name.startswith("##") for name in names if name):
        return np.asarray([bool(name) and name.startswith("##") for name in names])
    if any(name[:1] in "Ġ▁" for name in names if name):
        return np.asarray([bool(name) and name[:1] not in "Ġ▁" for name in names])
    return np.zeros(len(names), dtype=bool)
