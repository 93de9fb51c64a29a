"""A tokenizer that several threads may call at once."""

from __future__ import annotations

import threading
from typing import Any


def locked(tokenizer: Any) -> Any:
    """Let one thread at a time tokenize.

    A fast tokenizer keeps padding and truncation as a state that each call sets before it encodes. Of two calls at
    once, one would be padded and cut as the other asked for: an error at best, a text that is cut short at worst.
    """
    lock, encode = threading.Lock(), tokenizer._encode_plus

    def encode_alone(*args: Any, **options: Any) -> Any:
        with lock:
            return encode(*args, **options)

    tokenizer._encode_plus = encode_alone
    return tokenizer
