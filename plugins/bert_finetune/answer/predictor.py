"""Inference with an extractive question answering model: one question, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForQuestionAnswering

from plugins.bert_finetune.answer.data import QuestionExample, read_squad
from plugins.bert_finetune.answer.endpoints import Answer
from plugins.bert_finetune.answer.spans import Span, best_spans
from plugins.bert_finetune.answer.windows import ContextWindow, make_windows
from plugins.bert_finetune.encode.predictor import EncoderPredictor
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.batching import batches_by_length, max_batch_tokens, pad
from plugins.bert_finetune.models.bf16_inference import bf16_matmuls
from training.data.column_names import plain_name
from training.data.predictions_csv import write_predictions
from training.data.table import Table, read_table, text_table
from training.errors import UserError

MAX_ANSWERS = 3  # returned, the best included
DEFAULTS = {"max_length": 384, "stride": 128, "max_answer_length": 30, "max_question_length": 64}


class AnswerPredictor(EncoderPredictor, Answer):
    """A question answering model with its tokenizer and the facts of its training."""

    def __init__(self, model: Any, tokenizer: Any, facts: dict[str, Any]):
        values = DEFAULTS | {name: int(facts[name]) for name in DEFAULTS if name in facts}
        super().__init__(model, tokenizer, min(values["max_length"], tokenizer.model_max_length))
        self.stride, self.max_answer_length = values["stride"], values["max_answer_length"]
        self.max_question_length = values["max_question_length"]
        self.has_unanswerable = bool(facts.get("has_unanswerable", False))

    def answer(self, question: str, context: str) -> dict[str, Any]:
        if not question.strip() or not context.strip():
            raise UserError("Give a question, and a context that contains its answer.")
        spans, no_answer = self.answers([(question, context)])[0]
        records = [_record(span, context) for span in spans[:MAX_ANSWERS]]
        answered = bool(records) and no_answer <= records[0]["probability"]
        best = records[0] if answered else {"answer": "", "start": 0, "end": 0, "probability": round(no_answer, 6)}
        alternatives = records[1:] if answered else records
        return {**best, "no_answer_probability": round(no_answer, 6), "alternatives": alternatives}

    def answers(self, pairs: list[tuple[str, str]]) -> list[tuple[list[Span], float]]:
        """Return the spans, best first, and the probability of no answer, for each (question, context)."""
        questions = [QuestionExample(question, context, (), "", "") for question, context in pairs]
        windows = make_windows(questions, self.tokenizer, self.max_length, self.stride, self.max_question_length)
        logits: list[np.ndarray] = [np.zeros(0)] * len(windows)
        for rows in batches_by_length([len(window.ids) for window in windows], max_batch_tokens(self.model)):
            ids, types = [windows[row].ids for row in rows], [windows[row].types for row in rows]
            batch = pad(ids, types, self.tokenizer.pad_token_id)
            with torch.inference_mode():
                out = self.model(**{name: value.to(self.model.device) for name, value in batch.items()})
            values = torch.stack((out.start_logits, out.end_logits), -1).float().cpu().numpy()
            for number, row in enumerate(rows):
                logits[row] = values[number, : len(windows[row].ids)]
        by_question: list[list[int]] = [[] for _ in questions]
        for number, window in enumerate(windows):
            by_question[window.question].append(number)
        return [self._best([windows[row] for row in rows], [logits[row] for row in rows]) for rows in by_question]

    def _best(self, windows: list[ContextWindow], logits: list[np.ndarray]) -> tuple[list[Span], float]:
        if not windows:
            return [], 1.0
        return best_spans(windows, logits, self.max_answer_length, self.has_unanswerable)

    def answer_file(self, file: Path) -> Path:
        table = _table(file)
        names = {plain_name(name): name for name in reversed(table.names)}
        if not {"question", "context"} <= names.keys():
            raise UserError(
                f"{table.source} has the columns {', '.join(table.names)}. "
                "Expected a table with question and context, or SQuAD JSON."
            )
        rows = zip(table.strings(names["question"]), table.strings(names["context"]), strict=True)
        pairs = {row: (question or "", context or "") for row, (question, context) in enumerate(rows)}
        full = {row: pair for row, pair in pairs.items() if all(text.strip() for text in pair)}
        with bf16_matmuls(self.model):
            answers = self.answers(list(full.values()))
        cells = {row: _cells(pair[1], *found) for (row, pair), found in zip(full.items(), answers, strict=True)}
        return write_predictions(table, ("predicted_answer", "probability"), cells)


def _cells(context: str, spans: list[Span], no_answer: float) -> list[str]:
    """Answer and probability of one row of a file."""
    if not spans or no_answer > spans[0].probability:
        return ["", f"{no_answer:.6f}"]
    return [context[spans[0].start : spans[0].end], f"{spans[0].probability:.6f}"]


def _table(file: Path) -> Table:
    if (loaded := read_squad(file)) is None:
        return read_table(file)
    examples = list(loaded[0])
    columns = {
        "id": [example.place for example in examples],
        "question": [example.question for example in examples],
        "context": [example.context for example in examples],
    }
    return text_table(columns, file.name)


def _record(span: Span, context: str) -> dict[str, Any]:
    text = context[span.start : span.end]
    return {"answer": text, "start": span.start, "end": span.end, "probability": round(span.probability, 6)}


def load(folder: Path) -> AnswerPredictor:
    """Load an artifact, or any repository with a fine-tuned extractive question answering model."""
    kind = "a question answering model"
    model, tokenizer = loading.load_for_inference(folder, AutoModelForQuestionAnswering, kind)
    return AnswerPredictor(model, tokenizer, loading.facts_of(folder))
