"""Trainer `answer`: where in its context the answer begins and ends (Devlin et al., 2019, §4.2)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from accelerate.utils import send_to_device
from torch.nn import functional
from transformers import AutoModelForQuestionAnswering

from plugins.bert_finetune import checks
from plugins.bert_finetune.answer import report
from plugins.bert_finetune.answer.data import AnswerData, Question, read
from plugins.bert_finetune.answer.spans import best_spans
from plugins.bert_finetune.answer.windows import Window, make_windows, room_for_question, target
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.batching import accepts_packed, batch_of
from training.errors import UserError
from training.fit.batches import step_seed
from training.preflight.sheet import Finding, Sheet
from training.task import Score, Task
from training.wording import counted

if TYPE_CHECKING:
    from plugins.bert_finetune.answer.settings import AnswerSettings

PREVIEWED = 3


class Row(NamedTuple):
    """A window, and the first and the last token of its answer."""

    window: Window
    target: tuple[int, int]


class Outcome(NamedTuple):
    """Logits of a window, (time, 2), and its loss."""

    logits: np.ndarray
    loss: float


def build(settings: AnswerSettings) -> AnswerTask:
    """Read the data, make or load tokenizer and network, tokenize.

    Raises:
        UserError: What the preflight sheet would show in red.
    """
    data = read(settings)
    Sheet(data.findings).raise_if_blocked()
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    texts = [*dict.fromkeys(one.context for one in data.train), *(one.question for one in data.train)]
    tokenizer, model = loading.network_with_head(settings, AutoModelForQuestionAnswering, "a question answerer", texts)
    if not tokenizer.is_fast:
        raise UserError("This model's tokenizer cannot say where its tokens stand in the text: choose another one.")
    return AnswerTask(data, settings, tokenizer, model)


class AnswerTask(Task):
    """Rows are windows; those without the answer point to the first token."""

    metric, maximize = "f1", True
    train_data: list[Row]
    eval_data: list[Row]

    def __init__(self, data: AnswerData, settings: AnswerSettings, tokenizer: Any, model: torch.nn.Module):
        self.data, self.settings, self.tokenizer, self.model = data, settings, tokenizer, model
        self.max_length = min(settings.max_length, loading.positions(model))
        self.padded = not accepts_packed(model)
        self.question_length = room_for_question(settings.question_length, self.max_length)
        self.train_data, self.eval_data = self._rows(data.train), self._rows(data.evaluation)
        self.facts = {
            "rows": len(data.train),
            "eval_rows": len(data.evaluation),
            "answers may be missing": data.has_unanswerable,
            "max_length": self.max_length,
            "stride": settings.stride,
            "answer_length": settings.answer_length,
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "baseline": self._baseline(),
        }

    def _rows(self, questions: list[Question]) -> list[Row]:
        chosen = self.settings
        found = make_windows(questions, self.tokenizer, self.max_length, chosen.stride, self.question_length)
        return [Row(window, target(window, questions[window.question].answers)) for window in found]

    def _cut_questions(self) -> int:
        asked = [one.question for one in (*self.data.train, *self.data.evaluation)]
        ids = self.tokenizer(asked, add_special_tokens=False, verbose=False)["input_ids"]
        return sum(len(each) > self.question_length for each in ids)

    def _baseline(self) -> dict[str, Any]:
        """What is scored by never answering, where that is allowed."""
        if not self.data.evaluation or not self.data.has_unanswerable:
            return {}
        silent = [("", 1.0)] * len(self.data.evaluation)
        found = report.score(self.data.evaluation, silent, np.zeros(len(silent))).metrics
        return {"name": "no answer to any"} | {name: found[name] for name in ("f1", "exact_match")}

    def row_lengths(self, data: Sequence) -> Sequence[int] | None:
        return [len(row.window.ids) for row in data]

    def collate(self, rows: list[Row], rng: np.random.Generator, training: bool) -> dict[str, Any]:
        """`targets` are start and end, (rows, 2); `inside` says which places of (rows, longest) are tokens."""
        ids, types = [row.window.ids for row in rows], [row.window.types for row in rows]
        batch, _ = batch_of(ids, types, self.tokenizer.pad_token_id, not self.padded)
        lengths = torch.tensor([len(row) for row in ids])
        inside = torch.arange(int(lengths.max())) < lengths[:, None]
        return batch | {"inside": inside, "targets": torch.as_tensor([row.target for row in rows], dtype=torch.int64)}

    def losses(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Mean cross entropy of start and end over the window's tokens, (batch,)."""
        return self._losses(self._logits(model, batch), batch["targets"])

    def _losses(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return functional.cross_entropy(logits, targets, reduction="none").mean(1)  # classes are tokens: dimension 1

    def _logits(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Start and end, (batch, time, 2); padding is out of the question."""
        out = model(**{name: value for name, value in batch.items() if name not in ("targets", "inside")})
        logits, inside = torch.stack((out.start_logits, out.end_logits), -1).float(), batch["inside"]
        real = logits[0] if "layout" in batch else logits[inside]  # (tokens, 2)
        return logits.new_full((*inside.shape, 2), -1e4).masked_scatter(inside[..., None], real)

    def predict(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> list[Outcome]:
        logits = self._logits(model, batch)
        losses = self._losses(logits, batch["targets"]).cpu().tolist()
        return [Outcome(*both) for both in zip(logits.cpu().numpy(), losses, strict=True)]

    def score(self, outputs: list[Outcome]) -> Score:
        owners = self._owners(self.eval_data)
        said = [self._answer(number, owners.get(number, []), outputs) for number in range(len(self.data.evaluation))]
        losses = [
            np.mean([outputs[row].loss for row in owners[number]]) if number in owners else 0.0
            for number in range(len(said))
        ]
        return report.score(self.data.evaluation, said, np.asarray(losses))

    def _owners(self, rows: list[Row]) -> dict[int, list[int]]:
        """Number of the question -> its rows."""
        owners: dict[int, list[int]] = {}
        for number, row in enumerate(rows):
            owners.setdefault(row.window.question, []).append(number)
        return owners

    def _answer(self, number: int, rows: list[int], outputs: list[Outcome]) -> tuple[str, float]:
        """The best answer and its probability; empty where "no answer" scores higher than any span."""
        if not rows:
            return "", 0.0
        windows, logits = [self.eval_data[row].window for row in rows], [outputs[row].logits for row in rows]
        spans, none = best_spans(windows, logits, self.settings.answer_length, self.data.has_unanswerable)
        if not spans or none > spans[0].probability:
            return "", none
        return self.data.evaluation[number].context[spans[0].start : spans[0].end], spans[0].probability

    def preview(self, model: torch.nn.Module, device: torch.device) -> list[dict]:
        """What the model now answers to the first held-out questions."""
        rows = [row for row in self.eval_data if row.window.question < PREVIEWED]  # the first rows, in their order
        if not rows:
            return []
        outputs = self.predict(model, send_to_device(self.evaluation_batch(rows), device))  # type: ignore[arg-type]
        shown = []
        for number, places in self._owners(rows).items():
            one, (said, sure) = self.data.evaluation[number], self._answer(number, places, outputs)
            truth = one.answers[0][0] if one.answers else "no answer"
            shown.append({"text": f"{one.question} {said or 'No answer'} ({sure:.0%}; truth: {truth})"})
        return shown

    def save(self, model: Any, folder: Path) -> None:
        """A folder for `AutoModelForQuestionAnswering`."""
        loading.save(model, self.tokenizer, folder, self.settings.half_precision)

    def findings(self) -> list[Finding]:
        """How contexts and questions were cut, and what the vocabulary lacks."""
        count = len(self.data.train)
        held = {row.window.question for row in self.train_data if row.target != (0, 0)}
        lost = sum(bool(one.answers) for one in self.data.train) - len(held)
        found = [Finding("green", f"{counted(count, 'question')} in {counted(len(self.train_data), 'window')} of {self.max_length} tokens at most")]  # fmt: skip
        found += checks.beyond_positions(self.settings.max_length, self.max_length)
        if lost > 0:
            advice = "Raise max_length or stride: no window holds the answer whole."
            found.append(Finding("amber", f"{counted(lost, 'answer')} that nothing can be learned of", advice))
        if cut := self._cut_questions():
            advice = "Raise question_length if their end matters; their contexts are read whole."
            found.append(Finding("amber", f"{counted(cut, 'question')} cut to {self.question_length} tokens", advice))
        return found + checks.unknown_tokens([row.window.ids for row in self.train_data], self.tokenizer)
