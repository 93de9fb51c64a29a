"""Train a byte-level BPE tokenizer (Sennrich et al., 2016; Radford et al., 2019), which can encode any text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from plugins.gpt_prompting.models.plain_chat_template import TRANSCRIPT

END = "<|endoftext|>"
CHUNK_CHARACTERS = 10_000  # that the trainer is given at a time


def train_tokenizer(texts: Iterable[str], size: int, max_length: int) -> PreTrainedTokenizerFast:
    """Train a vocabulary of at most `size` tokens; deterministic, so that a resumed run trains the same one again."""
    return with_special_tokens(learn_bpe(chunks([text] for text in texts), size), max_length)


def learn_bpe(texts: Iterable[str], size: int) -> Tokenizer:
    """The tokenizer of `train_tokenizer`; no text should be long, since its trainer takes each as a whole."""
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
    bpe.train_from_iterator(texts, trainer)
    return bpe


def with_special_tokens(bpe: Tokenizer, max_length: int) -> PreTrainedTokenizerFast:
    """The tokenizer of transformers for a learned one."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, model_max_length=max_length, bos_token=END, eos_token=END, pad_token=END
    )
    tokenizer.chat_template = TRANSCRIPT
    return tokenizer


def chunks(texts: Iterable[Iterable[str]]) -> Iterator[str]:
    """Cut texts, each given in pieces, every `CHUNK_CHARACTERS`."""
    for pieces in texts:
        rest = ""
        for piece in pieces:
            rest += piece
            whole = len(rest) - len(rest) % CHUNK_CHARACTERS
            yield from (rest[start : start + CHUNK_CHARACTERS] for start in range(0, whole, CHUNK_CHARACTERS))
            rest = rest[whole:]
        if rest:
            yield rest
