"""Task of `pretrain`: next-token prediction on packed rows of text, dialogues and few-shot prompts."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from plugins.gpt_prompting.models import loading
from plugins.gpt_prompting.models.plain_chat_template import TRANSCRIPT
from plugins.gpt_prompting.models.word_vectors import WordVectors
from plugins.gpt_prompting.pretrain import network, report
from plugins.gpt_prompting.pretrain.corpus import (
    UNLABELLED,
    CorpusRows,
    Segment,
    TokenCorpus,
    encode,
    encode_dialogues,
    encode_documents,
    encode_texts,
)
from plugins.gpt_prompting.pretrain.data import PretrainData
from plugins.gpt_prompting.pretrain.dialogues import Dialogue, render_dialogue
from plugins.gpt_prompting.pretrain.eval_prompts import EvalPrompt, make_eval_prompts
from plugins.gpt_prompting.pretrain.few_shot_metrics import FewShotResult, few_shot_metrics
from plugins.gpt_prompting.pretrain.few_shot_sampler import (
    MAX_TEXT_SHARE,
    FewShotFormatter,
    FewShotOptions,
    FewShotSampler,
)
from plugins.gpt_prompting.pretrain.label_directions import with_label_directions
from plugins.gpt_prompting.pretrain.mixture import MixtureDataset, PlaceholderRows
from plugins.gpt_prompting.pretrain.packing import pack
from plugins.gpt_prompting.pretrain.preview import PROMPT_TOKENS, continue_text
from plugins.gpt_prompting.pretrain.vocabulary import sample_finding, train_vocabulary
from training.data.array_files import in_pieces
from training.data.documents import Document
from training.data.streams.stream import TextStream
from training.data.streams.texts import StreamedTexts
from training.errors import UserError
from training.figures import Figure
from training.fit.batches import step_seed
from training.nn.load_pretrained import max_positions
from training.preflight.sheet import Finding
from training.task import Score, Task

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from plugins.gpt_prompting.pretrain.settings import PretrainSettings

PREVIEW_TEXTS = 2
MAX_UNKNOWN_SHARE = 0.01  # share of the tokens


class HeldOutRow(NamedTuple):
    """A held-out row of text or of dialogues.

    Args:
        kind: text or dialogue.
    """

    kind: str
    segments: list[Segment]


class RowLoss(NamedTuple):
    """The loss of a held-out row."""

    kind: str
    loss: float  # summed cross entropy, in nats
    labelled: int


def build(data: PretrainData, settings: PretrainSettings) -> PretrainTask:
    """Train or load the tokenizer, create or load the network, and encode the data.

    Raises:
        UserError: For a model that does not fit.
    """
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    if settings.model:
        tokenizer = loading.load_tokenizer(Path(settings.model))
        tokenizer.chat_template = tokenizer.chat_template or TRANSCRIPT
    else:
        tokenizer = train_vocabulary(data, settings.shape().vocabulary, settings.max_length)
    return PretrainTask(data, settings, tokenizer, network.make_model(settings, tokenizer))


class PretrainTask(Task):
    """Rows are windows of text, windows of dialogues, and few-shot prompts that are sampled when their batch is
    collated."""

    metric, maximize, padded = "loss", False, False

    def __init__(self, data: PretrainData, settings: PretrainSettings, tokenizer: PreTrainedTokenizerBase, model: Any):
        self.settings, self.tokenizer, self.model = settings, tokenizer, model
        self.size = min(settings.max_length, max_positions(model))
        text, self.held_text = (encode_texts(side, tokenizer) for side in (data.texts, data.held_texts))
        dialogues, self.held_dialogues = (self._encode(side) for side in (data.dialogues, data.held_dialogues))
        self.sampler, eval_prompts = self._few_shot(data)
        self.shares = _shares(data, settings)
        mixture = MixtureDataset(
            [
                (CorpusRows(text, self.size, settings.separate_documents), self.shares["text"]),
                (CorpusRows(dialogues, self.size, settings.separate_documents), self.shares["dialogue"]),
                (PlaceholderRows() if self.sampler else (), self.shares["task"]),
            ]
        )
        self.train_data = mixture if data.stream is None else self._stream(data.stream)
        if not len(mixture):
            raise UserError("There is nothing to train on: the texts are too short, or every share is 0.")
        held_text, held_dialogues = self._held(self.held_text, "text"), self._held(self.held_dialogues, "dialogue")
        self.eval_data: Sequence = [*held_text, *held_dialogues, *eval_prompts]
        self.corpora = {"text": text, "dialogue": dialogues}
        self.measures_start = bool(settings.model)
        self.facts = self._facts(data, text, dialogues)
        self._counted = data if settings.word_vectors else None
        keeps = settings.model and not settings.word_vectors
        self._kept_vectors = WordVectors.load(Path(settings.model)) if keeps else None
        self.sampled = [] if settings.model else sample_finding(data)

    def _stream(self, texts: StreamedTexts) -> TextStream:
        tokenizer = copy.deepcopy(self.tokenizer)  # of the thread that reads
        size, separate = self.size, self.settings.separate_documents

        def rows(documents: list[Document], seed: int) -> CorpusRows:
            return CorpusRows(encode_documents(documents, tokenizer), size, separate)

        return TextStream(texts, rows, self.settings.seed)

    def _encode(self, dialogues: Sequence[Dialogue]) -> TokenCorpus:
        return encode_dialogues((render_dialogue(dialogue, self.tokenizer) for dialogue in dialogues), self.tokenizer)

    def _few_shot(self, data: PretrainData) -> tuple[FewShotSampler | None, list[EvalPrompt]]:
        if not (data.tasks or data.held_tasks):
            return None, []
        settings, formatter = self.settings, FewShotFormatter.of(self.tokenizer)
        options = FewShotOptions(**{field.name: getattr(settings, field.name) for field in fields(FewShotOptions)})
        train = formatter.tokens(data.tasks, int(MAX_TEXT_SHARE * self.size))
        # Held-out texts are short enough for eight demonstrations and a query to fit.
        held = formatter.tokens(data.held_tasks, max(4, self.size // 9 - 10))
        sampler = FewShotSampler(train, formatter, options, self.size) if train else None
        return sampler, make_eval_prompts(
            held, formatter, settings.max_classes, self.size, settings.eval_rows, settings.seed
        )

    def _held(self, corpus: TokenCorpus, kind: str) -> list[HeldOutRow]:
        rows = CorpusRows(corpus, self.size, self.settings.separate_documents)
        order = np.random.default_rng([self.settings.seed, 4]).permutation(len(rows))[: self.settings.eval_rows]
        return [HeldOutRow(kind, rows[int(row)]) for row in np.sort(order)]

    def _facts(self, data: PretrainData, text: TokenCorpus, dialogues: TokenCorpus) -> dict[str, Any]:
        facts = {
            **({"documents": len(data.texts)} if data.stream is None else data.stream.facts()),
            "dialogues": len(data.dialogues),
            "tasks": [task.name for task in data.tasks],
            "held_out_tasks": [task.name for task in data.held_tasks],
            "tokens": len(text.tokens) + len(dialogues.tokens) if data.stream is None else 0,
            "vocabulary": len(self.tokenizer),
            "max_length": self.size,
            "parameters": sum(weight.numel() for weight in self.model.parameters()),
        }
        return {name: value for name, value in facts.items() if value}

    def row_lengths(self, data: Sequence) -> Sequence[int] | None:
        return None if isinstance(data, MixtureDataset) else [_length(row) for row in data]

    def collate(self, rows: list, rng: np.random.Generator, training: bool) -> dict:
        """Pack the rows, see `packing.pack`; an evaluation batch also holds its rows."""
        return pack([self._segments(row, rng) for row in rows]) | {"rows": None if training else rows}

    def _segments(self, row: Any, rng: np.random.Generator) -> list[Segment]:
        if row is None:
            assert self.sampler is not None
            return self.sampler.row(rng)
        if isinstance(row, EvalPrompt):
            targets = np.full(len(row.ids), UNLABELLED, dtype=np.int32)
            targets[-1] = row.labels[row.true_label]
            return [Segment(row.ids, targets, np.ones(len(row.ids), dtype=np.float32))]
        return row.segments if isinstance(row, HeldOutRow) else row

    def losses(self, model: torch.nn.Module, batch: dict) -> torch.Tensor:
        """Compute the weighted cross entropy of every token that has a target, (labelled,)."""
        return network.forward(model, batch).losses

    def predict(self, model: torch.nn.Module, batch: dict) -> list:
        """Return a `FewShotResult` for each evaluation prompt and a `RowLoss` for every other row."""
        output, row_of_label = network.forward(model, batch), batch["row_of_label"].cpu().numpy()
        rows = batch["rows"] or [None] * (int(row_of_label.max(initial=-1)) + 1)
        losses = np.bincount(row_of_label, weights=output.losses.float().cpu().numpy(), minlength=len(rows))
        counts = np.bincount(row_of_label, minlength=len(rows))
        prompts = [number for number, row in enumerate(rows) if isinstance(row, EvalPrompt)]
        # A prompt has one target, so the first label of its row is its answer.
        answers = torch.as_tensor(np.searchsorted(row_of_label, prompts), device=output.losses.device)
        logits = iter(network.logits_of(model, output, answers).cpu().numpy() if prompts else ())
        return [
            FewShotResult.of(row, next(logits))
            if isinstance(row, EvalPrompt)
            else RowLoss(row.kind if isinstance(row, HeldOutRow) else "text", float(loss), int(count))
            for row, loss, count in zip(rows, losses, counts, strict=True)
        ]

    def score(self, outputs: list) -> Score:
        """Score text by perplexity and bits per byte, dialogues by the loss of answers, tasks by few-shot accuracy.

        `loss` is the mean of the three losses, weighted by their shares of the mixture.
        """
        metrics: dict[str, float] = {}
        losses: dict[str, float] = {}
        for kind, corpus in (("text", self.held_text), ("dialogue", self.held_dialogues)):
            rows = [row for row in outputs if isinstance(row, RowLoss) and row.kind == kind]
            labelled = sum(row.labelled for row in rows)
            if labelled:
                losses[kind] = sum(row.loss for row in rows) / labelled
                metrics |= _language_metrics(kind, losses[kind], corpus)
        results = [result for result in outputs if isinstance(result, FewShotResult)]
        if results:
            metrics |= few_shot_metrics(results)
            losses["task"] = metrics["label_loss"]
        shares = {kind: self.shares[kind] for kind in losses}
        total = sum(shares.values())
        loss = sum(losses[kind] * share / total for kind, share in shares.items()) if total else 0.0
        return Score({"loss": loss} | metrics, figures=self._figures(metrics, results))

    def _figures(self, metrics: dict[str, float], results: list[FewShotResult]) -> tuple[Figure, ...]:
        figures: list[Figure] = []
        for kind, corpus in (("text", self.held_text), ("dialogue", self.held_dialogues)):
            if kind in self._unigram_losses:
                unigram = _language_metrics(kind, self._unigram_losses[kind], corpus)
                figures += report.language_figures(metrics, unigram)
        return (*figures, *([report.few_shot_figure(results)] if results else []))

    @cached_property
    def _unigram_losses(self) -> dict[str, float]:
        """Kind -> mean loss on its held-out rows of a guess by the tokens' frequencies in training alone."""
        rows = [row for row in self.eval_data if isinstance(row, HeldOutRow)]
        return {
            kind: report.unigram_loss(
                corpus.targets, [segment.targets for row in rows if row.kind == kind for segment in row.segments]
            )
            for kind, corpus in self.corpora.items()
            if any(row.kind == kind for row in rows)
        }

    def preview(self, model: torch.nn.Module, device: torch.device) -> list[dict]:
        """Continue the settings' prompts, or the beginnings of held-out texts."""
        given = [line for line in self.settings.preview_prompts.splitlines() if line.strip()]
        if given:
            prompts = encode(given, self.tokenizer)
        else:
            rows = [row for row in self.eval_data if isinstance(row, HeldOutRow)]
            rows = rows[:: max(1, len(self.eval_data) // PREVIEW_TEXTS)][:PREVIEW_TEXTS]
            prompts = [row.segments[0].ids[:PROMPT_TOKENS].tolist() for row in rows]
        return [
            {"text": continue_text(model, self.tokenizer, ids, device, seed)} for seed, ids in enumerate(prompts) if ids
        ]

    def save(self, model: Any, folder: Path) -> None:
        """Save a folder for `AutoModelForCausalLM`, adapters merged."""
        network.save(model, self.tokenizer, folder, self.settings.half_precision)
        if self.word_vectors:
            self.word_vectors.save(folder)

    @cached_property
    def word_vectors(self) -> WordVectors | None:
        """Of the training texts, if that is asked for; else those of the weights that training started from."""
        if self._counted is None:
            return self._kept_vectors
        vectors = WordVectors.of_texts(self._counted.bare_texts())
        return vectors and with_label_directions(vectors, self._counted.tasks, self.settings.seed)

    def findings(self) -> list[Finding]:
        tokens = self.settings.steps * self.settings.batch_size * self.size
        title = f"{self.facts['parameters']:,} parameters; {tokens:,} tokens of training in rows of {self.size}"
        findings = [Finding("green", title), *self.sampled]
        for kind, corpus in self.corpora.items():
            count = len(corpus.tokens)
            if count and count < self.size:
                advice = f"A row has {self.size}: lower max_length, or give more."
                findings.append(Finding("amber", f"The {kind} has only {count:,} tokens", advice))
            findings += _check_unknown(corpus, kind, self.tokenizer)
        if not network.is_packed(self.model):
            advice = "Its attention cannot be packed: rows are padded, and the logits of every token are computed."
            findings.append(
                Finding("amber", f"{type(self.model).__name__} trains without packing, which is slower", advice)
            )
        if self.size < self.settings.max_length:
            advice = "It has no more position embeddings."
            title = f"The model's context is {self.size} tokens, not {self.settings.max_length}"
            findings.append(Finding("amber", title, advice))
        return findings


def _shares(data: PretrainData, settings: PretrainSettings) -> dict[str, float]:
    """Share of the tokens of each kind; 1 for the only kind there is."""
    present = {"text": bool(data.texts), "dialogue": bool(data.dialogues), "task": bool(data.tasks)}
    if sum(present.values()) == 1:
        return {kind: float(is_present) for kind, is_present in present.items()}
    dialogue, task = settings.dialogue_share, settings.task_share
    return {"text": 1 - (dialogue + task), "dialogue": dialogue, "task": task}


def _language_metrics(kind: str, loss: float, corpus: TokenCorpus) -> dict[str, float]:
    perplexity = math.exp(min(loss, 50))
    if kind == "dialogue":
        return {"answer_loss": loss, "answer_perplexity": perplexity}
    bytes_per_token = corpus.size_bytes / max(1, len(corpus.targets))
    return {"text_loss": loss, "perplexity": perplexity, "bits_per_byte": loss / math.log(2) / bytes_per_token}


def _check_unknown(corpus: TokenCorpus, kind: str, tokenizer: PreTrainedTokenizerBase) -> list[Finding]:
    unknown = tokenizer.unk_token_id
    if unknown is None or unknown in (tokenizer.eos_token_id, tokenizer.bos_token_id) or not len(corpus.tokens):
        return []
    share = sum(int((piece == unknown).sum()) for piece in in_pieces(corpus.tokens)) / len(corpus.tokens)
    if share <= MAX_UNKNOWN_SHARE:
        return []
    level = "red" if share > 0.5 else "amber"
    advice = "The tokenizer has no tokens for this script: choose a model that was made for it, or train from scratch."
    return [Finding(level, f"{share:.1%} of the tokens of the {kind} are unknown to the tokenizer", advice)]


def _length(row: HeldOutRow | EvalPrompt | list[Segment]) -> int:
    if isinstance(row, EvalPrompt):
        return len(row.ids)
    return sum(len(segment.ids) for segment in (row if isinstance(row, list) else row.segments))
