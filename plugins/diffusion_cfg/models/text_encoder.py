"""The text side: a CLIP tokenizer whose pieces are learnt from the captions, and a small CLIP text model (Radford et al., 2021)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import CLIPTextModel, CLIPTokenizer

START, END, WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"


def train_tokenizer(captions: Iterable[str], vocabulary_size: int, max_length: int) -> CLIPTokenizer:
    """A CLIP tokenizer of byte pairs found in the captions; every byte is in it, so that no word is unknown.

    Args:
        vocabulary_size: Pieces at most; 514 are bytes and marks.
        max_length: Tokens that every prompt is cut or filled up to, start and end among them.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    stock: Any = CLIPTokenizer()  # for its way of cutting a text into words
    learner = Tokenizer(models.BPE(end_of_word_suffix=WORD_END))
    learner.normalizer = stock.backend_tokenizer.normalizer
    learner.pre_tokenizer = stock.backend_tokenizer.pre_tokenizer
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(  # type: ignore[call-arg] - the stub lacks end_of_word_suffix
        vocab_size=vocabulary_size - 2, end_of_word_suffix=WORD_END, initial_alphabet=alphabet, show_progress=False
    )
    learner.train_from_iterator(captions, trainer)
    merges: Any = [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]
    bytes_alone = [*alphabet, *(letter + WORD_END for letter in alphabet)]
    merges = merges[: max(0, vocabulary_size - len(bytes_alone) - 2)]
    tokens = [*bytes_alone, *(left + right for left, right in merges), START, END]
    vocabulary = {token: place for place, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=max_length)


def make_text_encoder(tokenizer: CLIPTokenizer, width: int, layers: int) -> CLIPTextModel:
    """A CLIP text model with random weights, a head for every 32 of its width."""
    from transformers import CLIPTextConfig, CLIPTextModel

    marks: dict[str, Any] = {
        name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")
    }
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=4 * width,
        projection_dim=width,
        num_hidden_layers=layers,
        num_attention_heads=max(1, width // 32),
        max_position_embeddings=tokenizer.model_max_length,
        **marks,
    )
    return CLIPTextModel(config)


def token_ids(tokenizer: Any, captions: list[str]) -> torch.Tensor:
    """Token ids, (captions, max_length); what is longer is cut."""
    found = tokenizer(captions, padding="max_length", truncation=True, max_length=tokenizer.model_max_length, return_tensors="pt")  # fmt: skip
    return found["input_ids"]


def overlong(tokenizer: Any, text: str) -> tuple[int, str]:
    """Tokens that the encoder cannot read of a text, 0 where it fits; and the words that would be cut."""
    limit = tokenizer.model_max_length - 2
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return max(0, len(ids) - limit), tokenizer.decode(ids[limit:]) if len(ids) > limit else ""
