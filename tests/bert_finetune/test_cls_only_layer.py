"""The last layer at its first token alone gives the logits and the gradients of the whole one."""

from __future__ import annotations

import copy

import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
)

from plugins.bert_finetune.classify.cls_only_layer import ClsOnlyLayer, cls_only_copy, use_cls_only_layer
from tests.gradients import assert_alike

SIZES = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 32}


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("masked", [False, True])
def test_logits_and_gradients_are_those_of_the_whole_layer(attention: str, masked: bool):
    torch.manual_seed(0)
    whole = BertForSequenceClassification(BertConfig(**SIZES, num_labels=3, attn_implementation=attention)).eval()
    first = copy.deepcopy(whole)
    use_cls_only_layer(first)
    assert isinstance(copy.deepcopy(first).bert.encoder.layer[-1], ClsOnlyLayer)
    ids = torch.randint(5, 50, (4, 9))
    mask = torch.tensor([[1] * 9, [1] * 5 + [0] * 4, [1] * 2 + [0] * 7, [1] * 9]) if masked else None
    assert_alike(whole, whole(ids, attention_mask=mask).logits, first, first(ids, attention_mask=mask).logits)


def test_other_architectures_stay_as_they_are():
    config = DistilBertConfig(vocab_size=50, dim=16, n_layers=1, n_heads=4, hidden_dim=32)
    model = DistilBertForSequenceClassification(config)
    before = [type(module) for module in model.modules()]
    use_cls_only_layer(model)
    assert [type(module) for module in model.modules()] == before


def test_a_twin_shares_the_weights_and_leaves_the_whole_network_whole():
    model = BertForSequenceClassification(BertConfig(**SIZES, num_labels=3, attn_implementation="eager")).eval()
    twin, ids = cls_only_copy(model), torch.randint(5, 50, (2, 9))
    assert all(one is other for one, other in zip(model.parameters(), twin.parameters(), strict=True))
    torch.testing.assert_close(twin(ids).logits, model(ids).logits)
    found = model(ids, output_attentions=True, output_hidden_states=True)
    assert [tuple(each.shape) for each in found.attentions] == [(2, 4, 9, 9)] * 2 and found.hidden_states[-1].shape[
        1
    ] == 9
