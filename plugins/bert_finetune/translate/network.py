"""Tokenizer and network of a translator: from scratch, out of an encoder (Rothe et al., 2020), or any sequence-to-sequence model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    BertConfig,
    EncoderDecoderConfig,
    EncoderDecoderModel,
)

from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.bpe import train_bpe
from plugins.bert_finetune.models.fast_dropout import drop_quickly
from training.errors import UserError
from training.nn.load_pretrained import load_tokenizer

if TYPE_CHECKING:
    from plugins.bert_finetune.translate.settings import TranslateSettings


TARGET = "target_tokenizer"  # folder inside an artifact whose decoder has a vocabulary of its own


class Translation(NamedTuple):
    """The tokenizer that reads, the one that writes (the same where there is one vocabulary), and the network."""

    source: Any
    target: Any
    model: Any


def make(settings: TranslateSettings, texts: Sequence[str]) -> Translation:
    """Tokenizers and network.

    Args:
        texts: Both sides of the training pairs; a vocabulary from scratch is learned from them, shared by both.

    Raises:
        UserError: If what the settings start from cannot be read, or does not go together.
    """
    made = _from_folders(settings) if settings.model else _from_scratch(settings, texts)
    if isinstance(made.model, EncoderDecoderModel):
        _name_tokens(made.model, made.target)
    loading.choose_attention(made.model, settings)
    drop_quickly(made.model)
    return made


def load_target_tokenizer(folder: Path, source: Any) -> Any:
    """The tokenizer that writes: of its own where the folder has one, else `source`."""
    return load_tokenizer(folder / TARGET) if (folder / TARGET).is_dir() else source


def _from_scratch(settings: TranslateSettings, texts: Sequence[str]) -> Translation:
    if settings.decoder_model:
        raise UserError("decoder_model goes with model: choose the encoder of the source language too.")
    tokenizer = train_bpe(texts, settings.vocabulary_size, settings.max_length)
    config = loading.new_config(settings, tokenizer)
    below = loading.new_config(settings, tokenizer, is_decoder=True, add_cross_attention=True)
    below.num_hidden_layers = settings.decoder_layers
    model = EncoderDecoderModel(EncoderDecoderConfig.from_encoder_decoder_configs(config, below))
    return Translation(tokenizer, tokenizer, model)


def _from_folders(settings: TranslateSettings) -> Translation:
    """A sequence-to-sequence model as it is; else an encoder and a decoder that begins as an encoder, with new cross-attention."""
    folder, writer = Path(settings.model), Path(settings.decoder_model or settings.model)
    source = load_tokenizer(folder)
    if _config(folder).is_encoder_decoder:
        if settings.decoder_model:
            raise UserError(f"{folder.name} has a decoder already: leave decoder_model empty.")
        dropouts = settings.dropout, settings.attention_dropout
        model = loading.load_network(folder, AutoModelForSeq2SeqLM, "a translator", dropouts)
        target = load_target_tokenizer(folder, source)
    else:
        model = _joined(folder, writer, settings)
        target = load_tokenizer(writer) if settings.decoder_model else source
    loading.check_vocabulary(source, model)
    if target is not source:
        loading.check_vocabulary(target, model.decoder)
    return Translation(source, target, model)


def _config(folder: Path) -> Any:
    try:
        return AutoConfig.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{folder.name} has no configuration that can be read: {str(error)[:300]}") from None


def _joined(reader: Path, writer: Path, settings: TranslateSettings) -> Any:
    """Two BERTs, or one twice; where their widths differ, a linear layer between them (Rothe et al., 2020)."""
    for folder in (reader, writer):
        if not isinstance(config := _config(folder), BertConfig):
            raise UserError(f"{folder.name} is a {config.model_type}: encoder and decoder can be made of a BERT only.")
    try:
        return EncoderDecoderModel.from_encoder_decoder_pretrained(
            str(reader),
            str(writer),
            encoder_dtype="float32",
            decoder_dtype="float32",
            encoder_hidden_dropout_prob=settings.dropout,
            decoder_hidden_dropout_prob=settings.dropout,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UserError(f"{reader.name} and {writer.name} cannot be made a translator: {str(error)[:300]}") from None


def _name_tokens(model: Any, tokenizer: Any) -> None:
    """Tell generation which tokens begin, end and fill a text."""
    names = {"decoder_start_token_id": tokenizer.cls_token_id, "eos_token_id": tokenizer.sep_token_id, "pad_token_id": tokenizer.pad_token_id}  # fmt: skip
    for name, value in names.items():
        setattr(model.config, name, value)
        setattr(model.generation_config, name, value)
    model.config.vocab_size = model.config.decoder.vocab_size
