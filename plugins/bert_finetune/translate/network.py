"""Translation models: from scratch, from BERT encoders (Rothe et al., 2020), or any sequence-to-sequence model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from transformers import (
    AutoModelForSeq2SeqLM,
    BertConfig,
    EncoderDecoderConfig,
    EncoderDecoderModel,
)

from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.bpe import train_bpe
from plugins.bert_finetune.models.fast_dropout import use_fast_dropout
from training.errors import UserError
from training.nn.load_pretrained import check_vocabulary, load_config, load_network, load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from plugins.bert_finetune.translate.settings import TranslateSettings


TARGET_TOKENIZER = "target_tokenizer"  # folder in an artifact whose decoder has its own vocabulary


class TranslationModel(NamedTuple):
    """Source tokenizer, target tokenizer (the same object if the vocabulary is shared), and the network."""

    source: Any
    target: Any
    model: Any


def make_translation_model(settings: TranslateSettings, texts: Sequence[str]) -> TranslationModel:
    """Make or load tokenizers and network.

    Args:
        texts: Both sides of the training pairs; from scratch, a shared vocabulary is learned from them.

    Raises:
        UserError: If the weights of the settings cannot be read, or do not fit together.
    """
    loaded = _from_folders(settings) if settings.model else _from_scratch(settings, texts)
    if isinstance(loaded.model, EncoderDecoderModel):
        _set_special_tokens(loaded.model, loaded.target)
    loading.choose_attention(loaded.model, settings)
    use_fast_dropout(loaded.model)
    return loaded


def load_target_tokenizer(folder: Path, source: Any) -> Any:
    """Load the target tokenizer of the folder; `source` if it has none of its own."""
    return load_tokenizer(folder / TARGET_TOKENIZER) if (folder / TARGET_TOKENIZER).is_dir() else source


def decode(tokenizer: PreTrainedTokenizerBase, ids: Any) -> list[str]:
    """Texts of token ids, (rows, time), as they are scored and served: without special tokens, trimmed."""
    return [text.strip() for text in tokenizer.batch_decode(ids, skip_special_tokens=True)]


def _from_scratch(settings: TranslateSettings, texts: Sequence[str]) -> TranslationModel:
    if settings.decoder_model:
        raise UserError("decoder_model needs model: choose the encoder of the source language too.")
    tokenizer = train_bpe(texts, settings.vocabulary_size, settings.max_length)
    config = loading.new_config(settings, tokenizer)
    decoder = loading.new_config(settings, tokenizer, is_decoder=True, add_cross_attention=True)
    decoder.num_hidden_layers = settings.decoder_layers
    model = EncoderDecoderModel(EncoderDecoderConfig.from_encoder_decoder_configs(config, decoder))
    return TranslationModel(tokenizer, tokenizer, model)


def _from_folders(settings: TranslateSettings) -> TranslationModel:
    """Load a sequence-to-sequence model, or combine two encoders; the decoder's cross-attention is then new."""
    folder, decoder_folder = Path(settings.model), Path(settings.decoder_model or settings.model)
    source = load_tokenizer(folder)
    if load_config(folder).is_encoder_decoder:
        if settings.decoder_model:
            raise UserError(f"{folder.name} already has a decoder: leave decoder_model empty.")
        dropouts = settings.dropout, settings.attention_dropout
        dtype = settings.weights_dtype
        model = load_network(folder, AutoModelForSeq2SeqLM, "a translation model", dropouts, dtype=dtype)
        target = load_target_tokenizer(folder, source)
    else:
        model = _from_encoders(folder, decoder_folder, settings)
        target = load_tokenizer(decoder_folder) if settings.decoder_model else source
    check_vocabulary(source, model)
    if target is not source:
        check_vocabulary(target, model.decoder)
    return TranslationModel(source, target, model)


def _from_encoders(encoder: Path, decoder: Path, settings: TranslateSettings) -> Any:
    """Combine two BERTs, or one twice; with different widths, through a linear layer (Rothe et al., 2020)."""
    for folder in (encoder, decoder):
        if not isinstance(config := load_config(folder), BertConfig):
            raise UserError(f"{folder.name} is a {config.model_type}: only a BERT can become encoder and decoder.")
    try:
        return EncoderDecoderModel.from_encoder_decoder_pretrained(
            str(encoder),
            str(decoder),
            encoder_dtype="float32",
            decoder_dtype="float32",
            encoder_hidden_dropout_prob=settings.dropout,
            decoder_hidden_dropout_prob=settings.dropout,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UserError(
            f"{encoder.name} and {decoder.name} cannot be combined to a translation model: {str(error)[:300]}"
        ) from None


def _set_special_tokens(model: Any, tokenizer: PreTrainedTokenizerBase) -> None:
    """Set the tokens that start, end and pad generated texts."""
    names = {
        "decoder_start_token_id": tokenizer.cls_token_id,
        "eos_token_id": tokenizer.sep_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    for name, value in names.items():
        setattr(model.config, name, value)
        setattr(model.generation_config, name, value)
    model.config.vocab_size = model.config.decoder.vocab_size
