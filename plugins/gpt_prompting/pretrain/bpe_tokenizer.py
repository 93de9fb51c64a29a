"""Train a byte-level BPE tokenizer (Sennrich et al., 2016; Radford et al., 2019), which can encode any text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from plugins.gpt_prompting.models.plain_chat_template import TRANSCRIPT

END = "<|endoftext|>"
MAX_CHARACTERS = 30_000_000  # to learn from; more change the vocabulary little
CHUNK_CHARACTERS = 10_000  # that the trainer is given at a time


def train_tokenizer(texts: Iterable[str], size: int, max_length: int) -> PreTrainedTokenizerFast:
    """Train a vocabulary of at most `size` tokens; deterministic, so that a resumed run trains the same one again."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(_chunks(texts), trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, model_max_length=max_length, bos_token=END, eos_token=END, pad_token=END
    )
    tokenizer.chat_template = TRANSCRIPT
    return tokenizer


def _chunks(texts: Iterable[str]) -> Iterator[str]:
    count = 0
    for text in texts:
        for start in range(0, len(text), CHUNK_CHARACTERS):
            yield text[start : start + CHUNK_CHARACTERS]
        count += len(text)
        if count > MAX_CHARACTERS:
            return
