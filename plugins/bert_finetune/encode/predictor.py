"""Inference with any encoder: sentence vectors. Base class of the predictors of all kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from transformers import AutoModel

from plugins.bert_finetune.encode.endpoints import Encode
from plugins.bert_finetune.label.head import unit
from plugins.bert_finetune.label.pool import read_pool
from plugins.bert_finetune.label.rounds import describe_round, vectors_of, write_labels
from plugins.bert_finetune.label.vector_cache import encode
from plugins.bert_finetune.models import mean_pooling
from plugins.bert_finetune.models.loading import load_for_inference
from plugins.bert_finetune.models.pooling import embed_texts
from plugins.bert_finetune.sentence_files import CLS, SentencePooling, sentence_pooling
from plugins.bert_finetune.zero_shot import predict as zero_shot
from plugins.bert_finetune.zero_shot.label_names import TEMPLATE
from plugins.bert_finetune.zero_shot.table import read_named
from training.data.column_guess import guess_text_columns
from training.data.predictions_csv import predictions_writer, temporary_file
from training.data.table import read_table
from training.errors import UserError
from training.nn.load_pretrained import max_positions

MAX_LENGTH = 8192  # tokens, for networks with relative positions


class EncoderPredictor(Encode):
    """A network in evaluation mode with its tokenizer.

    Args:
        max_length: Tokens that it was trained on; by default as many as it has positions for.
        pooling: What its files say of its vectors; by default they are the mean.

    Attributes:
        pools_first: Whether a text's vector is that of its first token.
    """

    comparison: str = zero_shot.SIMILARITY  # of a text and a label's sentence, see `compare`

    def __init__(
        self, model: Any, tokenizer: Any, max_length: int | None = None, pooling: SentencePooling | None = None
    ):
        self.model, self.tokenizer = model.eval(), tokenizer
        self.pools_first = (pooling.mode if pooling else mean_pooling.mode_of(model)) == CLS
        self.is_normalised = pooling is not None and pooling.is_normalised
        self.recent: tuple[tuple[str, ...], np.ndarray] | None = None  # texts and vectors, of label/vector_cache.py
        self.max_length = min(max_length or tokenizer.model_max_length, max_positions(model), MAX_LENGTH)

    def embed(self, text: str) -> list[float]:
        return [round(float(value), 6) for value in self.vectors([text])[0]]

    def embed_file(self, file: Path, text_column: str = "") -> Path:
        table = read_table(file)
        name = guess_text_columns(table, text_column=text_column, need_label=False).text
        texts = [(value or "").strip() for value in table.strings(name)]
        rows = np.flatnonzero([bool(text) for text in texts])
        if not len(rows):
            raise UserError(f"Column {name!r} of {table.source} holds no text.")
        found = self.vectors([texts[row] for row in rows])
        vectors = np.full((len(texts), found.shape[1]), np.nan, dtype=np.float32)
        vectors[rows] = found.round(6)
        is_blank = np.isnan(vectors[:, 0])
        cells = {f"vector_{n:03d}": pa.array(column, mask=is_blank) for n, column in enumerate(vectors.T, 1)}
        with predictions_writer(temporary_file(table.source, "-vectors.csv")) as write:
            write(replace(table, columns={name: table.columns[name]}), cells)
        return write.target

    def label_next(self, file: Path, text_column: str = "", label_column: str = "", count: int = 10) -> dict[str, Any]:
        return describe_round(self, read_pool(file, text_column, label_column), count)

    def label_rest(self, file: Path, text_column: str = "", label_column: str = "") -> Path:
        pool = read_pool(file, text_column, label_column)
        return write_labels(pool, vectors_of(self, pool))

    def zero_shot(self, text: str, labels: list[str], template: str = TEMPLATE) -> dict[str, Any]:
        return zero_shot.predict_text(self, text, labels, template)

    def zero_shot_file(
        self,
        file: Path,
        labels: list[str] = [],  # noqa: B006 - part of the published signature, never changed
        template: str = TEMPLATE,
        adapt: bool = True,
        text_column: str = "",
        label_column: str = "",
    ) -> Path:
        named = read_named(file, labels, template, text_column, label_column)
        return zero_shot.write_table(named, list(zero_shot.score_table(self, named, adapt).values())[-1])

    def zero_shot_accuracy(
        self,
        file: Path,
        labels: list[str] = [],  # noqa: B006 - as above
        template: str = TEMPLATE,
        text_column: str = "",
        label_column: str = "",
    ) -> dict[str, Any]:
        named = read_named(file, labels, template, text_column, label_column)
        return zero_shot.describe_accuracy(self, named, zero_shot.score_table(self, named))

    def compare(self, texts: Sequence[str], sentences: Sequence[str]) -> np.ndarray:
        """How well each sentence fits each text, (texts, sentences): the cosine of their vectors."""
        return encode(self, texts) @ encode(self, sentences).T

    def vectors(self, texts: list[str]) -> np.ndarray:
        """One vector per text, (texts, width), float32.

        Raises:
            UserError: If there is no text, or a text is empty.
        """
        found = embed_texts(self.model, self.tokenizer, texts, self.max_length, self.pools_first)
        return unit(found) if self.is_normalised else found


def load(folder: Path) -> EncoderPredictor:
    """Load any repository with an encoder.

    Raises:
        UserError: If it is not an encoder, or its files on pooling cannot be read.
    """
    model, tokenizer = load_for_inference(folder, AutoModel, "an encoder")
    if tokenizer.pad_token_id is None:
        raise UserError(f"{folder.name} is not an encoder: its tokenizer has no padding token.")
    return EncoderPredictor(model, tokenizer, pooling=sentence_pooling(folder))
