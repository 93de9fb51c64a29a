"""Text conditioning: a CLIP tokenizer trained on the captions, and a small CLIP text model (Radford et al., 2021)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

START, END, WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"
HEAD_WIDTH = 32


def train_tokenizer(captions: Iterable[str], vocabulary_size: int, max_length: int) -> CLIPTokenizer:
    """Train a byte-level BPE tokenizer in CLIP's format; every byte is in the vocabulary, so no word is unknown.

    The same captions give the same vocabulary, so that a resumed run can train it again. The trainer numbers letters at
    the end of a word in the order of a hash table, which differs between calls, and breaks ties by number: it is given
    them as special tokens, in order.

    Args:
        vocabulary_size: Sub-words at most; 514 of them are bytes and special tokens.
        max_length: Tokens that every prompt is truncated or padded to, start and end tokens included.
    """
    stock: Any = CLIPTokenizer()  # for its normaliser and its word splitting
    learner = Tokenizer(models.BPE(end_of_word_suffix=WORD_END))
    learner.normalizer = stock.backend_tokenizer.normalizer
    learner.pre_tokenizer = stock.backend_tokenizer.pre_tokenizer
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    byte_tokens = [*alphabet, *(letter + WORD_END for letter in alphabet)]
    trainer = trainers.BpeTrainer(  # type: ignore[call-arg] - the stub lacks end_of_word_suffix
        vocab_size=vocabulary_size - 2, end_of_word_suffix=WORD_END, special_tokens=byte_tokens, show_progress=False
    )
    learner.train_from_iterator(captions, trainer)
    # The vocabulary is written anew: both forms of every byte, then the merges in order, cut to the size asked for.
    merges: Any = [tuple(pair) for pair in json.loads(learner.to_str())["model"]["merges"]]
    merges = merges[: max(0, vocabulary_size - len(byte_tokens) - 2)]
    tokens = [*byte_tokens, *(left + right for left, right in merges), START, END]
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, model_max_length=max_length)


def make_text_encoder(tokenizer: CLIPTokenizer, width: int, layers: int) -> CLIPTextModel:
    """A CLIP text model with random weights and one attention head per 32 channels."""
    special_tokens: dict[str, Any] = {
        name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")
    }
    return CLIPTextModel(new_config(len(tokenizer), tokenizer.model_max_length, width, layers, **special_tokens))


def new_config(vocabulary_size: int, max_length: int, width: int, layers: int, **special_tokens: Any) -> CLIPTextConfig:
    """The configuration of a small CLIP text model."""
    return CLIPTextConfig(
        vocab_size=vocabulary_size,
        hidden_size=width,
        intermediate_size=4 * width,
        projection_dim=width,
        num_hidden_layers=layers,
        num_attention_heads=max(1, width // HEAD_WIDTH),
        max_position_embeddings=max_length,
        **special_tokens,
    )


def token_ids(tokenizer: Any, captions: list[str]) -> torch.Tensor:
    """Token ids, (captions, max_length), truncated and padded."""
    encoding = tokenizer(
        captions, padding="max_length", truncation=True, max_length=tokenizer.model_max_length, return_tensors="pt"
    )
    return encoding["input_ids"]


def excess_tokens(tokenizer: Any, text: str) -> tuple[int, str]:
    """The number of tokens beyond the encoder's limit, 0 if the text fits, and the text that truncation would drop."""
    limit = tokenizer.model_max_length - 2
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    return max(0, len(ids) - limit), tokenizer.decode(ids[limit:]) if len(ids) > limit else ""
