"""Encoder without a task head (such as a sentence encoder): embeddings, attention and tokenisation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel

from plugins.bert_finetune.models import loading
from training.errors import UserError
from training.nn.load_pretrained import load_tokenizer


class EncoderPredictor:
    """Tokenizer and network of an encoder without a head."""

    def __init__(self, model: Any, tokenizer: Any):
        self.model, self.tokenizer = model.eval(), tokenizer
        self.max_length = min(loading.max_positions(model), tokenizer.model_max_length)

    @classmethod
    def load(cls, folder: Path) -> EncoderPredictor:
        """Load any repository with an encoder.

        Raises:
            UserError: If it is not an encoder.
        """
        tokenizer = load_tokenizer(folder)
        if tokenizer.pad_token_id is None:
            raise UserError(f"{folder.name} is not an encoder: its tokenizer has no padding token.")
        model = loading.load_network(folder, AutoModel, "an encoder")
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(model.to(device), tokenizer)
