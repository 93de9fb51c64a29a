"""SimCSE (Gao et al., 2021, arXiv:2104.08821): sentence vectors from plain text, without any label.

Each sentence is encoded twice. Dropout makes two vectors of it, which are to be nearer to each other than to those of
the other sentences of the batch. The vector is the mean of the token vectors, as `embed` computes it. Differs from the
paper, which reads [CLS] with one more layer for the training.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional
from transformers import AutoModel, BertModel

from plugins.bert_finetune import checks
from plugins.bert_finetune.encode.data import EncodeData
from plugins.bert_finetune.encode.sentences import CorpusSentences
from plugins.bert_finetune.label.head import unit
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.batching import enable_packing, make_batch
from plugins.bert_finetune.models.fast_dropout import use_fast_dropout
from plugins.bert_finetune.models.pooling import masked_mean, row_means
from plugins.bert_finetune.pretrain.corpus import tokenize_corpus
from plugins.bert_finetune.pretrain.representation_metrics import effective_rank, rank_figure
from plugins.bert_finetune.pretrain.vocabulary import train_vocabulary
from training.data.array_files import in_pieces
from training.errors import UserError
from training.figures import Baseline, Figure
from training.fit.batches import step_seed
from training.nn.load_pretrained import check_vocabulary, load_network, load_tokenizer, max_positions
from training.preflight.sheet import Finding
from training.task import Score, Task
from training.wording import counted

if TYPE_CHECKING:
    from plugins.bert_finetune.encode.settings import EncodeSettings

HELD_SENTENCES = 512  # that uniformity and rank are measured on, where there are no pairs
SPEARMAN = (
    "How well the order of the pairs by the cosine of their vectors agrees with their order by the scores: 1 is the "
    "same order, 0 is chance."
)
UNIFORMITY = (
    "How evenly vectors of held-out sentences spread over all directions (Wang & Isola, 2020): lower is more even."
)


def build(data: EncodeData, settings: EncodeSettings) -> EncodeTask:
    """Make or load tokenizer and network, and tokenize the sentences.

    Raises:
        UserError: If `settings.model` cannot be read, or no sentence is long enough.
    """
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    if settings.model:
        tokenizer = load_tokenizer(Path(settings.model))
        dropouts = settings.dropout, settings.attention_dropout
        model = load_network(Path(settings.model), AutoModel, "an encoder", dropouts, dtype=settings.weights_dtype)
        check_vocabulary(tokenizer, model)
    else:
        tokenizer = train_vocabulary(data.train, settings.vocabulary_size, settings.max_length)
        model = BertModel(loading.new_config(settings, tokenizer))
    if tokenizer.cls_token_id is None or tokenizer.pad_token_id is None or model.config.is_encoder_decoder:
        raise UserError(f"{Path(settings.model).name} is not an encoder of single texts: choose another, such as BERT.")
    loading.choose_attention(model, settings)
    use_fast_dropout(model)
    if pooler := getattr(model, "pooler", None):  # not read by the mean
        pooler.requires_grad_(False)
    return EncodeTask(data, settings, tokenizer, model)


def simcse_losses(first: torch.Tensor, second: torch.Tensor, keys: torch.Tensor, temperature: float) -> torch.Tensor:
    """Cross entropy of finding each sentence's second vector among those of the batch (Gao et al., 2021, eq. 1).

    Args:
        first, second: Two vectors of each sentence, (sentences, width), of any length.
        keys: Equal for equal sentences, (sentences,): a repetition is not pushed away.

    Returns:
        One loss per sentence, (sentences,).
    """
    cosines = functional.normalize(first.float(), dim=-1) @ functional.normalize(second.float(), dim=-1).T
    itself = torch.eye(len(keys), dtype=torch.bool, device=keys.device)
    is_again = (keys[:, None] == keys[None]) & ~itself
    logits = (cosines / temperature).masked_fill(is_again, float("-inf"))  # (sentences, sentences)
    return functional.cross_entropy(logits, torch.arange(len(keys), device=keys.device), reduction="none")


class EncodeTask(Task):
    """Rows are sentences; evaluated are pairs of texts, or held-out sentences."""

    whole_batch = True
    train_data: CorpusSentences
    eval_data: Sequence[np.ndarray]

    def __init__(self, data: EncodeData, settings: EncodeSettings, tokenizer: Any, model: torch.nn.Module):
        self.settings, self.tokenizer, self.model, self.pairs = settings, tokenizer, model, data.pairs
        self.max_length = min(settings.max_length, max_positions(model))
        self.padded = not enable_packing(model)
        size = self.max_length - 2  # [CLS] and [SEP]
        self.train_data = CorpusSentences(tokenize_corpus(data.train, tokenizer), size)
        if len(self.train_data) < 2:
            raise UserError("Fewer than two sentences have three tokens or more: give longer texts.")
        if data.pairs:
            self.metric, self.maximize = "spearman", True
            self.eval_data = self._tokenize([*data.pairs.first, *data.pairs.second], size)
        else:
            self.metric, self.keep_last_weights = "uniformity", True  # which tells of no quality
            held = CorpusSentences(tokenize_corpus(data.held_out, tokenizer), size)
            self.eval_data = [held[row] for row in range(min(len(held), HELD_SENTENCES))]
        self.measures_start = bool(settings.model)
        self.facts = {
            "sentences": len(self.train_data),
            "eval_pairs": len(data.pairs.first) if data.pairs else 0,
            "max_length": self.max_length,
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "objectives": ["simcse"],
        }

    def _tokenize(self, texts: list[str], size: int) -> list[np.ndarray]:
        ids = self.tokenizer(texts, add_special_tokens=False, truncation=True, max_length=size, verbose=False)[
            "input_ids"
        ]
        return [np.asarray(own, dtype=np.int64) for own in ids]

    def row_lengths(self, data: Sequence) -> Sequence[int]:
        return data.lengths if isinstance(data, CorpusSentences) else [len(row) for row in data]  # type: ignore[return-value]

    def collate(self, rows: list[np.ndarray], rng: np.random.Generator, training: bool) -> dict[str, Any]:
        """A batch; of training each sentence twice, the second time behind all others."""
        start, end = self.tokenizer.cls_token_id, self.tokenizer.sep_token_id
        ids = [np.concatenate([[start], row, [end]]) for row in (rows * 2 if training else rows)]
        batch, _ = make_batch(ids, [None] * len(ids), self.tokenizer.pad_token_id, not self.padded)
        numbers = {key: number for number, key in enumerate(dict.fromkeys(row.tobytes() for row in rows))}
        batch["keys"] = torch.as_tensor([numbers[row.tobytes()] for row in rows])
        if not self.padded:
            batch["owners"] = torch.as_tensor(np.repeat(np.arange(len(ids)), [len(row) for row in ids]))
        return batch

    def losses(self, model: torch.nn.Module, batch: dict[str, Any]) -> torch.Tensor:
        """The loss of each sentence, (sentences,)."""
        first, second = self._vectors(model, batch).chunk(2)
        return simcse_losses(first, second, batch["keys"], self.settings.temperature)

    def _vectors(self, model: torch.nn.Module, batch: dict[str, Any]) -> torch.Tensor:
        """Mean of the token vectors of each row, (rows, width)."""
        inputs = {name: value for name, value in batch.items() if name not in ("keys", "owners")}
        hidden = model(**inputs).last_hidden_state.float()
        if "owners" not in batch:
            return masked_mean(hidden, batch.get("attention_mask"))
        return row_means(hidden[0], batch["owners"], int(batch["owners"][-1]) + 1)

    def predict(self, model: torch.nn.Module, batch: dict[str, Any]) -> list[np.ndarray]:
        return list(self._vectors(model, batch).cpu().numpy())

    def score(self, outputs: list[np.ndarray]) -> Score:
        """Rank correlation of the pairs' cosines; without pairs, how the vectors of held-out sentences spread."""
        if not outputs:
            return Score({})
        vectors = np.stack(outputs)
        rank, directions = effective_rank(vectors), unit(vectors)
        metrics = {"uniformity": _uniformity(directions), "effective_rank": rank}
        figures = [rank_figure(rank, vectors.shape[1], len(vectors))]
        if self.pairs:
            first, second = np.split(directions, 2)
            metrics = {"spearman": self.pairs.correlation((first * second).sum(1)), **metrics}
            words = Baseline("words in common (TF-IDF)", self._shared_words)
            figures.insert(0, Figure("spearman", "Rank correlation", metrics["spearman"], SPEARMAN, (words,)))
        else:
            figures.insert(0, Figure("uniformity", "Uniformity", metrics["uniformity"], UNIFORMITY, (), False))
        return Score(metrics, figures=tuple(figures))

    @cached_property
    def _shared_words(self) -> float:
        return self.pairs.shared_words() if self.pairs else 0.0

    def save(self, model: Any, folder: Path) -> None:
        """Write a folder for `AutoModel` and for `SentenceTransformer`, which reads the pooling from it."""
        loading.save_pretrained(model, self.tokenizer, folder, self.settings.half_precision)
        write_pooling(folder, model.config.hidden_size, self.max_length)

    def findings(self) -> list[Finding]:
        config: Any = self.model.config
        count = len(self.train_data)
        times = self.settings.steps * self.settings.batch_size / count
        cut = int((self.train_data.lengths == self.train_data.size).sum())
        about = f"{counted(config.num_hidden_layers, 'layer')}, width {config.hidden_size}"
        findings = [
            Finding("green", f"{about}: {self.facts['parameters'] / 1e6:,.1f} M parameters"),
            Finding("green", f"{counted(count, 'sentence')}, read {times:,.1f} times"),
            *checks.position_findings(self.settings.max_length, self.max_length),
            *checks.unknown_token_findings(in_pieces(self.train_data.tokens), self.tokenizer),
        ]
        if cut > count / 10:
            title = f"{cut / count:.0%} of the sentences have {self.max_length} tokens or more"
            findings.append(Finding("amber", title, "Their beginning counts: raise max_length to read more."))
        return findings


def _uniformity(directions: np.ndarray) -> float:
    """log of the mean of exp(-2 d²) over all pairs, d their distance (Wang & Isola, 2020, eq. 6)."""
    above = np.triu_indices(len(directions), 1)
    squares = (2 - 2 * directions @ directions.T)[above]
    return float(np.log(np.exp(-2 * squares).mean())) if len(squares) else 0.0


def write_pooling(folder: Path, width: int, max_length: int) -> None:
    """Write what sentence-transformers reads beside the network: that a text's vector is the mean of its tokens'."""
    module = "sentence_transformers.models"
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    files = {
        "modules.json": [
            {"idx": number, "name": str(number), "path": path, "type": f"{module}.{name}"}
            for number, (path, name) in enumerate(modules)
        ],
        "sentence_bert_config.json": {"max_seq_length": max_length, "do_lower_case": False},
        "1_Pooling/config.json": {
            "word_embedding_dimension": width,
            "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": True,
        },
    }
    for name, values in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
