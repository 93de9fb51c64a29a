"""Tokenizer and network of a translator: from scratch, out of an encoder (Rothe et al., 2020), or any sequence-to-sequence model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    BertConfig,
    EncoderDecoderConfig,
    EncoderDecoderModel,
    PreTrainedTokenizerFast,
)

from plugins.bert_finetune import encoder
from plugins.bert_finetune.quick_dropout import drop_quickly
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.bert_finetune.settings import TranslateSettings


def make(settings: TranslateSettings, texts: Sequence[str]) -> tuple[Any, Any]:
    """Tokenizer and network.

    Args:
        texts: Both sides of the training pairs; a vocabulary from scratch is learned from them, shared by both.

    Raises:
        UserError: If `settings.model` cannot be read.
    """
    if not settings.model:
        tokenizer = train_tokenizer(texts, settings.vocabulary_size, settings.max_length)
        model = _from_scratch(settings, tokenizer)
    else:
        folder = Path(settings.model)
        tokenizer = encoder.load_tokenizer(folder)
        model = _loaded(folder, settings)
        encoder.check_vocabulary(tokenizer, model)
    if isinstance(model, EncoderDecoderModel):
        _name_tokens(model, tokenizer)
    encoder.choose_attention(model, settings)
    drop_quickly(model)
    return tokenizer, model


def _from_scratch(settings: TranslateSettings, tokenizer: Any) -> Any:
    config = encoder.new_config(settings, tokenizer)
    below = encoder.new_config(settings, tokenizer, is_decoder=True, add_cross_attention=True)
    below.num_hidden_layers = settings.decoder_layers
    return EncoderDecoderModel(EncoderDecoderConfig.from_encoder_decoder_configs(config, below))


def _loaded(folder: Path, settings: TranslateSettings) -> Any:
    """A sequence-to-sequence model as it is; an encoder twice, the second time with cross-attention that is new."""
    dropouts = settings.dropout, settings.attention_dropout
    try:
        config: Any = AutoConfig.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
        if config.is_encoder_decoder:
            return encoder.load_network(folder, AutoModelForSeq2SeqLM, "a translator", dropouts)
        if not isinstance(config, BertConfig):
            raise UserError(f"{folder.name} is a {config.model_type}: a decoder can be made of a BERT only.")
        return EncoderDecoderModel.from_encoder_decoder_pretrained(
            str(folder),
            str(folder),
            encoder_dtype="float32",
            decoder_dtype="float32",
            encoder_hidden_dropout_prob=settings.dropout,
            decoder_hidden_dropout_prob=settings.dropout,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UserError(f"{folder.name} cannot be made a translator: {str(error)[:300]}") from None


def _name_tokens(model: Any, tokenizer: Any) -> None:
    """Tell generation which tokens begin, end and fill a text."""
    names = {"decoder_start_token_id": tokenizer.cls_token_id, "eos_token_id": tokenizer.sep_token_id, "pad_token_id": tokenizer.pad_token_id}  # fmt: skip
    for name, value in names.items():
        setattr(model.config, name, value)
        setattr(model.generation_config, name, value)
    model.config.vocab_size = model.config.decoder.vocab_size


def train_tokenizer(texts: Sequence[str], size: int, max_length: int) -> PreTrainedTokenizerFast:
    """Byte-pair pieces (Sennrich et al., 2016) that keep case and spaces, so that what is decoded can be read as it is."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    words = Tokenizer(models.BPE(unk_token=encoder.SPECIAL["unk_token"]))
    words.normalizer = normalizers.NFKC()  # type: ignore[assignment]
    words.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()])  # type: ignore[assignment]
    words.decoder = decoders.Metaspace()  # type: ignore[assignment]
    learner = trainers.BpeTrainer(vocab_size=size, special_tokens=list(encoder.SPECIAL.values()), show_progress=False)
    words.train_from_iterator(texts, learner)
    words.post_processor = processors.TemplateProcessing(  # type: ignore[assignment]
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[(token, words.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        model_max_length=max(encoder.POSITIONS, max_length),
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=False,
        **encoder.SPECIAL,
    )
