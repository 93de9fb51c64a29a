"""The objective that keeps in the first token what the word embeddings know."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from plugins.bert_finetune.pretrain import network
from plugins.bert_finetune.pretrain.mean_embedding_loss import MeanEmbeddingHead
from tests.bert_finetune.test_pretrain import corpus, settings  # noqa: F401 - the fixture
from tests.bert_models import build
from training.fit.loop import fit


def test_the_error_is_that_of_the_means_in_units_of_what_is_usual(corpus: Path):  # noqa: F811
    task = build("pretrain", settings(corpus, mean_embedding_loss_weight=1.0, heads=4, hidden_size=64))
    task.initialise_weights(torch.device("cpu"))
    found = task.model.mean_embedding_head
    assert isinstance(found, MeanEmbeddingHead)
    batch = task.collate([task.train_data[row] for row in range(8)], np.random.default_rng(0), training=True)
    with torch.no_grad():
        found.linear.weight.zero_(), found.linear.bias.zero_()
        errors = found(torch.zeros(8, 64), task.embeddings, batch["bag"], batch["bag_owners"])
        means = torch.stack([task.embeddings[batch["bag"][batch["bag_owners"] == row]].mean(0) for row in range(8)])
        assert torch.allclose(errors, ((means - found.mean) / found.std).square().mean(1), atol=1e-4)
    rows = [task.train_data[row] for row in range(len(task.train_data))]
    batch = task.collate(rows, np.random.default_rng(0), training=True)
    whole = found(torch.zeros(len(rows), 64), task.embeddings, batch["bag"], batch["bag_owners"])
    assert 0.5 < whole.mean() < 1.5  # where nothing is told, about 1


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["nsp", "none"])
def test_the_first_token_comes_to_tell_the_mean(corpus: Path, tmp_path: Path, objective: str):  # noqa: F811
    chosen = settings(
        corpus, mean_embedding_loss_weight=2.0, sentence_objective=objective, steps=150, batch_size=32, learning_rate=3e-3, cooccurrence_init=True, embedding_lr_multiplier=0
    )  # fmt: skip
    task = build("pretrain", chosen)
    batch = task.collate([task.train_data[row] for row in range(100)], np.random.default_rng(0), training=True)

    def error() -> float:
        with torch.no_grad():
            first = network.forward(task.model, batch).cls
            return float(
                task.model.mean_embedding_head(first, task.embeddings, batch["bag"], batch["bag_owners"]).mean()
            )  # type: ignore[operator]

    task.initialise_weights(torch.device("cpu"))  # the run does so again, from the same counts
    before = error()
    fit(task, chosen, tmp_path)
    assert error() < 0.6 * before
    assert not [name for name in load_file(tmp_path / "artifact/model.safetensors") if "mean_embedding_head" in name]


def test_the_embeddings_are_asked_for_nothing(corpus: Path):  # noqa: F811
    """Else they would all become one vector, which is easy to tell."""
    task = build("pretrain", settings(corpus, mean_embedding_loss_weight=1.0))
    batch = task.collate([task.train_data[0]], np.random.default_rng(0), training=True)
    first = torch.from_numpy(np.ones((1, 48), np.float32)).requires_grad_()
    task.model.mean_embedding_head(first, task.embeddings, batch["bag"], batch["bag_owners"]).sum().backward()  # type: ignore[operator]
    assert first.grad is not None and task.embeddings.grad is None


def test_a_row_without_words_is_asked_for_nothing():
    found = MeanEmbeddingHead(4, 3)
    errors = found(torch.ones(2, 4), torch.ones(5, 3), torch.tensor([1, 2]), torch.tensor([1, 1]))
    assert errors[0] == 0 and errors[1] > 0


def test_the_parameters_told_are_those_that_are_saved(corpus: Path):  # noqa: F811
    told = [
        build("pretrain", settings(corpus, mean_embedding_loss_weight=weight)).facts["parameters"]
        for weight in (0.0, 1.0)
    ]
    assert told[0] == told[1]
