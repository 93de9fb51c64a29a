"""A byte-level BPE vocabulary (Sennrich et al., 2016; Radford et al., 2019): it can write any text, and no text is unknown to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from plugins.gpt_prompting.pretrain.dialogues import TRANSCRIPT

END = "<|endoftext|>"
MAX_CHARACTERS = 30_000_000  # that are counted: more change the vocabulary little
CHUNK_CHARACTERS = 10_000  # characters that the trainer is given at a time


def train_tokenizer(texts: Iterable[str], size: int, max_length: int) -> Any:
    """A vocabulary of at most `size` tokens; the same texts give the same one, so a resumed run makes it anew."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    bytes_to_tokens = Tokenizer(models.BPE())
    bytes_to_tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_to_tokens.decoder = decoders.ByteLevel()
    bytes_to_tokens.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bytes_to_tokens.train_from_iterator(_chunks(texts), trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytes_to_tokens, model_max_length=max_length, bos_token=END, eos_token=END, pad_token=END
    )
    tokenizer.chat_template = TRANSCRIPT
    return tokenizer


def _chunks(texts: Iterable[str]) -> Iterator[str]:
    read = 0
    for text in texts:
        for start in range(0, len(text), CHUNK_CHARACTERS):
            yield text[start : start + CHUNK_CHARACTERS]
        read += len(text)
        if read > MAX_CHARACTERS:
            return
