"""A fine-tuned reader at work: the answer to a question in a context, to a file of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForQuestionAnswering

from plugins.bert_finetune.answer.data import Question, read_squad
from plugins.bert_finetune.answer.spans import Span, best_spans
from plugins.bert_finetune.answer.windows import make_windows
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.batching import batches_by_length, most_tokens, pad
from plugins.bert_finetune.models.bf16_inference import quick_products
from training.artifact import store
from training.data.column_names import plain_name
from training.data.predictions_csv import write_predictions
from training.data.table import Table, read_table, text_table
from training.errors import UserError
from training.nn.load_pretrained import load_tokenizer

SHOWN = 3  # answers
DEFAULTS = {"max_length": 384, "stride": 128, "answer_length": 30}
QUESTION_LENGTH = 64


class Reader:
    """An encoder with a head for spans, its tokenizer and the facts of its training."""

    def __init__(self, model: Any, tokenizer: Any, facts: dict[str, Any]):
        self.model, self.tokenizer = model.eval(), tokenizer
        known = DEFAULTS | {name: int(facts[name]) for name in DEFAULTS if name in facts}
        self.max_length = min(known["max_length"], loading.positions(model), tokenizer.model_max_length)
        self.stride, self.longest = known["stride"], known["answer_length"]
        self.may_be_none = bool(facts.get("answers may be missing", False))

    @classmethod
    def load(cls, folder: Path) -> Reader:
        """Read an artifact, or any repository with a fine-tuned extractive reader."""
        facts = store.read_record(folder).get("facts", {}) if (folder / store.RECORD).is_file() else {}
        model = loading.load_network(folder, AutoModelForQuestionAnswering, "a question answerer")
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return cls(model.to(device), load_tokenizer(folder), facts)

    def answer(self, question: str, context: str) -> dict[str, Any]:
        """The best answer, where it stands, and what else it could be.

        Raises:
            UserError: If the question or the context is empty.
        """
        if not question.strip() or not context.strip():
            raise UserError("Give a question, and a context that its answer stands in.")
        spans, none = self.answers([(question, context)])[0]
        found = [_record(span, context) for span in spans[:SHOWN]]
        answered = bool(found) and none <= found[0]["probability"]
        best = found[0] if answered else {"answer": "", "start": 0, "end": 0, "probability": round(none, 6)}
        return {**best, "no_answer_probability": round(none, 6), "alternatives": found[1:] if answered else found}

    def answers(self, asked: list[tuple[str, str]]) -> list[tuple[list[Span], float]]:
        """For each question and context the spans, best first, and the probability of no answer."""
        questions = [Question(question, context, (), "", "") for question, context in asked]
        windows = make_windows(questions, self.tokenizer, self.max_length, self.stride, QUESTION_LENGTH)
        logits: list[np.ndarray] = [np.zeros(0)] * len(windows)
        for rows in batches_by_length([len(window.ids) for window in windows], most_tokens(self.model)):
            batch = pad([windows[row].ids for row in rows], [windows[row].types for row in rows], self.tokenizer.pad_token_id)  # fmt: skip
            with torch.inference_mode():
                out = self.model(**{name: value.to(self.model.device) for name, value in batch.items()})
            both = torch.stack((out.start_logits, out.end_logits), -1).float().cpu().numpy()
            for place, row in enumerate(rows):
                logits[row] = both[place, : len(windows[row].ids)]
        owners: list[list[int]] = [[] for _ in questions]
        for number, window in enumerate(windows):
            owners[window.question].append(number)
        return [
            best_spans([windows[row] for row in rows], [logits[row] for row in rows], self.longest, self.may_be_none) if rows else ([], 1.0)
            for rows in owners
        ]  # fmt: skip

    def answer_file(self, file: Path) -> Path:
        """An answer and its probability for every row of a table with a question and a context, or every question of SQuAD JSON.

        Raises:
            UserError: If the file cannot be read, or lacks one of the columns.
        """
        table = _table(file)
        names = {plain_name(name): name for name in reversed(table.names)}
        if not {"question", "context"} <= names.keys():
            raise UserError(
                f"{table.source} has the columns {', '.join(table.names)}. Expected a table with question and context, or SQuAD JSON."
            )
        asked = list(zip(table.strings(names["question"]), table.strings(names["context"]), strict=True))
        full = [row for row, (question, context) in enumerate(asked) if (question or "").strip() and (context or "").strip()]  # fmt: skip
        texts = [(asked[row][0] or "", asked[row][1] or "") for row in full]
        with quick_products(self.model):
            found = self.answers(texts)
        said = {}
        for row, (_, context), (spans, none) in zip(full, texts, found, strict=True):
            answered = spans and none <= spans[0].probability
            said[row] = [context[spans[0].start : spans[0].end], f"{spans[0].probability:.6f}"] if answered else ["", f"{none:.6f}"]  # fmt: skip
        return write_predictions(table, ("predicted_answer", "probability"), said)


def _table(file: Path) -> Table:
    if (loaded := read_squad(file)) is None:
        return read_table(file)
    found = list(loaded[0])
    columns = {
        "id": [one.place for one in found],
        "question": [one.question for one in found],
        "context": [one.context for one in found],
    }
    return text_table(columns, file.name)


def _record(span: Span, context: str) -> dict[str, Any]:
    text = context[span.start : span.end]
    return {"answer": text, "start": span.start, "end": span.end, "probability": round(span.probability, 6)}
