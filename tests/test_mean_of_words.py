"""The objective that keeps in the first token what the word embeddings know."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from plugins.bert_finetune.pretrain import network
from plugins.bert_finetune.pretrain.mean_embedding_loss import MeanOfWords
from plugins.bert_finetune.pretrain.task import build
from tests.test_pretrain import corpus, settings  # noqa: F401 - the fixture
from training.fit.loop import fit


def test_the_error_is_that_of_the_means_in_units_of_what_is_usual(corpus: Path):  # noqa: F811
    task = build(settings(corpus, mean_of_words=1.0, heads=4, hidden_size=64))
    task.begin()
    found = task.model.mean_of_words
    assert isinstance(found, MeanOfWords)
    batch = task.collate([task.train_data[row] for row in range(8)], np.random.default_rng(0), training=True)
    with torch.no_grad():
        found.read.weight.zero_(), found.read.bias.zero_()
        errors = found(torch.zeros(8, 64), task.embeddings, batch["bag"], batch["bag_owners"])
        means = torch.stack([task.embeddings[batch["bag"][batch["bag_owners"] == row]].mean(0) for row in range(8)])
        assert torch.allclose(errors, ((means - found.usual) / found.spread).square().mean(1), atol=1e-4)
    rows = [task.train_data[row] for row in range(len(task.train_data))]
    batch = task.collate(rows, np.random.default_rng(0), training=True)
    whole = found(torch.zeros(len(rows), 64), task.embeddings, batch["bag"], batch["bag_owners"])
    assert 0.5 < whole.mean() < 1.5  # where nothing is told, about 1


@pytest.mark.parametrize("objective", ["nsp", "none"])
def test_the_first_token_comes_to_tell_the_mean(corpus: Path, tmp_path: Path, objective: str):  # noqa: F811
    chosen = settings(
        corpus, mean_of_words=2.0, next_objective=objective, steps=150, batch_size=32, learning_rate=3e-3, cooccurrence_start=True, embedding_rate=0
    )  # fmt: skip
    task = build(chosen)
    batch = task.collate([task.train_data[row] for row in range(100)], np.random.default_rng(0), training=True)

    def error() -> float:
        with torch.no_grad():
            first = network.forward(task.model, batch).first
            return float(task.model.mean_of_words(first, task.embeddings, batch["bag"], batch["bag_owners"]).mean())  # type: ignore[operator]

    task.begin()  # the run does so again, from the same counts
    before = error()
    fit(task, chosen, tmp_path)
    assert error() < 0.6 * before
    assert not [name for name in load_file(tmp_path / "artifact/model.safetensors") if "mean_of_words" in name]


def test_the_embeddings_are_asked_for_nothing(corpus: Path):  # noqa: F811
    """Else they would all become one vector, which is easy to tell."""
    task = build(settings(corpus, mean_of_words=1.0))
    batch = task.collate([task.train_data[0]], np.random.default_rng(0), training=True)
    first = torch.from_numpy(np.ones((1, 48), np.float32)).requires_grad_()
    task.model.mean_of_words(first, task.embeddings, batch["bag"], batch["bag_owners"]).sum().backward()  # type: ignore[operator]
    assert first.grad is not None and task.embeddings.grad is None


def test_a_row_without_words_is_asked_for_nothing():
    found = MeanOfWords(4, 3)
    errors = found(torch.ones(2, 4), torch.ones(5, 3), torch.tensor([1, 2]), torch.tensor([1, 1]))
    assert errors[0] == 0 and errors[1] > 0


def test_the_parameters_told_are_those_that_are_saved(corpus: Path):  # noqa: F811
    told = [build(settings(corpus, mean_of_words=weight)).facts["parameters"] for weight in (0.0, 1.0)]
    assert told[0] == told[1]
