"""Networks of transformers out of a folder: positions, dropouts, heads of other labels, and what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    RobertaConfig,
    RobertaModel,
)

from training.errors import UserError
from training.nn.load_pretrained import (
    UNLIMITED,
    check_vocabulary,
    load_config,
    load_network,
    load_tokenizer,
    max_positions,
)

SIZES: dict[str, Any] = {
    "vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8, "max_position_embeddings": 34,
}  # fmt: skip


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    BertForSequenceClassification(BertConfig(**SIZES, num_labels=2)).save_pretrained(tmp_path / "bert")
    return tmp_path / "bert"


def test_roberta_has_fewer_positions_than_its_table() -> None:
    assert max_positions(RobertaModel(RobertaConfig(**SIZES, pad_token_id=1))) == 32
    assert max_positions(BertForSequenceClassification(BertConfig(**SIZES))) == 34
    assert (
        max_positions(GPT2LMHeadModel(GPT2Config(vocab_size=20, n_positions=16, n_embd=8, n_layer=1, n_head=2))) == 16
    )
    relative: Any = SimpleNamespace(config=SimpleNamespace(), named_modules=list)
    assert max_positions(relative) == UNLIMITED


def test_dropouts_are_set_by_the_names_that_the_architecture_has(classifier: Path) -> None:
    config = load_network(classifier, AutoModelForSequenceClassification, "a text classifier", (0.25, 0.5)).config
    assert (config.hidden_dropout_prob, config.attention_probs_dropout_prob) == (0.25, 0.5)


def test_a_head_of_other_labels_is_replaced_and_the_encoder_stays(classifier: Path) -> None:
    before = load_network(classifier, AutoModelForSequenceClassification, "a text classifier")
    after = load_network(classifier, AutoModelForSequenceClassification, "a text classifier", num_labels=5)
    assert after.classifier.out_features == 5 and after.dtype == torch.float32
    torch.testing.assert_close(after.get_input_embeddings().weight, before.get_input_embeddings().weight)


def test_entries_that_the_architecture_lacks_are_not_added(classifier: Path) -> None:
    config = load_config(classifier, hidden_dropout_prob=0.3, resid_pdrop=0.3)
    assert config.hidden_dropout_prob == 0.3 and not hasattr(config, "resid_pdrop")


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"{tmp_path.name} has no configuration"):
        load_config(tmp_path)
    with pytest.raises(UserError, match=f"{tmp_path.name} cannot be loaded as a text classifier"):
        load_network(tmp_path, AutoModelForSequenceClassification, "a text classifier")
    with pytest.raises(UserError, match=f"{tmp_path.name} has no tokenizer"):
        load_tokenizer(tmp_path)


def test_weights_without_safetensors_are_refused(classifier: Path) -> None:
    weights = torch.nn.Linear(1, 1).state_dict()
    torch.save(weights, classifier / "pytorch_model.bin")
    (classifier / "model.safetensors").unlink()
    with pytest.raises(UserError, match="cannot be loaded as a text classifier"):
        load_network(classifier, AutoModelForSequenceClassification, "a text classifier")


def test_a_vocabulary_larger_than_the_embeddings_is_refused(classifier: Path) -> None:
    model = load_network(classifier, AutoModelForSequenceClassification, "a text classifier")
    check_vocabulary(range(20), model)
    with pytest.raises(UserError, match="21 entries and the weights 20"):
        check_vocabulary(range(21), model)
