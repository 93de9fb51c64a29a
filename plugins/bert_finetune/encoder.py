"""Tokenizer and network of an encoder: from a folder of weights, or new from the training texts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging

from training.errors import UserError

if TYPE_CHECKING:
    from plugins.bert_finetune import ClassifySettings

logging.disable_progress_bar()  # a bar for every saved file would fill the run's log
SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
POSITIONS = 512


def load_tokenizer(folder: Path) -> Any:
    """The fast tokenizer of a folder.

    Raises:
        UserError: If there is none; names what is missing.
    """
    try:
        return AutoTokenizer.from_pretrained(str(folder), use_fast=True, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{folder.name} has no tokenizer that can be read ({str(error)[:200]}).") from None


def load_classifier(folder: Path, **changes: Any) -> Any:
    """The network of a folder with a classification head; `changes` go to its configuration (labels, dropout).

    Raises:
        UserError: If the folder holds no encoder, or no safetensors.
    """
    try:
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True, **changes)
        return AutoModelForSequenceClassification.from_pretrained(
            str(folder),
            config=config,
            trust_remote_code=False,
            local_files_only=True,
            use_safetensors=True,
            ignore_mismatched_sizes="num_labels" in changes,
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UserError(f"{folder.name} cannot be loaded as a text classifier: {str(error)[:300]}") from None


def train_tokenizer(texts: Iterable[str], size: int, max_length: int) -> PreTrainedTokenizerFast:
    """A WordPiece vocabulary (Schuster & Nakajima, 2012) of at most `size` pieces, uncased, with BERT's special tokens."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    words = Tokenizer(models.WordPiece(unk_token=SPECIAL["unk_token"]))
    words.normalizer = normalizers.BertNormalizer(lowercase=True)
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words.decoder = decoders.WordPiece()
    words.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=size, special_tokens=list(SPECIAL.values()), show_progress=False)
    )
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, words.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(tokenizer_object=words, model_max_length=max(POSITIONS, max_length), **SPECIAL)


def new_classifier(settings: ClassifySettings, tokenizer: Any, **labels: Any) -> Any:
    """An untrained BERT of the settings' size with a classification head."""
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden_size,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=4 * settings.hidden_size,
        max_position_embeddings=max(POSITIONS, settings.max_length),
        pad_token_id=tokenizer.pad_token_id,
        hidden_dropout_prob=settings.dropout,
        attention_probs_dropout_prob=settings.dropout,
        **labels,
    )
    return AutoModelForSequenceClassification.from_config(config)


def add_lora(model: Any, rank: int) -> Any:
    """Freeze the network and add low-rank adapters to its linear layers (Hu et al., 2022); the head stays trainable."""
    from peft import LoraConfig, TaskType, get_peft_model

    return get_peft_model(
        model,
        LoraConfig(
            task_type=TaskType.SEQ_CLS, r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules="all-linear"
        ),
    )


def positions(model: Any) -> int:
    """Tokens the network can place at most; huge where its positions are relative."""
    limit = getattr(model.config, "max_position_embeddings", 0) or 10**9
    return limit - 2 if getattr(model.config, "model_type", "") in ("roberta", "xlm-roberta", "camembert") else limit
