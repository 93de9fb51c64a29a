"""Inference with any encoder: sentence vectors. Base class of the predictors of all kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoModel

from plugins.bert_finetune.encode.endpoints import Encode
from plugins.bert_finetune.models.loading import load_for_inference
from plugins.bert_finetune.models.pooling import embed_texts
from training.errors import UserError
from training.nn.load_pretrained import max_positions

MAX_LENGTH = 8192  # tokens, for networks with relative positions


class EncoderPredictor(Encode):
    """A network in evaluation mode with its tokenizer.

    Args:
        max_length: Tokens that it was trained on; by default as many as it has positions for.
    """

    def __init__(self, model: Any, tokenizer: Any, max_length: int | None = None):
        self.model, self.tokenizer = model.eval(), tokenizer
        self.max_length = min(max_length or tokenizer.model_max_length, max_positions(model), MAX_LENGTH)

    def embed(self, text: str) -> list[float]:
        return [round(float(value), 6) for value in self.vectors([text])[0]]

    def vectors(self, texts: list[str]) -> np.ndarray:
        """One vector per text, (texts, width), float32.

        Raises:
            UserError: If there is no text, or a text is empty.
        """
        return embed_texts(self.model, self.tokenizer, texts, self.max_length)


def load(folder: Path) -> EncoderPredictor:
    """Load any repository with an encoder.

    Raises:
        UserError: If it is not an encoder.
    """
    model, tokenizer = load_for_inference(folder, AutoModel, "an encoder")
    if tokenizer.pad_token_id is None:
        raise UserError(f"{folder.name} is not an encoder: its tokenizer has no padding token.")
    return EncoderPredictor(model, tokenizer)
