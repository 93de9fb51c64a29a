"""The task of `pretrain`: hide words and pair sentences anew at every step, predict both."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import torch
from torch.nn import functional

from plugins.bert_finetune import checks
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.batching import pad
from plugins.bert_finetune.models.fast_dropout import drop_quickly
from plugins.bert_finetune.models.pooling import masked_mean, row_means
from plugins.bert_finetune.models.wordpiece import train_wordpiece
from plugins.bert_finetune.pretrain import network, representation_metrics
from plugins.bert_finetune.pretrain.chunked_cross_entropy import word_losses
from plugins.bert_finetune.pretrain.cooccurrence_init import SPREAD, begin_with_cooccurrence
from plugins.bert_finetune.pretrain.data import check_documents, encode, read_documents
from plugins.bert_finetune.pretrain.masking import Masker
from plugins.bert_finetune.pretrain.mean_embedding_loss import MeanOfWords
from plugins.bert_finetune.pretrain.probe_data import Probe, read_probes
from plugins.bert_finetune.pretrain.windows import LEAST, Window, Windows, draw_pair
from training.data.text_documents import hold_out
from training.errors import UserError
from training.fit.batches import step_seed
from training.nn.load_pretrained import load_tokenizer
from training.preflight.sheet import Finding, Sheet
from training.task import Score, Task
from training.wording import counted

if TYPE_CHECKING:
    from plugins.bert_finetune.pretrain.settings import PretrainSettings

NO_PAIR = -100
SPECIAL = 3  # [CLS] A [SEP] B [SEP]


class Outcome(NamedTuple):
    """What one held-out row gives."""

    words: float  # summed cross entropy of the masked words
    masked: int
    right: int
    follows: float  # cross entropy of the pair
    follows_right: float
    vector: np.ndarray  # mean of the token vectors, (width,)


def build(settings: PretrainSettings) -> PretrainTask:
    """Read and tokenize the corpus, make or load tokenizer and network.

    Raises:
        UserError: What the preflight sheet would show in red.
    """
    documents, notices = read_documents(settings, settings.data)
    Sheet(tuple(notices + check_documents(documents, settings))).raise_if_blocked()
    train, held = hold_out(documents, 0 if settings.eval_data else settings.eval_share, settings.seed)
    held = read_documents(settings, settings.eval_data)[0] if settings.eval_data else held
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    tokenizer = _tokenizer(train, settings)
    model = network.make(settings, tokenizer)
    loading.choose_attention(model, settings)
    drop_quickly(model)
    task = PretrainTask(train, held, settings, tokenizer, model)
    if settings.mean_of_words:  # not among the parameters that the task tells: it is not saved
        model.mean_of_words = MeanOfWords(model.config.hidden_size, task.embeddings.shape[1])
    return task


def _tokenizer(documents: list[list[str]], settings: PretrainSettings) -> Any:
    if not settings.model:
        texts = [" ".join(document) for document in documents]
        return train_wordpiece(texts, settings.vocabulary_size, settings.max_length)
    tokenizer = load_tokenizer(Path(settings.model))
    if tokenizer.mask_token_id is None:
        raise UserError(f"{Path(settings.model).name} has no mask token: it was not made to guess hidden words.")
    return tokenizer


class PretrainTask(Task):
    """Rows are windows of the corpus; a batch pairs and masks them with the step's own random numbers."""

    metric, maximize = "loss", False
    train_data: Windows
    eval_data: Sequence

    def __init__(self, train: list, held: list, settings: PretrainSettings, tokenizer: Any, model: torch.nn.Module):
        self.settings, self.tokenizer, self.model = settings, tokenizer, model
        self.max_length = min(settings.max_length, loading.positions(model))
        self.masker = Masker(tokenizer, settings.mask_share, settings.mask_unit)
        self.tells_words = bool(settings.bag_of_words or settings.mean_of_words)  # by the first token, of its row
        size = self.max_length - SPECIAL
        self.train_data = Windows(encode(train, tokenizer), size, settings.seed)
        if not len(self.train_data):
            raise UserError(
                f"No document is long enough to make a row of: that takes {LEAST} tokens. Give longer ones, or join them."
            )
        self.held = Windows(encode(held, tokenizer), size, settings.seed)
        order = np.random.default_rng([settings.seed, 4]).permutation(len(self.held))[: settings.eval_rows]
        self.probes = read_probes(settings, tokenizer, self.max_length)
        self.windows = [self.held[int(row)] for row in np.sort(order)]
        self.eval_data = [*self.windows, *self.probes]
        self.facts = {
            "documents": len(train),
            "evaluation_documents": len(held),
            "tokens": len(self.train_data.corpus.tokens),
            "vocabulary": len(tokenizer),
            "max_length": self.max_length,
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "objectives": _objectives(settings),
        }

    def initialise_weights(self, device: torch.device) -> None:
        """Count the word embeddings, if asked for, and measure the means of what there is then."""
        model = cast(Any, self.model)
        if self.settings.cooccurrence_start:
            scale = 1.0 if self.settings.model else SPREAD
            begin_with_cooccurrence(model, self.train_data.corpus, self.tokenizer.all_special_ids, scale)
        if self.settings.mean_of_words:
            model.mean_of_words.measure(self.embeddings, self.train_data, self.tokenizer.all_special_ids)

    @property
    def embeddings(self) -> torch.Tensor:
        """Of the words, (vocabulary, size)."""
        return cast(Any, self.model).get_input_embeddings().weight

    def row_lengths(self, data: Sequence) -> Sequence[int]:
        return data.lengths if isinstance(data, Windows) else [_length(row) for row in data]  # type: ignore[return-value]

    def collate(self, rows: list, rng: np.random.Generator, training: bool) -> dict[str, torch.Tensor]:
        """input_ids, token_type_ids, (rows, time); positions and targets, (masked,); owners: whose row; follows, (rows,).

        With `bag_of_words` or `mean_of_words` also bag: the different tokens of each row, before masking, and bag_owners: whose they are.
        """
        shown, types, positions, targets, owners, follows, bags = [], [], [], [], [], [], []
        for row in rows:
            ids, kinds, label = self._example(row, rng)
            at = self.masker.choose(ids, rng) if isinstance(row, Window) else np.zeros(0, dtype=np.int64)
            shown.append(self.masker.corrupt(ids, at, rng))
            types.append(kinds)
            positions.append(at)
            targets.append(ids[at])
            owners.append(np.full(len(at), len(owners)))
            follows.append(label)
            if self.tells_words:
                bags.append(np.setdiff1d(ids, self.tokenizer.all_special_ids))
        batch = pad(shown, types, self.tokenizer.pad_token_id)
        time = batch["input_ids"].shape[1]
        flat = np.concatenate([at + number * time for number, at in enumerate(positions)])
        made = {"positions": flat, "targets": np.concatenate(targets), "owners": np.concatenate(owners), "follows": np.asarray(follows)}  # fmt: skip
        if self.tells_words:
            made["bag"] = np.concatenate(bags)
            made["bag_owners"] = np.repeat(np.arange(len(bags)), [len(bag) for bag in bags])
        return batch | {name: torch.as_tensor(value.astype(np.int64)) for name, value in made.items()}

    def _example(self, row: Window | Probe, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None, int]:
        """Token ids with special ones, segment numbers, and whether the second segment follows."""
        start, end = self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
        has_pairs = self.settings.next_objective != "none"
        if isinstance(row, Probe) or not has_pairs:
            inner = row.ids if isinstance(row, Probe) else row.corpus.tokens[row.start : row.end]
            ids = np.concatenate([[start], inner, [end]])
            return ids, np.zeros(len(ids), dtype=np.int64) if has_pairs else None, NO_PAIR
        first, second, label = draw_pair(row, self.settings.next_objective, rng)
        ids = np.concatenate([[start], first, [end], second, [end]])
        return ids, (np.arange(len(ids)) > len(first) + 1).astype(np.int64), label

    def losses(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Mean cross entropy of a row's masked words plus that of its pair, (rows,) (Devlin et al., 2019, Appendix A.2);
        with `bag_of_words` also of its different words by its first token's vector (Ma et al., 2024, arXiv:2401.11248);
        with `mean_of_words` the squared error of their mean embedding by that vector."""
        out = network.forward(model, batch, losses=True, bag=self.settings.bag_of_words > 0)
        follows, _ = self._of_pairs(out, batch)
        losses = row_means(out.words, batch["owners"], len(follows)) + follows
        if out.bag is not None:
            said = out.bag.float().log_softmax(-1)[batch["bag_owners"], batch["bag"]]  # (all different tokens,)
            losses = losses - self.settings.bag_of_words * row_means(said, batch["bag_owners"], len(follows))
        if self.settings.mean_of_words:
            found = cast(Any, self.model).mean_of_words(out.first, self.embeddings, batch["bag"], batch["bag_owners"])
            losses = losses + self.settings.mean_of_words * found
        return losses

    def _of_pairs(self, out: network.Output, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Cross entropy of each row's second objective, and whether it is right, (rows,) each."""
        if out.follows is None:
            zeros = torch.zeros(len(batch["follows"]), device=out.words.device)
            return zeros, zeros
        logits = out.follows.float()
        follows = functional.cross_entropy(logits, batch["follows"], reduction="none", ignore_index=NO_PAIR)
        return follows, (logits.argmax(-1) == batch["follows"]).float()

    def predict(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> list[Outcome]:
        out = network.forward(model, batch)
        words = word_losses(out.words, batch["targets"]).cpu().numpy()
        follows, follows_right = (each.cpu().numpy() for each in self._of_pairs(out, batch))
        right = (out.words.argmax(-1) == batch["targets"]).cpu().numpy() if len(words) else np.zeros(0)
        owners, rows = batch["owners"].cpu().numpy(), len(batch["follows"])
        vectors = masked_mean(out.hidden.float(), batch.get("attention_mask")).cpu().numpy()
        summed, correct = (np.bincount(owners, weights=each, minlength=rows) for each in (words, right))
        masked = np.bincount(owners, minlength=rows)
        return [
            Outcome(*values) for values in zip(summed, masked, correct, follows, follows_right, vectors, strict=True)
        ]

    def score(self, outputs: list[Outcome]) -> Score:
        """Loss, masked accuracy, perplexity, accuracy of pairs, effective rank and probe of the sentence vectors."""
        rows, probes = outputs[: len(self.windows)], outputs[len(self.windows) :]
        metrics: dict[str, float] = {}
        if rows:
            masked = max(1, sum(row.masked for row in rows))
            words = sum(row.words for row in rows) / masked
            metrics = {"loss": words, "masked_accuracy": sum(row.right for row in rows) / masked, "perplexity": float(np.exp(min(words, 50)))}  # fmt: skip
            if self.settings.next_objective != "none":
                metrics["loss"] += float(np.mean([row.follows for row in rows]))
                metrics["next_accuracy"] = float(np.mean([row.follows_right for row in rows]))
            metrics["effective_rank"] = representation_metrics.effective_rank(np.stack([row.vector for row in rows]))
        if probes:
            vectors = np.stack([row.vector for row in probes])
            metrics["probe_accuracy"] = representation_metrics.probe_accuracy(
                vectors, [probe.label for probe in self.probes]
            )
        metrics = {"loss": 0.0} | {name: float(value) for name, value in metrics.items()}
        return Score(metrics, warnings=representation_metrics.alarms(metrics, len(rows)) if rows else ())

    def param_groups(self, weight_decay: float) -> list[dict]:
        """As ever, and the word embeddings apart: at a rate of their own, and drawn to zero by nothing."""
        groups, words = super().param_groups(weight_decay), self.embeddings
        if self.settings.embedding_rate == 1:
            return groups
        for group in groups:
            group["params"] = [weight for weight in group["params"] if weight is not words]
        return [*groups, {"params": [words], "weight_decay": 0.0, "rate": self.settings.embedding_rate}]

    def preview(self, model: torch.nn.Module, device: torch.device) -> list[dict]:
        """A held-out window with its hidden words, and what the model puts there."""
        if not self.windows:
            return []
        batch = self.evaluation_batch([self.windows[0]])
        out = network.forward(model, {name: value.to(device) for name, value in batch.items()})
        names = self.tokenizer.convert_ids_to_tokens(batch["input_ids"][0].tolist())
        truths = self.tokenizer.convert_ids_to_tokens(batch["targets"].tolist())
        guesses = self.tokenizer.convert_ids_to_tokens(out.words.argmax(-1).tolist())
        for at, truth, guess in zip(batch["positions"].tolist(), truths, guesses, strict=True):
            names[at] = f"[{guess}]" if guess == truth else f"[{guess} for {truth}]"
        return [{"text": self.tokenizer.convert_tokens_to_string(names[1:-1])}]

    def save(self, model: Any, folder: Path) -> None:
        """A folder for `AutoModelForMaskedLM`, and with pairs for `AutoModelForNextSentencePrediction`."""
        network.save(model, self.tokenizer, folder, self.settings.half_precision)

    def findings(self) -> list[Finding]:
        config: Any = self.model.config
        count = self.facts["parameters"]
        layers, heads = counted(config.num_hidden_layers, "layer"), counted(config.num_attention_heads, "head")
        size = f"{count / 1e6:,.1f} M" if count >= 1e5 else f"{count:,}"
        passes = self.settings.steps * self.settings.batch_size / len(self.train_data)
        known = checks.unknown_tokens([self.train_data.corpus.tokens], self.tokenizer)
        title = f"{self.facts['tokens']:,} tokens in {counted(len(self.train_data), 'row')}, read {passes:,.1f} times"
        return [
            Finding("green", f"{layers}, {heads}, width {config.hidden_size}: {size} parameters"),
            Finding("green", title),
            *checks.beyond_positions(self.settings.max_length, self.max_length),
            *known,
        ]


def _objectives(settings: PretrainSettings) -> list[str]:
    pairs = [] if settings.next_objective == "none" else [settings.next_objective]
    return ["mlm", *pairs, *(name for name in ("bag_of_words", "mean_of_words") if getattr(settings, name))]


def _length(row: Window | Probe) -> int:
    return len(row.ids) if isinstance(row, Probe) else row.end - row.start
