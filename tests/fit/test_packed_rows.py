"""A batch in one line of tokens gives the losses and the gradients of the padded one, whatever the lengths."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    DistilBertConfig,
    DistilBertForTokenClassification,
)

from plugins.bert_finetune.answer.task import AnswerTask
from plugins.bert_finetune.classify.cls_only_layer import use_cls_only_layer
from plugins.bert_finetune.classify.settings import ClassifySettings
from plugins.bert_finetune.models.batching import enable_packing, pack, pad
from plugins.bert_finetune.models.lora import add_lora
from training.settings import parse_settings

SIZES = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32}
LENGTHS = [[3, 9, 4, 9, 1], [6, 6, 6], [1], [12, 2]]


def rows_of(lengths: list[int]) -> tuple[list[np.ndarray], list[np.ndarray | None]]:
    rng = np.random.default_rng(len(lengths))
    ids = [rng.integers(5, 50, length).astype(np.int32) for length in lengths]
    return ids, [(np.arange(len(row)) > len(row) // 2).astype(np.int32) for row in ids]


def gradients(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: each.grad for name, each in model.named_parameters() if each.grad is not None}


@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("kind", [BertForTokenClassification, BertForSequenceClassification, BertForQuestionAnswering])
def test_losses_and_gradients_are_those_of_the_padded_batch(kind: Any, lengths: list[int]) -> None:
    torch.manual_seed(0)
    padded = kind(BertConfig(**SIZES, num_labels=2)).eval()
    packed = copy.deepcopy(padded)
    if kind is BertForSequenceClassification:
        use_cls_only_layer(packed)
    assert enable_packing(packed)
    ids, types = rows_of(lengths)
    line, rows = pack(ids, types), pad(ids, types, 0)
    found = [model(**batch) for model, batch in ((padded, rows), (packed, line))]
    if kind is BertForQuestionAnswering:
        found = [torch.stack((out.start_logits, out.end_logits), -1) for out in found]
    else:
        found = [out.logits for out in found]
    if kind is not BertForSequenceClassification:
        inside = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
        found = [found[0][inside], found[1][0]]
    torch.testing.assert_close(found[1], found[0])
    for each in found:
        each.sin().sum().backward()
    wanted, got = gradients(padded), gradients(packed)
    assert wanted.keys() == got.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(got[name], gradient, msg=name, atol=2e-5, rtol=1e-4)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12))
@settings(max_examples=25)
def test_a_row_never_sees_its_neighbours(lengths: list[int]) -> None:
    torch.manual_seed(0)
    model = BertModel(BertConfig(**SIZES)).eval()
    assert enable_packing(model)
    ids, _ = rows_of(lengths)
    with torch.no_grad():
        together = model(**pack(ids, [None] * len(ids))).last_hidden_state[0]
        alone = [model(torch.as_tensor(row.astype(np.int64))[None]).last_hidden_state[0] for row in ids]
    torch.testing.assert_close(together, torch.cat(alone))


def test_in_bf16_a_row_never_sees_its_neighbours_either() -> None:
    """There attention is plain matrix products; the vectors agree as far as eight bits of them can."""
    torch.manual_seed(0)
    model = BertModel(BertConfig(**SIZES)).eval()
    assert enable_packing(model)
    ids, _ = rows_of([3, 9, 4, 9, 1])
    with torch.no_grad():
        exact = model(**pack(ids, [None] * len(ids))).last_hidden_state
        found = model.to(torch.bfloat16)(**pack(ids, [None] * len(ids))).last_hidden_state
    torch.testing.assert_close(found.float(), exact, atol=0.1, rtol=0.05)


def test_a_network_that_accepts_packed_rows_still_reads_padded_ones() -> None:
    torch.manual_seed(0)
    model = BertForTokenClassification(BertConfig(**SIZES)).eval()
    batch = pad(*rows_of([3, 9]), 0)
    before = model(**batch).logits
    assert enable_packing(model)
    torch.testing.assert_close(model(**batch).logits, before)
    assert not torch.allclose(model(batch["input_ids"]).logits[0, 0], before[0, 0])  # the mask matters


def test_only_an_encoder_of_berts_kind_is_packed() -> None:
    other = DistilBertForTokenClassification(
        DistilBertConfig(vocab_size=50, dim=16, n_layers=1, n_heads=4, hidden_dim=32)
    )
    assert not enable_packing(other)
    assert not enable_packing(BertModel(BertConfig(**SIZES, is_decoder=True)))


def test_a_classifier_with_adapters_is_packed_too() -> None:
    torch.manual_seed(0)
    whole = BertForSequenceClassification(BertConfig(**SIZES, num_labels=3)).eval()
    use_cls_only_layer(whole)
    adapted = add_lora(whole, parse_settings(ClassifySettings, {"lora_rank": 2})).eval()
    assert enable_packing(adapted)
    ids, types = rows_of([3, 9, 4])
    torch.testing.assert_close(adapted(**pack(ids, types)).logits, adapted(**pad(ids, types, 0)).logits)


def test_padding_is_out_of_the_question() -> None:
    """The logits of `answer` have one shape, packed or padded, and nothing can be pointed at beyond a row's end."""
    torch.manual_seed(0)
    model = BertForQuestionAnswering(BertConfig(**SIZES)).eval()
    ids, types = rows_of([3, 9, 4])
    rows = [
        SimpleNamespace(window=SimpleNamespace(ids=one, types=kinds), target=(0, 1))
        for one, kinds in zip(ids, types, strict=True)
    ]
    task = AnswerTask.__new__(AnswerTask)
    task.model, task.tokenizer = model, SimpleNamespace(pad_token_id=0)
    found = []
    for task.padded in (True, not enable_packing(model)):
        batch = task.collate(rows, np.random.default_rng(0), training=True)  # type: ignore[arg-type]
        found.append(task._logits(model, batch))
    assert found[1].shape == (3, 9, 2)
    torch.testing.assert_close(found[1], found[0])
    assert (found[1][0, 3:] < -9999).all() and (found[1][2, 4:] < -9999).all()


def test_what_is_saved_loads_as_any_other(tmp_path: Path) -> None:
    model = BertForSequenceClassification(BertConfig(**SIZES))
    assert enable_packing(model)
    model.save_pretrained(tmp_path)
    assert "packed" not in (tmp_path / "config.json").read_text()
    assert AutoModelForSequenceClassification.from_pretrained(tmp_path).config._attn_implementation == "sdpa"
