"""The task of `pretrain`: text, dialogues and few-shot prompts, packed, and the next token of each predicted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from plugins.gpt_prompting.models import loading
from plugins.gpt_prompting.pretrain import network, sources
from plugins.gpt_prompting.pretrain.corpus import (
    CorpusRows,
    Segment,
    TokenCorpus,
    encode,
    encode_dialogues,
    encode_texts,
)
from plugins.gpt_prompting.pretrain.dialogues import TRANSCRIPT, render_dialogue
from plugins.gpt_prompting.pretrain.eval_prompts import EvalPrompt, make_eval_prompts
from plugins.gpt_prompting.pretrain.few_shot_metrics import FewShotResult, few_shot_metrics
from plugins.gpt_prompting.pretrain.few_shot_sampler import (
    MAX_TEXT_SHARE,
    FewShotFormatter,
    FewShotOptions,
    FewShotSampler,
)
from plugins.gpt_prompting.pretrain.mixture import MixtureDataset, PlaceholderRows
from plugins.gpt_prompting.pretrain.packing import pack
from plugins.gpt_prompting.pretrain.preview import PROMPT_TOKENS, continue_text
from plugins.gpt_prompting.pretrain.vocabulary import train_tokenizer
from training.errors import UserError
from training.fit.batches import step_seed
from training.preflight.sheet import Finding, Sheet
from training.task import Score, Task

if TYPE_CHECKING:
    from plugins.gpt_prompting.pretrain.settings import PretrainSettings
    from plugins.gpt_prompting.pretrain.sources import Sources

PREVIEW_TEXTS = 2
MAX_UNKNOWN_SHARE = 0.01  # share of the tokens


class HeldOutRow(NamedTuple):
    """A held-out row of text or of dialogues."""

    kind: str
    segments: list[Segment]


class RowLoss(NamedTuple):
    """What a held-out row gives."""

    kind: str
    loss: float  # summed cross entropy, in nats
    labelled: int


def build(settings: PretrainSettings) -> PretrainTask:
    """Read everything, make or load tokenizer and network, encode.

    Raises:
        UserError: What the preflight sheet would show in red, or a model that does not fit.
    """
    found = sources.read(settings)
    Sheet(tuple(found.findings)).raise_if_blocked()
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    if settings.model:
        tokenizer = loading.load_tokenizer(Path(settings.model))
        tokenizer.chat_template = tokenizer.chat_template or TRANSCRIPT
    else:
        tokenizer = train_tokenizer(found.everything(), settings.shape().vocabulary, settings.max_length)
    return PretrainTask(found, settings, tokenizer, network.make_model(settings, tokenizer))


class PretrainTask(Task):
    """Rows are windows of text, windows of dialogues, and prompts that are drawn with the step's own random numbers."""

    metric, maximize, padded = "loss", False, False

    def __init__(self, found: Sources, settings: PretrainSettings, tokenizer: Any, model: Any):
        self.settings, self.tokenizer, self.model = settings, tokenizer, model
        self.size = min(settings.max_length, loading.max_positions(model))
        text, self.held_text = (encode_texts(side, tokenizer) for side in (found.texts, found.held_texts))
        talk, self.held_talk = (self._dialogues(side) for side in (found.dialogues, found.held_dialogues))
        self.drawer, self.prompts = self._tasks(found)
        text_rows, talk_rows = (CorpusRows(corpus, self.size, settings.separate_documents) for corpus in (text, talk))
        self.shares = _shares(found, settings)
        self.train_data = MixtureDataset(
            [
                (text_rows, self.shares["text"]),
                (talk_rows, self.shares["dialogue"]),
                (PlaceholderRows() if self.drawer else (), self.shares["task"]),
            ]
        )
        if not len(self.train_data):
            raise UserError("There is nothing to train on: the texts are too short, or every share is 0.")
        self.eval_data: Sequence = [*self._held(self.held_text, "text"), *self._held(self.held_talk, "dialogue"), *self.prompts]  # fmt: skip
        self.corpora = {"text": text, "dialogue": talk}
        self.facts = self._facts(found, text, talk)

    def _dialogues(self, dialogues: list) -> TokenCorpus:
        return encode_dialogues([render_dialogue(dialogue, self.tokenizer) for dialogue in dialogues], self.tokenizer)

    def _tasks(self, found: Sources) -> tuple[FewShotSampler | None, list[EvalPrompt]]:
        if not (found.tasks or found.held_tasks):
            return None, []
        settings, writer = self.settings, FewShotFormatter.of(self.tokenizer)
        options = FewShotOptions(
            settings.label_words, settings.most_classes, settings.repeats, settings.label_weight, settings.text_weight
        )
        train = writer.tokens(found.tasks, int(MAX_TEXT_SHARE * self.size))
        held = writer.tokens(found.held_tasks, max(4, self.size // 9 - 10))  # eight examples and a query should fit
        drawer = FewShotSampler(train, writer, options, self.size) if train else None
        count = settings.eval_rows
        return drawer, make_eval_prompts(held, writer, options, self.size, count, settings.seed)

    def _held(self, corpus: TokenCorpus, kind: str) -> list[HeldOutRow]:
        rows = CorpusRows(corpus, self.size, self.settings.separate_documents)
        order = np.random.default_rng([self.settings.seed, 4]).permutation(len(rows))[: self.settings.eval_rows]
        return [HeldOutRow(kind, rows[int(row)]) for row in np.sort(order)]

    def _facts(self, found: Sources, text: TokenCorpus, talk: TokenCorpus) -> dict[str, Any]:
        facts = {
            "documents": len(found.texts),
            "dialogues": len(found.dialogues),
            "tasks": [task.name for task in found.tasks],
            "held_out_tasks": [task.name for task in found.held_tasks],
            "tokens": len(text.tokens) + len(talk.tokens),
            "vocabulary": len(self.tokenizer),
            "max_length": self.size,
            "parameters": sum(weight.numel() for weight in self.model.parameters()),
        }
        return {name: value for name, value in facts.items() if value}

    def row_lengths(self, data: Sequence) -> Sequence[int] | None:
        return None if isinstance(data, MixtureDataset) else [_length(row) for row in data]

    def collate(self, rows: list, rng: np.random.Generator, training: bool) -> dict:
        """One line of tokens, see `packing.pack`; with prompts also asked, the place of each prompt's answer among the labelled."""
        return pack([self._segments(row, rng) for row in rows]) | {"rows": None if training else rows}  # fmt: skip

    def _segments(self, row: Any, rng: np.random.Generator) -> list[Segment]:
        if row is None:
            assert self.drawer is not None
            return self.drawer.row(rng)
        if isinstance(row, EvalPrompt):
            targets = np.full(len(row.ids), -100, dtype=np.int32)
            targets[-1] = row.choices[row.right]
            return [Segment(row.ids, targets, np.ones(len(row.ids), dtype=np.float32))]
        return row.segments if isinstance(row, HeldOutRow) else row

    def losses(self, model: torch.nn.Module, batch: dict) -> torch.Tensor:
        """Weighted cross entropy of every token that has a label, (labelled,)."""
        return network.forward(model, batch).losses

    def predict(self, model: torch.nn.Module, batch: dict) -> list:
        """A `PromptOutcome` of each prompt, a `TextOutcome` of every other row."""
        out, owners = network.forward(model, batch), batch["owners"].cpu().numpy()
        rows = batch["rows"] or [None] * (int(owners.max(initial=-1)) + 1)
        summed = np.bincount(owners, weights=out.losses.float().cpu().numpy(), minlength=len(rows))
        counts = np.bincount(owners, minlength=len(rows))
        asked = [number for number, row in enumerate(rows) if isinstance(row, EvalPrompt)]
        at = torch.as_tensor(np.searchsorted(owners, asked), device=out.losses.device)
        scores = iter(network.logits_of(model, out, at).cpu().numpy() if asked else ())
        return [
            FewShotResult.of(row, next(scores))
            if isinstance(row, EvalPrompt)
            else RowLoss(row.kind if isinstance(row, HeldOutRow) else "text", float(loss), int(count))
            for row, loss, count in zip(rows, summed, counts, strict=True)
        ]

    def score(self, outputs: list) -> Score:
        """Loss, perplexity and bits per byte of text; loss of answers; accuracy by examples in the prompt. `loss` is the mean
        of the three by their shares of the mixture."""
        metrics: dict[str, float] = {}
        losses: dict[str, float] = {}
        for kind, corpus in (("text", self.held_text), ("dialogue", self.held_talk)):
            rows = [each for each in outputs if isinstance(each, RowLoss) and each.kind == kind]
            labelled = sum(each.labelled for each in rows)
            if labelled:
                losses[kind] = sum(each.loss for each in rows) / labelled
                metrics |= _of_text(kind, losses[kind], corpus)
        prompts = [each for each in outputs if isinstance(each, FewShotResult)]
        if prompts:
            metrics |= few_shot_metrics(prompts)
            losses["task"] = metrics["label_loss"]
        shares = {kind: self.shares[kind] for kind in losses}
        whole = sum(shares.values())
        return Score(
            {"loss": sum(losses[kind] * share / whole for kind, share in shares.items()) if whole else 0.0} | metrics
        )

    def preview(self, model: torch.nn.Module, device: torch.device) -> list[dict]:
        """Continuations of the settings' prompts, or of the beginnings of held-out texts."""
        given = [line for line in self.settings.prompts.splitlines() if line.strip()]
        if given:
            prompts = encode(given, self.tokenizer)
        else:
            rows = [row.segments[0].ids for row in self.eval_data if isinstance(row, HeldOutRow)][:: max(1, len(self.eval_data) // PREVIEW_TEXTS)]  # fmt: skip
            prompts = [ids[:PROMPT_TOKENS].tolist() for ids in rows][:PREVIEW_TEXTS]
        return [{"text": continue_text(model, self.tokenizer, ids, number)} for number, ids in enumerate(prompts) if ids]  # fmt: skip

    def save(self, model: Any, folder: Path) -> None:
        """A folder for `AutoModelForCausalLM`, adapters merged."""
        network.save(model, self.tokenizer, folder, self.settings.half_precision)

    def findings(self) -> list[Finding]:
        read = self.settings.steps * self.settings.batch_size * self.size
        found = [Finding("green", f"{self.facts['parameters']:,} parameters; {read:,} tokens will be read in rows of {self.size}")]  # fmt: skip
        for kind, corpus in self.corpora.items():
            count = len(corpus.tokens)
            if count and count < self.size:
                advice = f"A row has {self.size}: lower max_length, or give more."
                found.append(Finding("amber", f"The {kind} has only {count:,} tokens", advice))
            found += _unknown(corpus, kind, self.tokenizer)
        if not network.is_packed(self.model):
            advice = "Its attention cannot be packed: rows are padded, and every token meets the whole vocabulary."
            found.append(Finding("amber", f"{type(self.model).__name__} trains the slow way", advice))
        if self.size < self.settings.max_length:
            advice = "Its positions are counted from the beginning and end there."
            found.append(Finding("amber", f"The model sees {self.size} tokens, not {self.settings.max_length}", advice))
        return found


def _shares(found: Sources, settings: PretrainSettings) -> dict[str, float]:
    """Of each kind in the tokens; all of them of what is alone."""
    there = {"text": found.texts, "dialogue": found.dialogues, "task": found.tasks}
    wished = {"dialogue": settings.dialogue_share, "task": settings.task_share}
    shares = {"text": 1 - sum(wished.values())} | wished
    return {kind: float(bool(rows)) if sum(map(bool, there.values())) == 1 else shares[kind] for kind, rows in there.items()}  # fmt: skip


def _of_text(kind: str, loss: float, corpus: TokenCorpus) -> dict[str, float]:
    perplexity = math.exp(min(loss, 50))
    if kind == "dialogue":
        return {"answer_loss": loss, "answer_perplexity": perplexity}
    bytes_a_token = corpus.size_bytes / max(1, len(corpus.targets))
    return {"text_loss": loss, "perplexity": perplexity, "bits_per_byte": loss / math.log(2) / bytes_a_token}


def _unknown(corpus: TokenCorpus, kind: str, tokenizer: Any) -> list[Finding]:
    unknown = tokenizer.unk_token_id
    if unknown is None or unknown in (tokenizer.eos_token_id, tokenizer.bos_token_id) or not len(corpus.tokens):
        return []
    share = float((corpus.tokens == unknown).mean())
    if not share:
        return []
    level = "red" if share > 0.5 else "amber"
    advice = "The tokenizer has no tokens for this script: choose a model that was made for it, or train from scratch."
    return [Finding(level, f"{share:.1%} of the {kind} cannot be written", advice)] if share > MAX_UNKNOWN_SHARE else []


def _length(row: HeldOutRow | EvalPrompt) -> int:
    return len(row.ids) if isinstance(row, EvalPrompt) else sum(len(segment.ids) for segment in row.segments)
