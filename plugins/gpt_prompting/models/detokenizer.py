"""Detokenization: token ids to text, in one piece or streamed token by token.

Byte-level vocabularies split a character over several tokens. Its text is given to the first of them, the others get an
empty string.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

REPLACEMENT = "\ufffd"  # what a tokenizer decodes an incomplete character to
MAX_CHARACTER_TOKENS = 8
CONTEXT_TOKENS = 4  # decoded together with each new token, since some tokenizers drop a leading space


def tokenize_with_text(tokenizer: Any, text: str) -> tuple[list[int], list[str]]:
    """Tokenize a text and return the substring that each token stands for.

    Returns:
        Ids and substrings; joined, the substrings are the text. Special tokens that the tokenizer adds are given by
        name.
    """
    encoding = tokenizer(text, return_offsets_mapping=True, verbose=False)
    ids, substrings, end = encoding["input_ids"], [], 0
    special = set(tokenizer.all_special_ids)
    for token, (start, stop) in zip(ids, encoding["offset_mapping"], strict=True):
        if start == stop and token in special:
            substrings.append(tokenizer.convert_ids_to_tokens(token))
        else:
            stop = max(stop, end)
            substrings.append(text[end:stop])
            end = stop
    if substrings and end < len(text):
        substrings[-1] += text[end:]
    return ids, substrings


class TokenDecoder:
    """Decode single tokens, cached; an incomplete character is shown as the vocabulary writes it."""

    def __init__(self, tokenizer: Any):
        self.tokenizer, self.cache = tokenizer, {}

    def __call__(self, token: int) -> str:
        if token not in self.cache:
            text = self.tokenizer.decode([token], clean_up_tokenization_spaces=False)
            self.cache[token] = str(self.tokenizer.convert_ids_to_tokens(token)) if REPLACEMENT in text else text
        return self.cache[token]


class StreamingDetokenizer:
    """Decode a growing sequence token by token; an incomplete character waits for its remaining tokens."""

    def __init__(self, tokenizer: Any, prompt: Sequence[int] = ()):
        self.tokenizer, self.ids = tokenizer, list(prompt)
        self._start_anew()

    def add(self, token: int) -> str:
        """Append a token and return the text that it adds, which may be empty."""
        self.ids.append(token)
        text = self._decode()
        if text.endswith(REPLACEMENT) and self.pending < MAX_CHARACTER_TOKENS:
            self.pending += 1
            return ""
        added = text[self.decoded :]
        self._start_anew()
        return added

    def _start_anew(self) -> None:
        """Decode from a few tokens back, not from the beginning: the cost per token stays constant."""
        self.pending, self.start = 0, max(0, len(self.ids) - CONTEXT_TOKENS)
        self.decoded = len(self._decode())  # characters already returned

    def _decode(self) -> str:
        return self.tokenizer.decode(
            self.ids[self.start :], skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
