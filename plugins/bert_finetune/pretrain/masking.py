"""Which tokens to hide, and what to show in their place: 15 % chosen; of these 80 % [MASK], 10 % random, 10 % as they are."""

from __future__ import annotations

from typing import Any

import numpy as np

SPAN_CHANCE, LONGEST_SPAN = 0.2, 10  # lengths of spans are geometric, in words (Joshi et al., 2020, §3.1)


class Masker:
    """Masks token ids for one tokenizer.

    Args:
        share: Of the tokens that are not special, to predict.
        unit: token, whole_word (all pieces of a word together) or span (neighbouring words together).
    """

    def __init__(self, tokenizer: Any, share: float, unit: str):
        self.share, self.unit, self.mask_id = share, unit, tokenizer.mask_token_id
        self.special = np.zeros(len(tokenizer), dtype=bool)
        self.special[tokenizer.all_special_ids] = True  # what cannot be read, the unknown one, cannot be guessed
        self.ordinary = np.flatnonzero(~self.special)
        self.inner = _inner_pieces(tokenizer)

    def choose(self, ids: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Positions to predict, in order, at least one where any token is ordinary. `ids`: (time,)."""
        open_to_all = np.flatnonzero(~self.special[ids])
        count = max(1, round(self.share * len(open_to_all)))
        if self.unit == "token" or not len(open_to_all):
            return np.sort(rng.permutation(open_to_all)[:count])
        words = np.cumsum(~self.inner[ids[open_to_all]])  # number of the word each position belongs to
        number, chosen = words[-1] + 1, np.zeros(words[-1] + 1, dtype=bool)
        sizes, taken = np.bincount(words, minlength=number), 0
        for word in rng.permutation(np.unique(words)):
            length = min(int(rng.geometric(SPAN_CHANCE)), LONGEST_SPAN) if self.unit == "span" else 1
            for each in range(word, min(word + length, number)):
                if not chosen[each] and taken < count:
                    chosen[each], taken = True, taken + sizes[each]
            if taken >= count:
                break
        return open_to_all[chosen[words]]

    def corrupt(self, ids: np.ndarray, positions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """What the network sees: a copy of `ids` with 80 % of `positions` masked and 10 % replaced (§3.1, Appendix A.1)."""
        shown, draws = ids.copy(), rng.random(len(positions))
        shown[positions[draws < 0.8]] = self.mask_id
        replaced = positions[(draws >= 0.8) & (draws < 0.9)]
        shown[replaced] = rng.choice(self.ordinary, len(replaced))
        return shown


def _inner_pieces(tokenizer: Any) -> np.ndarray:
    """Whether each entry of the vocabulary continues a word, by the marks of WordPiece, byte-level BPE and SentencePiece."""
    names = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    if any(name.startswith("##") for name in names if name):
        return np.asarray([bool(name) and name.startswith("##") for name in names])
    if any(name[:1] in "Ġ▁" for name in names if name):
        return np.asarray([bool(name) and name[:1] not in "Ġ▁" for name in names])
    return np.zeros(len(names), dtype=bool)
