"""A new head is fitted on the frozen vectors before the first step, and only where there is something to fit it on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import BertForPreTraining

from plugins.bert_finetune.classify import task as classify
from plugins.bert_finetune.classify.settings import ClassifySettings
from plugins.bert_finetune.classify.task import ClassifyTask
from plugins.bert_finetune.models import loading, lp_ft
from plugins.bert_finetune.models.linear_probe import INVERSE_PENALTIES, INVERSE_PENALTY, best_inverse_penalty
from plugins.bert_finetune.models.lp_ft import sample_rows
from plugins.bert_finetune.tag import task as tag
from plugins.bert_finetune.tag.settings import TagSettings
from tests.bert_models import WORDS, build, tiny_encoder
from tests.files import write
from training.settings import parse_settings


@pytest.fixture(scope="module")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of random weights: its vectors tell texts apart, its classes it cannot know."""
    folder = tmp_path_factory.mktemp("encoder")
    loading.save_pretrained(*tiny_encoder(BertForPreTraining), folder, half=False)
    return folder


def task(model: Path | str, data: Path, **values: Any) -> ClassifyTask:
    made = build(
        "classify", parse_settings(ClassifySettings, {"model": str(model), "data": str(data), "dropout": 0.0, **values})
    )
    made.initialise_weights(torch.device("cpu"))
    return made


def table(path: Path, classes: list[str], rows: int = 60) -> Path:
    random = np.random.default_rng(0)
    lines = [f"{' '.join(random.choice(WORDS[name].split(), 3))} {row},{name}" for row in range(rows) for name in [classes[row % len(classes)]]]  # fmt: skip
    return write(path, "text,label\n" + "\n".join(lines) + "\n")


def accuracy(task: ClassifyTask) -> float:
    task.model.eval()
    with torch.no_grad():
        logits = task.predict(
            task.model,
            task.collate(
                [task.train_data[row] for row in range(len(task.train_data))], np.random.default_rng(0), training=True
            ),
        )
    return float((np.stack(logits).argmax(1) == task.train_data.targets).mean())


@pytest.mark.parametrize("classes", [["red", "green"], ["red", "green", "blue"]])
@pytest.mark.parametrize("lora_rank", [0, 3])
def test_the_head_knows_the_classes_before_the_first_step(
    encoder_folder: Path, tmp_path: Path, classes: list[str], lora_rank: int
):
    """Chance is a half and a third; the random head of the same weights is near it."""
    data = table(tmp_path / "texts.csv", classes)
    fitted = task(encoder_folder, data, lora_rank=lora_rank)
    assert accuracy(fitted) >= 0.9
    assert accuracy(task(encoder_folder, data, lora_rank=lora_rank, lp_ft=False)) < 0.75


def test_a_rare_class_is_read_whatever_is_drawn(encoder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(classify, "PROBE_ROWS", 20)
    rows = [f"{WORDS['red'].split()[row % 4]} {row},red\n" for row in range(300)]
    data = write(tmp_path / "texts.csv", "text,label\n" + "".join(rows) + "grass,green\n" * 2)
    for seed in range(4):
        made = task(encoder_folder, data, eval_share=0.0, seed=seed)
        assert made.model.classifier.bias.all()  # a head that only saw one class would have stayed at 0


def tagger(model: Path | str, data: Path, **values: Any) -> tag.TagTask:
    made = build("tag", parse_settings(TagSettings, {"model": str(model), "data": str(data), "dropout": 0.0, **values}))
    made.initialise_weights(torch.device("cpu"))
    return made


def sentences(path: Path, names: list[str], count: int = 80) -> Path:
    """Words of the colours `names`, each tagged with its colour, between words outside."""
    random, written = np.random.default_rng(0), []
    for _ in range(count):
        words = [
            (word, f"B-{name}") for name in random.permutation(names) for word in random.choice(WORDS[name].split(), 1)
        ]
        written.append("\n".join(f"{word}\t{tag}" for word, tag in [*words, (str(random.integers(9)), "O")]))
    return write(path, "\n\n".join(written) + "\n")


def right_tags(task: tag.TagTask) -> float:
    task.model.eval()
    with torch.no_grad():
        found = task.predict(task.model, task.collate(task.train_data, np.random.default_rng(0), training=True))
    return float(np.mean([(one.tags == row.tags).mean() for one, row in zip(found, task.train_data, strict=True)]))


def begun(of_words: bool, model: Path, folder: Path, **values: Any) -> Any:
    """A tagger or a classifier, of two colours."""
    if of_words:
        return tagger(model, sentences(folder / "words.conll", ["red", "green"]), **values)
    return task(model, table(folder / "texts.csv", ["red", "green"]), **values)


@pytest.mark.parametrize("of_words", [False, True])
def test_the_rest_of_the_network_stays_as_it_was(of_words: bool, encoder_folder: Path, tmp_path: Path):
    made = [dict(begun(of_words, encoder_folder, tmp_path, lp_ft=on).model.named_parameters()) for on in (True, False)]
    changed = [name for name in made[0] if not torch.equal(made[0][name], made[1][name])]
    assert changed == ["classifier.weight", "classifier.bias"]


@pytest.mark.parametrize("of_words", [False, True])
def test_a_head_that_was_trained_for_these_classes_is_kept(of_words: bool, encoder_folder: Path, tmp_path: Path):
    first = begun(of_words, encoder_folder, tmp_path, lp_ft=False)
    first.save(first.model, tmp_path / "trained")
    again = begun(of_words, tmp_path / "trained", tmp_path)
    assert torch.equal(again.model.classifier.weight, first.model.classifier.weight)


def test_a_tagger_knows_the_tags_before_the_first_step(encoder_folder: Path, tmp_path: Path):
    data = sentences(tmp_path / "words.conll", ["red", "green", "blue"])
    fitted, random = tagger(encoder_folder, data), tagger(encoder_folder, data, lp_ft=False)
    assert right_tags(fitted) >= 0.95
    assert right_tags(random) < 0.6


def test_a_head_for_other_tags_is_fitted_anew(encoder_folder: Path, tmp_path: Path):
    """As many tags in another order, or of another kind, are not the tags that it was trained for."""
    first = tagger(encoder_folder, sentences(tmp_path / "words.conll", ["red", "green"]))
    first.save(first.model, tmp_path / "trained")
    renamed = (tmp_path / "words.conll").read_text(encoding="utf-8").replace("B-green", "B-zebra")
    assert right_tags(tagger(tmp_path / "trained", write(tmp_path / "renamed.conll", renamed))) >= 0.95


def test_a_new_tagger_from_scratch_is_not_fitted(tmp_path: Path):
    data = sentences(tmp_path / "words.conll", ["red", "green"])
    made = tagger("", data, layers=1, heads=2, hidden_size=16, vocabulary_size=100)
    assert (made.model.classifier.bias == 0).all()


def test_rows_of_every_class_come_first():
    classes, counts = np.array([0, 0, 0, 0, 2, 1]), np.array([2, 1, 0, 2, 1])
    for seed in range(10):
        drawn = sample_rows(classes, counts, 4, seed).tolist()
        assert len(set(drawn)) == len(drawn) and {3, 4} <= set(drawn)
        assert 4 <= counts[drawn].sum() < 4 + 2
    assert sorted(sample_rows(classes, counts, 100, 0)) == [0, 1, 2, 3, 4]


def test_a_class_that_no_row_read_has_is_the_least_likely():
    vectors = np.random.default_rng(0).normal(size=(20, 4))
    weight, bias = lp_ft._regression(vectors, np.arange(20) % 2, classes=3)
    assert (weight[2] == 0).all() and bias.argmin() == 2 and weight.shape == (3, 4)


def test_a_dimension_that_hardly_moves_gets_no_weight():
    """Trained encoders have some; a step of the network would move them by many times what they differ by."""
    vectors = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    targets = (vectors[:, 0] > 0).astype(int)
    vectors[:, 1] = 1 + 1e-7 * targets
    weight, bias = lp_ft._regression(vectors, targets, classes=2)
    assert (weight[:, 1] == 0).all() and np.abs(weight).max() < 100 and np.isfinite(bias).all()


def test_vectors_that_say_nothing_of_the_labels_get_the_firmest_penalty():
    """Else the head would be sure of rows that it has only memorised, and the layers below would have nothing to learn."""
    random = np.random.default_rng(0)
    vectors, labels = random.normal(size=(120, 60)), np.arange(120) % 2
    assert best_inverse_penalty(vectors, labels) == min(INVERSE_PENALTIES)
    vectors[:, 0] += 4 * labels
    assert best_inverse_penalty(vectors, labels) > min(INVERSE_PENALTIES)


def test_with_one_row_a_class_the_penalty_is_the_usual_one():
    assert best_inverse_penalty(np.eye(3), np.arange(3)) == INVERSE_PENALTY
