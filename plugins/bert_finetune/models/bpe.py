"""Train a byte-pair-encoding tokenizer for both languages of a translation model."""

from __future__ import annotations

from collections.abc import Sequence

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from plugins.bert_finetune.models.wordpiece import POSITIONS, SPECIAL


def train_bpe(texts: Sequence[str], size: int, max_length: int) -> PreTrainedTokenizerFast:
    """Train a cased BPE tokenizer (Sennrich et al., 2016) that keeps spaces, so that decoded text needs no clean-up.

    What it reads it can write: NFC composes accents and changes nothing that a reader sees. NFKC, which many
    vocabularies use, would write the comma of English for the one of Chinese, and a plain space for a no-break one.
    """
    words = Tokenizer(models.BPE(unk_token=SPECIAL["unk_token"]))
    words.normalizer = normalizers.NFC()  # type: ignore[assignment]
    other_spaces = pre_tokenizers.Split(Regex(r"[^\S ]"), "isolated")  # no-break, ideographic: tokens of their own
    words.pre_tokenizer = pre_tokenizers.Sequence(  # type: ignore[assignment]
        [pre_tokenizers.Metaspace(), other_spaces, pre_tokenizers.Punctuation()]
    )
    words.decoder = decoders.Metaspace()  # type: ignore[assignment]
    learner = trainers.BpeTrainer(vocab_size=size, special_tokens=list(SPECIAL.values()), show_progress=False)
    words.train_from_iterator(texts, learner)
    words.post_processor = processors.TemplateProcessing(  # type: ignore[assignment]
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[(token, words.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        model_max_length=max(POSITIONS, max_length),
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        **SPECIAL,
    )
