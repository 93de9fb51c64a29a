"""Token ids as pieces of text: characters that several tokens make up together belong to the first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

REPLACEMENT = "\ufffd"  # what a decoder makes of half a character
MAX_CHARACTER_TOKENS = 8  # tokens


def tokenize_with_text(tokenizer: Any, text: str) -> tuple[list[int], list[str]]:
    """Ids and pieces of a text; the pieces together are the text, special tokens that the tokenizer adds stand for themselves."""
    found = tokenizer(text, return_offsets_mapping=True, verbose=False)
    ids, pieces, end = found["input_ids"], [], 0
    special = set(tokenizer.all_special_ids)
    for token, (start, stop) in zip(ids, found["offset_mapping"], strict=True):
        if start == stop and token in special:
            pieces.append(tokenizer.convert_ids_to_tokens(token))
        else:
            stop = max(stop, end)
            pieces.append(text[end:stop])
            end = stop
    if pieces and end < len(text):
        pieces[-1] += text[end:]
    return ids, pieces


class TokenDecoder:
    """Single tokens, as readable as can be: half a character as the vocabulary writes it. Looks each up once."""

    def __init__(self, tokenizer: Any):
        self.tokenizer, self.known = tokenizer, {}

    def __call__(self, token: int) -> str:
        if token not in self.known:
            text = self.tokenizer.decode([token], clean_up_tokenization_spaces=False)
            self.known[token] = str(self.tokenizer.convert_ids_to_tokens(token)) if REPLACEMENT in text else text
        return self.known[token]


class StreamingDetokenizer:
    """Ids in, text out, token by token; half a character waits for its rest."""

    def __init__(self, tokenizer: Any, before: Sequence[int] = ()):
        self.tokenizer, self.ids = tokenizer, list(before)
        self.start = max(0, len(self.ids) - 4)  # of what is decoded anew: some tokenizers drop a leading space
        self.said = len(self._decode(self.start))
        self.waiting = 0

    def add(self, token: int) -> str:
        """What the token adds to the text."""
        self.ids.append(token)
        text = self._decode(self.start)
        if text.endswith(REPLACEMENT) and self.waiting < MAX_CHARACTER_TOKENS:
            self.waiting += 1
            return ""
        new = text[self.said :]
        self.waiting, self.start = 0, max(0, len(self.ids) - 4)
        self.said = len(self._decode(self.start))
        return new

    def _decode(self, start: int) -> str:
        return self.tokenizer.decode(self.ids[start:], skip_special_tokens=True, clean_up_tokenization_spaces=False)
