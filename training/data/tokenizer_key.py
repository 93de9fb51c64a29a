"""A name for what a tokenizer makes of texts, by which tokenized texts are found again."""

from __future__ import annotations

from typing import Any

from training.data.corpora import key_of


def tokenizer_key(tokenizer: Any) -> str:
    """Equal for tokenizers that give the same ids; empty for one that is not of the library `tokenizers`."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or not hasattr(backend, "to_str"):
        return ""
    return key_of(
        backend=backend.to_str(), special=dict(tokenizer.special_tokens_map), template=tokenizer.chat_template
    )
