"""Pre-training: masked language modelling and sentence pairs, both sampled at each step (Devlin et al., 2019, §3.1)."""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import torch
from torch.nn import functional

from plugins.bert_finetune import checks
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.batching import pad
from plugins.bert_finetune.models.fast_dropout import use_fast_dropout
from plugins.bert_finetune.models.pooling import masked_mean, row_means
from plugins.bert_finetune.pretrain import network, representation_metrics
from plugins.bert_finetune.pretrain.chunked_cross_entropy import chunked_cross_entropy
from plugins.bert_finetune.pretrain.cooccurrence_init import SCRATCH_SCALE, init_from_cooccurrence
from plugins.bert_finetune.pretrain.corpus import tokenize_corpus
from plugins.bert_finetune.pretrain.data import PretrainData
from plugins.bert_finetune.pretrain.masking import Masker
from plugins.bert_finetune.pretrain.mean_embedding_loss import MeanEmbeddingHead
from plugins.bert_finetune.pretrain.probe_data import ProbeText
from plugins.bert_finetune.pretrain.vocabulary import sample_finding, train_vocabulary
from plugins.bert_finetune.pretrain.windows import MIN_WINDOW_TOKENS, CorpusWindow, CorpusWindows, sample_segment_pair
from training.data.array_files import count_ids, in_pieces
from training.data.documents import Document, Documents
from training.data.streams.stream import TextStream
from training.data.streams.texts import StreamedTexts
from training.errors import UserError
from training.figures import Baseline, Figure, share
from training.fit.batches import step_seed
from training.nn.load_pretrained import load_tokenizer, max_positions
from training.preflight.sheet import Finding
from training.task import Score, Task
from training.wording import counted

if TYPE_CHECKING:
    from plugins.bert_finetune.pretrain.settings import PretrainSettings

FOUND = "How many of the words hidden in held-out text the model puts back exactly."
PERPLEXITY = "Between how many words the model hesitates for a hidden one, on average: 1 would be certainty."
PROBE = "Accuracy of logistic regression on the frozen sentence vectors: what few labels can get out of them."
NO_PAIR = -100  # ignored target of a row without a sentence pair
SPECIAL_TOKENS = 3  # [CLS] A [SEP] B [SEP]


class ProbeRow(NamedTuple):
    """A text of the linear probe; it is not masked."""

    ids: np.ndarray
    label: str


class RowPrediction(NamedTuple):
    """Results of one held-out row."""

    word_loss: float  # summed cross entropy of the masked words
    masked: int
    correct: int
    next_loss: float  # cross entropy of the sentence pair
    next_correct: float
    vector: np.ndarray  # mean of the token vectors, (width,)
    unigram_loss: float = 0.0  # as word_loss and correct, of a guess by the tokens' frequencies alone
    unigram_correct: int = 0


def build(data: PretrainData, settings: PretrainSettings) -> PretrainTask:
    """Make or load tokenizer and network, and tokenize the corpus.

    Raises:
        UserError: If `settings.model` cannot be read, or no document is long enough.
    """
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    tokenizer = _tokenizer(data.train, settings)
    model = network.make_network(settings, tokenizer)
    loading.choose_attention(model, settings)
    use_fast_dropout(model)
    task = PretrainTask(data, settings, tokenizer, model)
    if settings.mean_embedding_loss_weight:  # after the task has counted its parameters: this head is not saved
        model.mean_embedding_head = MeanEmbeddingHead(model.config.hidden_size, task.embeddings.shape[1])
    return task


def _tokenizer(documents: Documents, settings: PretrainSettings) -> Any:
    if not settings.model:
        return train_vocabulary(documents, settings.vocabulary_size, settings.max_length)
    tokenizer = load_tokenizer(Path(settings.model))
    if tokenizer.mask_token_id is None:
        raise UserError(f"{Path(settings.model).name} has no mask token: it is not a masked language model.")
    return tokenizer


class PretrainTask(Task):
    """Rows are windows of the corpus; `collate` samples segment pairs and masks."""

    metric, maximize = "loss", False
    train_data: CorpusWindows | TextStream
    eval_data: Sequence
    known: CorpusWindows  # the rows to train on; of a stream, those of its sample

    def __init__(self, data: PretrainData, settings: PretrainSettings, tokenizer: Any, model: torch.nn.Module):
        self.settings, self.tokenizer, self.model = settings, tokenizer, model
        self.max_length = min(settings.max_length, max_positions(model))
        self.masker = Masker(tokenizer, settings.mask_ratio, settings.masking)
        self.needs_bags = bool(settings.bag_of_words_loss_weight or settings.mean_embedding_loss_weight)
        size = self.max_length - SPECIAL_TOKENS
        self.known = CorpusWindows(tokenize_corpus(data.train, tokenizer), size, settings.seed)
        self.train_data = self.known if data.stream is None else self._stream(data.stream, size)
        if not len(self.known):
            raise UserError(
                f"No document has the {MIN_WINDOW_TOKENS} tokens of a training row. Give longer "
                "documents, or join them."
            )
        held = CorpusWindows(tokenize_corpus(data.evaluation, tokenizer), size, settings.seed)
        order = np.random.default_rng([settings.seed, 4]).permutation(len(held))[: settings.eval_rows]
        self.windows = [held[int(row)] for row in np.sort(order)]
        self.characters = data.train.characters
        self.probes = _tokenize_probe(data.probe, tokenizer, self.max_length)
        self.eval_data = [*self.windows, *self.probes]
        self.measures_start = bool(settings.model)
        amount = {"documents": len(data.train), "tokens": len(self.known.corpus.tokens)}
        self.facts = {
            **(amount if data.stream is None else data.stream.facts()),
            "eval_documents": len(data.evaluation),
            "vocabulary": len(tokenizer),
            "max_length": self.max_length,
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "objectives": _objectives(settings),
        }

    def _stream(self, texts: StreamedTexts, size: int) -> TextStream:
        tokenizer = copy.deepcopy(self.tokenizer)  # of the thread that reads

        def windows(documents: list[Document], seed: int) -> CorpusWindows:
            return CorpusWindows(tokenize_corpus(documents, tokenizer), size, seed)

        return TextStream(texts, windows, self.settings.seed)

    def initialise_weights(self, device: torch.device) -> None:
        """Initialise word embeddings from co-occurrence and measure their means, if the settings ask for it."""
        model = cast(Any, self.model)
        if self.settings.cooccurrence_init:
            scale = 1.0 if self.settings.model else SCRATCH_SCALE
            init_from_cooccurrence(model, self.known.corpus, self.tokenizer.all_special_ids, scale)
        if self.settings.mean_embedding_loss_weight:
            model.mean_embedding_head.measure(self.embeddings, self.known, self.tokenizer.all_special_ids)

    @property
    def embeddings(self) -> torch.Tensor:
        """Word embeddings, (vocabulary, size)."""
        return cast(Any, self.model).get_input_embeddings().weight

    def row_lengths(self, data: Sequence) -> Sequence[int]:
        return data.lengths if isinstance(data, CorpusWindows) else [_length(row) for row in data]  # type: ignore[return-value]

    def collate(self, rows: list, rng: np.random.Generator, training: bool) -> dict[str, torch.Tensor]:
        """Sample pairs and masks.

        Returns:
            input_ids, token_type_ids: (rows, time).
            positions, targets, owners: flattened position, token id and row of each masked token, (masked,).
            next_labels: (rows,).
            bag, bag_owners: for the losses on [CLS], distinct tokens before masking and their rows, (distinct tokens,).
        """
        inputs, types, positions, targets, owners, next_labels, bags = [], [], [], [], [], [], []
        for row in rows:
            ids, segments, label = self._example(row, rng)
            masked = self.masker.choose(ids, rng) if isinstance(row, CorpusWindow) else np.zeros(0, dtype=np.int64)
            inputs.append(self.masker.corrupt(ids, masked, rng))
            types.append(segments)
            positions.append(masked)
            targets.append(ids[masked])
            owners.append(np.full(len(masked), len(owners)))
            next_labels.append(label)
            if self.needs_bags:
                bags.append(np.setdiff1d(ids, self.tokenizer.all_special_ids))
        batch = pad(inputs, types, self.tokenizer.pad_token_id)
        time = batch["input_ids"].shape[1]
        arrays = {
            "positions": np.concatenate([masked + number * time for number, masked in enumerate(positions)]),
            "targets": np.concatenate(targets),
            "owners": np.concatenate(owners),
            "next_labels": np.asarray(next_labels),
        }
        if self.needs_bags:
            arrays["bag"] = np.concatenate(bags)
            arrays["bag_owners"] = np.repeat(np.arange(len(bags)), [len(bag) for bag in bags])
        return batch | {name: torch.as_tensor(value.astype(np.int64)) for name, value in arrays.items()}

    def _example(
        self, row: CorpusWindow | ProbeRow, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray | None, int]:
        """Token ids with special tokens, segment ids, and the next sentence label."""
        start, end = self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
        has_pairs = self.settings.sentence_objective != "none"
        if isinstance(row, ProbeRow) or not has_pairs:
            inner = row.ids if isinstance(row, ProbeRow) else row.corpus.tokens[row.start : row.end]
            ids = np.concatenate([[start], inner, [end]])
            return ids, np.zeros(len(ids), dtype=np.int64) if has_pairs else None, NO_PAIR
        first, second, label = sample_segment_pair(row, self.settings.sentence_objective, rng)
        ids = np.concatenate([[start], first, [end], second, [end]])
        return ids, (np.arange(len(ids)) > len(first) + 1).astype(np.int64), label

    def losses(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Sum of the objectives of each row, (rows,).

        Mean cross entropy of the masked words plus that of the sentence pair (Devlin et al., 2019, Appendix A.2);
        weighted, the bag-of-words loss on [CLS] (Ma et al., 2024, arXiv:2401.11248) and the mean-embedding loss.
        """
        out = network.forward(model, batch, losses=True, bag=self.settings.bag_of_words_loss_weight > 0)
        next_losses, _ = self._next_losses(out, batch)
        rows = len(next_losses)
        losses = row_means(out.words, batch["owners"], rows) + next_losses
        if out.bag is not None:
            log_probabilities = out.bag.float().log_softmax(-1)[batch["bag_owners"], batch["bag"]]  # (distinct tokens,)
            bag_losses = -row_means(log_probabilities, batch["bag_owners"], rows)
            losses = losses + self.settings.bag_of_words_loss_weight * bag_losses
        if self.settings.mean_embedding_loss_weight:
            head = cast(Any, self.model).mean_embedding_head
            mean_losses = head(out.cls, self.embeddings, batch["bag"], batch["bag_owners"])
            losses = losses + self.settings.mean_embedding_loss_weight * mean_losses
        return losses

    def _next_losses(
        self, out: network.PretrainOutput, batch: dict[str, torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Cross entropy of the sentence objective, and whether it is predicted correctly, (rows,) each."""
        if out.next_logits is None:
            zeros = torch.zeros(len(batch["next_labels"]), device=out.words.device)
            return zeros, zeros
        logits, labels = out.next_logits.float(), batch["next_labels"]
        losses = functional.cross_entropy(logits, labels, reduction="none", ignore_index=NO_PAIR)
        return losses, (logits.argmax(-1) == labels).float()

    def predict(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> list[RowPrediction]:
        out = network.forward(model, batch)
        word_losses = chunked_cross_entropy(out.words, batch["targets"]).cpu().numpy()
        next_losses, next_correct = (values.cpu().numpy() for values in self._next_losses(out, batch))
        correct = (out.words.argmax(-1) == batch["targets"]).cpu().numpy() if len(word_losses) else np.zeros(0)
        owners, rows = batch["owners"].cpu().numpy(), len(next_losses)
        vectors = masked_mean(out.hidden.float(), batch.get("attention_mask")).cpu().numpy()
        targets = batch["targets"].cpu().numpy()
        usual = self._unigram_losses[targets], targets == self._unigram_losses.argmin()
        sums = [np.bincount(owners, weights=values, minlength=rows) for values in (word_losses, correct, *usual)]
        masked = np.bincount(owners, minlength=rows)
        columns = zip(sums[0], masked, sums[1], next_losses, next_correct, vectors, *sums[2:], strict=True)
        return [RowPrediction(*values) for values in columns]

    def score(self, outputs: list[RowPrediction]) -> Score:
        """Loss, masked accuracy, perplexity, next sentence accuracy; effective rank and probe of the vectors."""
        rows, probes = outputs[: len(self.windows)], outputs[len(self.windows) :]
        metrics: dict[str, float] = {}
        if rows:
            masked = max(1, sum(row.masked for row in rows))
            loss = sum(row.word_loss for row in rows) / masked
            accuracy = sum(row.correct for row in rows) / masked
            metrics = {"loss": loss, "masked_accuracy": accuracy, "perplexity": float(np.exp(min(loss, 50)))}
            if self.settings.sentence_objective != "none":
                metrics["loss"] += float(np.mean([row.next_loss for row in rows]))
                metrics["next_accuracy"] = float(np.mean([row.next_correct for row in rows]))
            metrics["effective_rank"] = representation_metrics.effective_rank(np.stack([row.vector for row in rows]))
        if probes:
            vectors = np.stack([row.vector for row in probes])
            metrics["probe_accuracy"] = representation_metrics.probe_accuracy(
                vectors, [probe.label for probe in self.probes]
            )
        metrics = {"loss": 0.0} | {name: float(value) for name, value in metrics.items()}
        warnings = representation_metrics.collapse_warnings(metrics, len(rows)) if rows else ()
        return Score(metrics, warnings=warnings, figures=self._figures(metrics, rows))

    @cached_property
    def _unigram_losses(self) -> np.ndarray:
        """Negative log frequency of each token in the training corpus, with one added, (vocabulary,)."""
        counts = count_ids(self.known.corpus.tokens, self.embeddings.shape[0]) + 1.0
        return np.log(counts.sum()) - np.log(counts)

    def _figures(self, metrics: dict[str, float], rows: list[RowPrediction]) -> tuple[Figure, ...]:
        figures: list[Figure] = []
        if rows:
            masked = max(1, sum(row.masked for row in rows))
            guessed = Baseline("always the most frequent token", sum(row.unigram_correct for row in rows) / masked)
            unigram = Baseline("token frequencies alone", math.exp(sum(row.unigram_loss for row in rows) / masked))
            figures = [
                share("masked_accuracy", "Hidden words found", metrics["masked_accuracy"], FOUND, masked, [guessed]),
                Figure("perplexity", "Perplexity", metrics["perplexity"], PERPLEXITY, (unigram,), False),
                representation_metrics.rank_figure(metrics["effective_rank"], len(rows[0].vector), len(rows)),
            ]
        if self.probes:
            labels = Counter(probe.label for probe in self.probes)
            usual = Baseline("always the most frequent label", max(labels.values()) / len(self.probes))
            value, count = metrics["probe_accuracy"], len(self.probes)
            figures.append(share("probe_accuracy", "Linear probe", value, PROBE, count, [usual]))
        return tuple(figures)

    def param_groups(self, weight_decay: float) -> list[dict]:
        """Default groups, plus the word embeddings with their own learning rate and no weight decay."""
        groups, embeddings = super().param_groups(weight_decay), self.embeddings
        if self.settings.embedding_lr_multiplier == 1:
            return groups
        for group in groups:
            group["params"] = [weight for weight in group["params"] if weight is not embeddings]
        return [
            *groups,
            {"params": [embeddings], "weight_decay": 0.0, "lr_scale": self.settings.embedding_lr_multiplier},
        ]

    def preview(self, model: torch.nn.Module, device: torch.device) -> list[dict]:
        """A held-out window with its masked words and predictions."""
        if not self.windows:
            return []
        batch = self.evaluation_batch([self.windows[0]])
        out = network.forward(model, {name: value.to(device) for name, value in batch.items()})
        names = self.tokenizer.convert_ids_to_tokens(batch["input_ids"][0].tolist())
        truths = self.tokenizer.convert_ids_to_tokens(batch["targets"].tolist())
        guesses = self.tokenizer.convert_ids_to_tokens(out.words.argmax(-1).tolist())
        for position, truth, guess in zip(batch["positions"].tolist(), truths, guesses, strict=True):
            names[position] = f"[{guess}]" if guess == truth else f"[{guess} for {truth}]"
        return [{"text": self.tokenizer.convert_tokens_to_string(names[1:-1])}]

    def save(self, model: Any, folder: Path) -> None:
        """Write a folder for `AutoModelForMaskedLM` and, with pairs, `AutoModelForNextSentencePrediction`."""
        network.save(model, self.tokenizer, folder, self.settings.half_precision)

    def findings(self) -> list[Finding]:
        config: Any = self.model.config
        count = self.facts["parameters"]
        layers, heads = counted(config.num_hidden_layers, "layer"), counted(config.num_attention_heads, "head")
        size = f"{count / 1e6:,.1f} M" if count >= 1e5 else f"{count:,}"
        unknown = checks.unknown_token_findings(in_pieces(self.known.corpus.tokens), self.tokenizer)
        return [
            Finding("green", f"{layers}, {heads}, width {config.hidden_size}: {size} parameters"),
            Finding("green", self._amount()),
            *checks.position_findings(self.settings.max_length, self.max_length),
            *unknown,
            *([] if self.settings.model else sample_finding(self.characters)),
        ]

    def _amount(self) -> str:
        """How much is read of what, for the sheet."""
        rows = self.settings.steps * self.settings.batch_size
        if isinstance(self.train_data, TextStream):
            return f"{counted(rows, 'row')} of up to {self.max_length} tokens are read of the stream"
        tokens, count = len(self.known.corpus.tokens), len(self.known)
        return f"{tokens:,} tokens in {counted(count, 'row')}, read {rows / count:,.1f} times"


def _tokenize_probe(texts: list[ProbeText], tokenizer: Any, max_length: int) -> list[ProbeRow]:
    if not texts:
        return []
    limit = max_length - 2  # [CLS] and [SEP]
    rows = [row.text for row in texts]
    ids = tokenizer(rows, add_special_tokens=False, truncation=True, max_length=limit)["input_ids"]
    return [ProbeRow(np.asarray(own, dtype=np.int32), row.label) for own, row in zip(ids, texts, strict=True)]


def _objectives(settings: PretrainSettings) -> list[str]:
    pairs = [] if settings.sentence_objective == "none" else [settings.sentence_objective]
    weights = {"bag_of_words": settings.bag_of_words_loss_weight, "mean_embedding": settings.mean_embedding_loss_weight}
    return ["mlm", *pairs, *(name for name, weight in weights.items() if weight)]


def _length(row: CorpusWindow | ProbeRow) -> int:
    return len(row.ids) if isinstance(row, ProbeRow) else row.end - row.start
