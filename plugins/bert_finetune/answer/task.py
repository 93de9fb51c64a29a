"""Extractive question answering: predict start and end of the answer (Devlin et al., 2019, §4.2)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from accelerate.utils import send_to_device
from torch.nn import functional
from transformers import AutoModelForQuestionAnswering

from plugins.bert_finetune import checks
from plugins.bert_finetune.answer import report
from plugins.bert_finetune.answer.data import AnswerData, QuestionExample
from plugins.bert_finetune.answer.matching_head_init import init_matching_head
from plugins.bert_finetune.answer.spans import best_spans
from plugins.bert_finetune.answer.windows import ContextWindow, answer_span, make_windows, max_question_tokens
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.batching import enable_packing, make_batch
from plugins.bert_finetune.models.lora import add_lora
from training.errors import UserError
from training.figures import Baseline, Figure, share
from training.fit.batches import step_seed
from training.nn.load_pretrained import max_positions
from training.preflight.sheet import Finding
from training.task import Score, Task
from training.wording import counted

if TYPE_CHECKING:
    from plugins.bert_finetune.answer.settings import AnswerSettings

PREVIEW_QUESTIONS = 3
MIN_ANSWER_LENGTH, MAX_ANSWER_LENGTH = 30, 512  # tokens, where the length is taken from the data


class TrainingWindow(NamedTuple):
    """A window with the first and the last token of its answer."""

    window: ContextWindow
    target: tuple[int, int]


class WindowPrediction(NamedTuple):
    """Start and end logits of a window, (time, 2), and its loss."""

    logits: np.ndarray
    loss: float


def build(data: AnswerData, settings: AnswerSettings) -> AnswerTask:
    """Make or load tokenizer and network, and tokenize questions and contexts.

    Raises:
        UserError: If `settings.model` cannot be read, its tokenizer gives no offsets, or it has no head to initialise.
    """
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    texts = [*dict.fromkeys(row.context for row in data.train), *(row.question for row in data.train)]
    tokenizer, model = loading.load_or_create(settings, AutoModelForQuestionAnswering, "a question answerer", texts)
    if not tokenizer.is_fast:
        raise UserError("This model's tokenizer gives no offsets of its tokens: choose another model.")
    if settings.matching_head_init:
        init_matching_head(model)
    return AnswerTask(data, settings, tokenizer, add_lora(model, settings))


class AnswerTask(Task):
    """Rows are windows; the target of a window without the answer is [CLS]."""

    metric, maximize = "f1", True
    train_data: list[TrainingWindow]
    eval_data: list[TrainingWindow]

    def __init__(self, data: AnswerData, settings: AnswerSettings, tokenizer: Any, model: torch.nn.Module):
        self.data, self.settings, self.tokenizer, self.model = data, settings, tokenizer, model
        self.max_length = min(settings.max_length, max_positions(model))
        self.padded = not enable_packing(model)
        self.max_question_length = max_question_tokens(settings.max_question_length, self.max_length)
        self.train_data, self.eval_data = self._rows(data.train), self._rows(data.evaluation)
        self.max_answer_length = settings.max_answer_length or self._answer_length_of_data()
        self.facts = {
            "rows": len(data.train),
            "eval_rows": len(data.evaluation),
            "has_unanswerable": data.has_unanswerable,
            "max_length": self.max_length,
            "stride": settings.stride,
            "max_answer_length": self.max_answer_length,
            "max_question_length": self.max_question_length,
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "baseline": self._baseline(),
        }

    def _rows(self, questions: list[QuestionExample]) -> list[TrainingWindow]:
        stride, max_question_length = self.settings.stride, self.max_question_length
        windows = make_windows(questions, self.tokenizer, self.max_length, stride, max_question_length)
        return [TrainingWindow(window, answer_span(window, questions[window.question].answers)) for window in windows]

    def _answer_length_of_data(self) -> int:
        """Tokens of the longest training answer, 30 to 512: no answer that was learned is out of reach."""
        return min(MAX_ANSWER_LENGTH, max([MIN_ANSWER_LENGTH, *_answer_lengths(self.train_data)]))

    def _truncated_questions(self) -> int:
        questions = [example.question for example in (*self.data.train, *self.data.evaluation)]
        ids = self.tokenizer(questions, add_special_tokens=False, verbose=False)["input_ids"]
        return sum(len(tokens) > self.max_question_length for tokens in ids)

    def _baseline(self) -> dict[str, Any]:
        """Metrics of never answering, if some questions have no answer."""
        if not self.data.evaluation or not self.data.has_unanswerable:
            return {}
        unanswered = [("", 1.0)] * len(self.data.evaluation)
        metrics = report.score(self.data.evaluation, unanswered, np.zeros(len(unanswered))).metrics
        return {"name": "no answer to any question"} | {name: metrics[name] for name in ("f1", "exact_match")}

    def row_lengths(self, data: Sequence) -> Sequence[int] | None:
        return [len(row.window.ids) for row in data]

    def collate(self, rows: list[TrainingWindow], rng: np.random.Generator, training: bool) -> dict[str, Any]:
        """`targets`: start and end, (rows, 2); `is_token`: tokens of the padded (rows, longest)."""
        ids, types = [row.window.ids for row in rows], [row.window.types for row in rows]
        batch, _ = make_batch(ids, types, self.tokenizer.pad_token_id, not self.padded)
        lengths = torch.tensor([len(row) for row in ids])
        is_token = torch.arange(int(lengths.max())) < lengths[:, None]
        targets = torch.as_tensor([row.target for row in rows], dtype=torch.int64)
        return batch | {"is_token": is_token, "targets": targets}

    def losses(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Mean cross entropy of start and end over the tokens of the window, (batch,)."""
        return self._losses(self._logits(model, batch), batch["targets"])

    def _losses(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(logits, targets, reduction="none").mean(
            1
        )  # the classes are the tokens: dimension 1

    def _logits(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Start and end logits, (batch, time, 2); -1e4 at padding."""
        out = model(**{name: value for name, value in batch.items() if name not in ("targets", "is_token")})
        logits, is_token = torch.stack((out.start_logits, out.end_logits), -1).float(), batch["is_token"]
        tokens = logits[0] if "layout" in batch else logits[is_token]  # (tokens, 2)
        return logits.new_full((*is_token.shape, 2), -1e4).masked_scatter(is_token[..., None], tokens)

    def predict(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> list[WindowPrediction]:
        logits = self._logits(model, batch)
        losses = self._losses(logits, batch["targets"]).cpu().tolist()
        return [WindowPrediction(*pair) for pair in zip(logits.cpu().numpy(), losses, strict=True)]

    def score(self, outputs: list[WindowPrediction]) -> Score:
        rows = self._rows_of_questions(self.eval_data)
        numbers = range(len(self.data.evaluation))
        answers = [self._answer(number, rows.get(number, []), outputs) for number in numbers]
        losses = [np.mean([outputs[row].loss for row in rows[number]]) if number in rows else 0.0 for number in numbers]
        found = report.score(self.data.evaluation, answers, np.asarray(losses))
        return dataclasses.replace(found, figures=(self._figure(found.metrics["f1"]),))

    def _figure(self, value: float) -> Figure:
        meaning = "Words that the answer shares with the true one, as F1; 100 % where they are the same."
        figure = share("f1", "F1 of answers", value, meaning, len(self.data.evaluation), [self._sentence_baseline])
        return figure.with_baseline("never an answer", self.facts["baseline"].get("f1"))

    @cached_property
    def _sentence_baseline(self) -> Baseline:
        examples = self.data.evaluation
        answers = [(report.nearest_sentence(example), 1.0) for example in examples]
        value = report.score(examples, answers, np.zeros(len(examples))).metrics["f1"]
        return Baseline("the sentence with most words of the question", value)

    def _rows_of_questions(self, rows: list[TrainingWindow]) -> dict[int, list[int]]:
        """Index of the question -> its rows."""
        by_question: dict[int, list[int]] = {}
        for number, row in enumerate(rows):
            by_question.setdefault(row.window.question, []).append(number)
        return by_question

    def _answer(self, number: int, rows: list[int], outputs: list[WindowPrediction]) -> tuple[str, float]:
        """The best answer and its probability; empty if "no answer" is more probable than any span."""
        if not rows:
            return "", 0.0
        windows, logits = [self.eval_data[row].window for row in rows], [outputs[row].logits for row in rows]
        spans, no_answer = best_spans(windows, logits, self.max_answer_length, self.data.has_unanswerable)
        if not spans or no_answer > spans[0].probability:
            return "", no_answer
        return self.data.evaluation[number].context[spans[0].start : spans[0].end], spans[0].probability

    def preview(self, model: torch.nn.Module, device: torch.device) -> list[dict]:
        """Answers to the first held-out questions."""
        rows = [row for row in self.eval_data if row.window.question < PREVIEW_QUESTIONS]  # a prefix of eval_data
        if not rows:
            return []
        outputs = self.predict(model, send_to_device(self.evaluation_batch(rows), device))  # type: ignore[arg-type]
        samples = []
        for number, own in self._rows_of_questions(rows).items():
            example, (answer, probability) = self.data.evaluation[number], self._answer(number, own, outputs)
            truth = example.answers[0][0] if example.answers else "no answer"
            text = f"{example.question} {answer or 'No answer'} ({probability:.0%}; truth: {truth})"
            samples.append({"text": text})
        return samples

    def save(self, model: Any, folder: Path) -> None:
        """Write a folder for `AutoModelForQuestionAnswering`."""
        loading.save_network(model, self.tokenizer, folder, self.settings)

    def findings(self) -> list[Finding]:
        """Report windows, truncated questions, answers lost between windows, and unknown tokens."""
        count = len(self.data.train)
        covered = {row.window.question for row in self.train_data if row.target != (0, 0)}
        lost = sum(bool(example.answers) for example in self.data.train) - len(covered)
        windows = f"{counted(len(self.train_data), 'window')} of at most {self.max_length} tokens"
        findings = [Finding("green", f"{counted(count, 'question')} in {windows}")]
        findings += checks.position_findings(self.settings.max_length, self.max_length)
        if lost > 0:
            advice = "Raise max_length or stride: they are longer than the overlap of two windows."
            findings.append(Finding("amber", f"{counted(lost, 'answer')} that no window contains", advice))
        lengths = _answer_lengths(self.train_data) + _answer_lengths(self.eval_data)
        if too_long := sum(length > self.max_answer_length for length in lengths):
            title = f"{counted(too_long, 'answer')} longer than max_answer_length, {self.max_answer_length} tokens"
            advice = f"They can never be given: raise it to {max(lengths)}, the tokens of the longest."
            findings.append(Finding("amber", title, advice))
        if truncated := self._truncated_questions():
            advice = "Raise max_question_length if their end matters; contexts are not truncated."
            title = f"{counted(truncated, 'question')} truncated to {self.max_question_length} tokens"
            findings.append(Finding("amber", title, advice))
        return findings + checks.unknown_token_findings([row.window.ids for row in self.train_data], self.tokenizer)


def _answer_lengths(rows: Sequence[TrainingWindow]) -> list[int]:
    """Tokens of each question's answer, of the questions whose answer some window contains."""
    lengths = {row.window.question: 1 + row.target[1] - row.target[0] for row in rows if row.target != (0, 0)}
    return list(lengths.values())
