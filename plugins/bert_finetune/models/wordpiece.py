"""Train a WordPiece tokenizer deterministically."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
POSITIONS = 512  # of BERT: a tokenizer of a new model accepts at least this many tokens


def train_wordpiece(texts: Sequence[str], size: int, max_length: int) -> PreTrainedTokenizerFast:
    """Train an uncased WordPiece tokenizer (Schuster & Nakajima, 2012) of at most `size` sub-words.

    The same texts give the same vocabulary, so a resumed run can train it again.
    """
    return with_special_tokens(learn_wordpiece(lambda: texts, size), max_length)


def learn_wordpiece(texts: Callable[[], Iterable[str]], size: int) -> Tokenizer:
    """The tokenizer of `train_wordpiece`, for texts that are read twice rather than held in memory."""
    normalizer, splitter = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    words = Tokenizer(models.WordPiece(_vocabulary(texts, size, normalizer, splitter), unk_token=SPECIAL["unk_token"]))
    words.normalizer, words.pre_tokenizer, words.decoder = normalizer, splitter, decoders.WordPiece()
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, words.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return words


def with_special_tokens(words: Tokenizer, max_length: int) -> PreTrainedTokenizerFast:
    """The tokenizer of transformers for a learned one."""
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        model_max_length=max(POSITIONS, max_length),
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],  # or a pair's segments would be lost
        **SPECIAL,
    )


def _vocabulary(texts: Callable[[], Iterable[str]], size: int, normalizer: Any, splitter: Any) -> dict[str, int]:
    """Sub-word -> id.

    The trainer numbers the continuation characters ("##a") in the order of a hash table, which differs between calls,
    and breaks ties by number. So it runs twice: first to find these characters, then with them passed in sorted order
    as special tokens.
    """

    def learn(size: int, first: list[str]) -> dict[str, int]:
        learner = Tokenizer(models.WordPiece(unk_token=SPECIAL["unk_token"]))
        learner.normalizer, learner.pre_tokenizer = normalizer, splitter
        trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=first, show_progress=False)
        learner.train_from_iterator(texts(), trainer)
        return learner.get_vocab()

    special = list(SPECIAL.values())
    return learn(size, special + sorted(token for token in learn(1, special) if token.startswith("##")))
