"""The last layer of a tagger at first pieces alone gives the logits and the gradients of the whole one."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForTokenClassification, RobertaConfig, RobertaForTokenClassification

from plugins.bert_finetune.models.batching import enable_packing, make_batch
from plugins.bert_finetune.tag.first_subword_layer import FirstSubwordLayer, use_first_subword_layer
from tests.gradients import assert_alike

SIZES = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32}


@pytest.mark.parametrize("packed", [False, True])
def test_logits_and_gradients_are_those_of_the_whole_layer(packed: bool):
    torch.manual_seed(0)
    whole = BertForTokenClassification(BertConfig(**SIZES, num_labels=3)).eval()
    pieces = copy.deepcopy(whole)
    assert use_first_subword_layer(pieces)
    assert isinstance(copy.deepcopy(pieces).bert.encoder.layer[-1], FirstSubwordLayer)
    random = np.random.default_rng(0)
    ids = [random.integers(5, 50, length) for length in (9, 4, 7, 2)]
    batch, starts = make_batch(ids, [None] * 4, 0, packed)
    positions = torch.as_tensor(
        np.concatenate([[start + 1, start + len(row) - 1] for start, row in zip(starts, ids, strict=True)])
    )
    if packed:
        assert enable_packing(whole) and enable_packing(pieces)
    wanted, found = whole(**batch).logits.flatten(0, 1)[positions], pieces(**batch, positions=positions).logits[0]
    assert_alike(whole, wanted, pieces, found)


def test_whoever_asks_for_no_positions_gets_every_token():
    whole = BertForTokenClassification(BertConfig(**SIZES, num_labels=3, attn_implementation="eager")).eval()
    pieces, ids = copy.deepcopy(whole), torch.randint(5, 50, (2, 9))
    use_first_subword_layer(pieces)
    found = pieces(ids, output_attentions=True)
    torch.testing.assert_close(found.logits, whole(ids).logits)
    assert [tuple(each.shape) for each in found.attentions] == [(2, 4, 9, 9)] * 2


def test_other_architectures_stay_as_they_are():
    config = RobertaConfig(**SIZES, pad_token_id=1, max_position_embeddings=20)
    model = RobertaForTokenClassification(config)
    before = [type(module) for module in model.modules()]
    assert not use_first_subword_layer(model)
    assert [type(module) for module in model.modules()] == before
