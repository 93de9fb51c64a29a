"""Mean pooling for a BERT classifier, as one more layer of BERT: stock `transformers` computes it, padding left out.

`BertForSequenceClassification` reads the first token only, but sentence encoders were trained with the mean of all
token vectors (Reimers & Gurevych, 2019). The layer added here has queries and keys of zero, so that attention is
uniform, and values of the identity, so that its result is the mean of the tokens that are no padding. That is
multiplied by `SCALE` before the residual connection, which thus counts as a thousandth, and the layer norm centres and
scales the sum. Its feed-forward part adds nothing, and the pooler is a multiple of the identity, small enough for its
tanh to be linear. So an artifact needs no code of ours: `AutoModelForSequenceClassification` and `pipeline` give the
same logits. An encoder that was trained with the first token's own vector gets that pooler alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from transformers.models.bert.modeling_bert import BertForSequenceClassification, BertLayer

from plugins.bert_finetune.sentence_files import CLS, MEAN, sentence_pooling

FIRST = "first token"
CONFIG = "classifier_pooling"  # entry of the configuration, as ModernBERT names it
SCALE = 1000.0  # of the mean, relative to the token's own vector, which the residual connection adds
POOLER_SCALE = (
    0.02  # tanh(0.02 x) differs from 0.02 x by 0.3 % where x is 5, which few elements of a normed vector reach
)


class MeanPoolingLayer(BertLayer):
    """A `BertLayer` with the weights of `add_mean_pooling`: computes the mean directly, without a matrix product."""

    def forward(  # type: ignore[override] - an encoder has no cache and no other sequence
        self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, *_: Any, **kwargs: Any
    ) -> torch.Tensor:
        """(batch, time, hidden) -> (batch, 1, hidden); of a packed batch (1, tokens, hidden) -> (rows, 1, hidden)."""
        if (layout := kwargs.get("layout")) is not None:
            mean, first = _packed_means(hidden_states[0].float(), layout)
        else:
            mean, first = _padded_means(hidden_states.float(), attention_mask), hidden_states[:, 0].float()
        normed = functional.layer_norm(SCALE * mean + first, mean.shape[-1:])
        return normed[:, None].to(hidden_states.dtype)


def pooling_of(folder: Path) -> str:
    """The vector that an encoder was trained with, as sentence-transformers or we recorded it: `MEAN`, `CLS` or empty.

    Raises:
        UserError: If what was recorded cannot be read.
    """
    found = sentence_pooling(folder)
    return found.mode if found else _json(folder / "config.json").get(CONFIG, "")


def mode_of(model: Any) -> str:
    """How a classifier of BERT's architecture pools where we made it do so: `MEAN` or `CLS`; else empty."""
    return getattr(model.config, CONFIG, "") if can_pool(model) else ""


def can_pool(model: Any) -> bool:
    """Whether the layer can be added to this network: a BERT that reads both ways."""
    return isinstance(model, BertForSequenceClassification) and not model.config.is_decoder


def add_mean_pooling(model: BertForSequenceClassification) -> None:
    """Append the layer, and make the pooler linear; the configuration then counts one layer more."""
    encoder, like = model.bert.encoder, next(model.parameters())
    layer = BertLayer(model.config, layer_idx=len(encoder.layer))
    identity = torch.eye(model.config.hidden_size)
    with torch.no_grad():
        for module in layer.modules():
            if isinstance(module, torch.nn.Linear):
                module.weight.zero_()
                module.bias.zero_()
        layer.attention.self.value.weight.copy_(identity)
        layer.attention.output.dense.weight.copy_(SCALE * identity)
    _make_pooler_linear(model)
    encoder.layer.append(layer.to(like.device, like.dtype).train(model.training))
    model.config.num_hidden_layers += 1
    setattr(model.config, CONFIG, MEAN)


def add_first_pooling(model: BertForSequenceClassification) -> None:
    """Let the head read the first token's own vector, as a sentence encoder of `CLS` was trained: a linear pooler."""
    _make_pooler_linear(model)
    setattr(model.config, CONFIG, CLS)


def _make_pooler_linear(model: BertForSequenceClassification) -> None:
    pooler: Any = model.bert.pooler
    with torch.no_grad():
        pooler.dense.weight.copy_(POOLER_SCALE * torch.eye(model.config.hidden_size))
        pooler.dense.bias.zero_()
    pooler.requires_grad_(False)


def fixed_modules(model: Any) -> str:
    """A regular expression of the modules that only pool, and so are not adapted; empty for none."""
    if not (mode := mode_of(model)):
        return ""
    last = rf"encoder\.layer\.{len(model.bert.encoder.layer) - 1}|" if mode == MEAN else ""
    return rf"bert\.({last}pooler)\..*"


def use_mean_pooling(model: Any) -> bool:
    """Compute the layer directly and keep its weights and the pooler's from training; False without such a layer.

    Swaps the class of the layer (`__class__`); weights, names and copies stay as they are.
    """
    if mode_of(model) != MEAN:
        return False
    layer = model.bert.encoder.layer[-1]
    layer.__class__ = MeanPoolingLayer
    for weight in (*layer.parameters(), *model.bert.pooler.parameters()):
        weight.requires_grad_(False)
    return True


def _packed_means(hidden: torch.Tensor, layout: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """(tokens, hidden) -> mean and first vector of each row, (rows, hidden), in the order of the rows."""
    firsts = torch.cat([block[:, 0] for block in layout["blocks"]])
    parts = []
    for block, mask in zip(layout["blocks"], layout["masks"], strict=True):
        vectors = hidden[block]  # (segments, longest, hidden)
        parts.append(vectors.mean(1) if mask is None else _weighted(vectors, mask))
    order = firsts.argsort()
    return torch.cat(parts)[order], hidden[firsts[order]]


def _padded_means(hidden: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """As attention sees padding: `mask` is (batch, 1, time or 1, time), of booleans or of numbers to add."""
    if mask is None:
        return hidden.mean(1)
    keys = mask[:, 0, 0]
    return _weighted(hidden, keys if keys.dtype == torch.bool else keys == 0)


def _weighted(vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    weights = mask[:, :, None].to(vectors.dtype)
    return (vectors * weights).sum(1) / weights.sum(1).clamp(min=1)


def _json(path: Path) -> dict[str, Any]:
    values = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return values if isinstance(values, dict) else {}
