"""An encoder without a head, such as repositories of sentence encoders hold: for vectors, attention and words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel

from plugins.bert_finetune.models import loading
from training.errors import UserError
from training.nn.load_pretrained import load_tokenizer


class Encoder:
    """Tokenizer and network."""

    def __init__(self, model: Any, tokenizer: Any):
        self.model, self.tokenizer = model.eval(), tokenizer
        self.max_length = min(loading.positions(model), tokenizer.model_max_length)

    @classmethod
    def load(cls, folder: Path) -> Encoder:
        """Read any repository with an encoder.

        Raises:
            UserError: If it holds none.
        """
        tokenizer = load_tokenizer(folder)
        if tokenizer.pad_token_id is None:
            raise UserError(f"{folder.name} is no encoder: its tokenizer has no token to pad with.")
        model = loading.load_network(folder, AutoModel, "an encoder")
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(model.to(device), tokenizer)
