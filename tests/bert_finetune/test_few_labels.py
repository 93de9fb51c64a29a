"""Few labels: mean pooling as stock transformers computes it, contrastive training, and the choice of it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification, AutoTokenizer, BertModel, pipeline

from plugins.bert_finetune import starter
from plugins.bert_finetune.classify import auto
from plugins.bert_finetune.classify.contrastive import (
    TEMPERATURE,
    cosine_loss,
    loss_for,
    softmax_loss,
)
from plugins.bert_finetune.classify.data import read
from plugins.bert_finetune.classify.predictor import load
from plugins.bert_finetune.classify.settings import ClassifySettings
from plugins.bert_finetune.classify.task import ClassifyTask
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.mean_pooling import MEAN, MeanPoolingLayer
from plugins.bert_finetune.models.pooling import masked_mean
from tests.bert_models import WORDS, build, tiny_encoder
from tests.files import write
from training.artifact.store import read_record
from training.errors import UserError
from training.fit.loop import fit
from training.settings import parse_settings

TEXTS = ["tomato ruby", "grass leaf lime grass emerald lime", "sky", "ink sea sapphire sky"]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence encoder as sentence-transformers writes it: no head, and a note that the mean is its vector."""
    folder = tmp_path_factory.mktemp("encoder")
    model, tokenizer = tiny_encoder(BertModel)
    for weight in model.parameters():  # random weights of a size at which tokens have different vectors
        torch.nn.init.normal_(weight, std=0.3) if weight.ndim > 1 else None
    loading.save_pretrained(model, tokenizer, folder, half=False)
    (folder / "1_Pooling").mkdir()
    write(folder / "1_Pooling/config.json", json.dumps({"pooling_mode_mean_tokens": True}))
    return folder


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Texts of three colours, 16 of each; the words of a class never stand in another."""
    random = np.random.default_rng(0)
    lines = [
        f"{' '.join(random.choice(words.split(), 3))} {row},{name}"
        for row in range(16)
        for name, words in WORDS.items()
    ]
    return write(tmp_path_factory.mktemp("rows") / "rows.csv", "text,label\n" + "\n".join(lines) + "\n")


def folder_in(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name


def task(encoder: Path, rows: Path, **values: Any) -> ClassifyTask:
    settings = {"model": str(encoder), "data": str(rows), "contrastive": "on", "steps": 30, "batch_size": 16}
    return build("classify", parse_settings(ClassifySettings, {**settings, "learning_rate": 1e-3, **values}))


@pytest.fixture(scope="module")
def trained(encoder: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact of a short contrastive training."""
    made, folder = task(encoder, rows), tmp_path_factory.mktemp("run")
    fit(made, made.settings, folder)
    return folder / "artifact"


def test_the_head_is_given_the_centred_mean_of_the_token_vectors(encoder: Path, rows: Path):
    made = task(encoder, rows)
    stock, tokenizer = AutoModel.from_pretrained(encoder).eval(), AutoTokenizer.from_pretrained(encoder)
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    made.model.eval()
    with torch.no_grad():
        mean = masked_mean(stock(**batch).last_hidden_state, batch["attention_mask"])
        given = made._head_inputs(made.model, dict(batch))
    wanted = torch.nn.functional.layer_norm(mean, mean.shape[-1:])
    assert torch.nn.functional.cosine_similarity(given, wanted).min() > 0.9999
    first = stock(**batch).last_hidden_state[:, 0]
    first = torch.nn.functional.layer_norm(first, first.shape[-1:])
    assert torch.nn.functional.cosine_similarity(given, first).min() < 0.9  # it is not the first token's


def test_stock_transformers_gives_the_same_probabilities_also_of_a_padded_batch(trained: Path):
    ours = load(trained)
    assert isinstance(ours.cls_only.bert.encoder.layer[-1], MeanPoolingLayer)
    wanted = ours.probabilities(TEXTS)
    classifier = pipeline("text-classification", model=str(trained), top_k=None)
    for size in (1, 4):
        answers = classifier(TEXTS, batch_size=size)
        got = [{each["label"]: each["score"] for each in answer} for answer in answers]
        np.testing.assert_allclose([[row[name] for name in ours.names] for row in got], wanted, atol=2e-5)


def test_contrastive_training_learns_what_is_not_there_before(encoder: Path, rows: Path, trained: Path):
    record = read_record(trained)
    assert record["facts"]["pooling"] == MEAN
    assert record["metrics"]["accuracy"] == 1.0  # chance is a third
    made = task(encoder, rows)

    def spread(model: Any) -> float:
        """Mean loss of the training rows: 0 where each class has one vector, at right angles to the others."""
        batch = made.collate(list(made.train_data), np.random.default_rng(0), training=False)
        inputs = {name: value for name, value in batch.items() if name != "labels"}
        with torch.no_grad():
            return float(cosine_loss(made._head_inputs(model.eval(), inputs), batch["labels"]).mean())

    before = spread(made.model)
    fit(made, made.settings, folder_in(trained.parent, "again"))
    assert spread(made.model) < before - 0.2


def test_the_head_belongs_to_the_saved_vectors_after_a_resume(encoder: Path, rows: Path, tmp_path: Path):
    whole, halves = task(encoder, rows, checkpoint_every=10), task(encoder, rows, checkpoint_every=10)
    fit(whole, whole.settings, folder_in(tmp_path, "whole"))

    def stop(event: dict) -> None:
        if event["event"] == "eval" and event["step"] == 15:
            (tmp_path / "halves/cancel").touch()

    fit(halves, halves.settings, folder_in(tmp_path, "halves"), listener=stop)
    (tmp_path / "halves/cancel").unlink()
    resumed = task(encoder, rows, checkpoint_every=10)
    fit(resumed, resumed.settings, tmp_path / "halves")
    unbroken = AutoModelForSequenceClassification.from_pretrained(tmp_path / "whole/artifact").state_dict()
    for name, value in AutoModelForSequenceClassification.from_pretrained(
        tmp_path / "halves/artifact"
    ).named_parameters():
        assert torch.equal(value, unbroken[name]), name


def test_training_leaves_the_pooling_alone(encoder: Path, rows: Path, trained: Path):
    before = dict(task(encoder, rows).model.bert.encoder.layer[-1].state_dict())
    after = AutoModelForSequenceClassification.from_pretrained(trained).bert.encoder.layer[-1].state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    again = task(trained, rows)  # to go on from a run adds no second layer
    assert again.pooling == MEAN and len(again.model.bert.encoder.layer) == 3


def test_lora_trains_the_encoder_and_not_the_pooling(encoder: Path, rows: Path, tmp_path: Path):
    made = task(encoder, rows, lora_rank=2, steps=5)
    fit(made, made.settings, tmp_path)
    merged = AutoModelForSequenceClassification.from_pretrained(tmp_path / "artifact").bert.encoder.layer
    before = task(encoder, rows).model.bert.encoder.layer
    assert torch.equal(merged[-1].attention.self.value.weight, before[-1].attention.self.value.weight)
    assert not torch.equal(merged[0].attention.self.value.weight, before[0].attention.self.value.weight)


def test_pairs_within_and_between_classes_count_alike():
    vectors = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    found = cosine_loss(vectors, torch.tensor([0, 1, 0, 0]))
    # Six ordered pairs within class 0, of which four have a cosine of 0, and six between, of which two have one of 1.
    np.testing.assert_allclose(float(found.mean()), 0.5 * 4 / 6 + 0.5 * 2 / 6, rtol=1e-6)
    np.testing.assert_allclose(found, [1 / 3, 1 / 3, 1 / 3, 1], rtol=1e-6)
    np.testing.assert_allclose(cosine_loss(vectors, torch.tensor([0, 1, 2, 3])), [0.5 * 4 / 12] * 4, rtol=1e-6)


def test_of_many_classes_or_rows_the_loss_is_the_softmax_of_the_paper():
    vectors, classes = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1, 0, 0])
    assert [loss_for(rows, 2) for rows in (16, 64)] == [cosine_loss, softmax_loss]
    assert [loss_for(32 * classes, classes) for classes in (4, 77)] == [cosine_loss, softmax_loss]
    found = softmax_loss(vectors, classes)
    close, far = math.exp(1 / TEMPERATURE), 1.0  # exp(cosine / temperature)
    first = -(math.log(close / (close + 2 * far)) + math.log(far / (close + 2 * far))) / 2
    np.testing.assert_allclose(float(found[0]), first, rtol=1e-5)
    assert float(found[1]) == 0  # alone in its class


def test_one_label_a_class_is_trained_too(encoder: Path, tmp_path: Path):
    held = write(tmp_path / "held.csv", "text,label\ntomato tomato,red\nleaf grass,green\n")
    made = task(
        encoder, write(tmp_path / "rows.csv", "text,label\ntomato,red\ngrass,green\n"), steps=3, eval_data=str(held)
    )
    fit(made, made.settings, folder_in(tmp_path, "run"))
    assert load(tmp_path / "run/artifact").classify("tomato")["label"] == "red"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"contrastive": "on", "multi_label": True}, "contrastive compares texts by their one label"),
        ({"pooling": "median"}, "pooling"),
    ],
)
def test_settings_that_do_not_fit_are_refused(values: dict, message: str):
    with pytest.raises(UserError, match=message):
        parse_settings(ClassifySettings, values)


def test_a_run_that_pools_by_the_mean_does_not_go_back_to_the_first_token(trained: Path, rows: Path):
    with pytest.raises(UserError, match="these weights pool by the mean"):
        task(trained, rows, pooling="first")


@pytest.mark.parametrize(
    ("model", "repeat", "chosen"),
    [
        ("sentence-transformers/all-MiniLM-L6-v2", 1, "on"),
        (starter.SENTENCES, 1, "on"),
        ("google-bert/bert-base-uncased", 1, "off"),
        (starter.SENTENCES, 8, "off"),  # 100 rows a class: fine-tuning
    ],
)
def test_contrastive_training_is_chosen_where_labels_are_few(
    rows: Path, tmp_path: Path, model: str, repeat: int, chosen: str
):
    header, *lines = rows.read_text(encoding="utf-8").splitlines()
    more = [line.replace(",", f" {number},") for number in range(repeat) for line in lines]
    settings = parse_settings(
        ClassifySettings, {"data": str(write(tmp_path / "rows.csv", "\n".join([header, *more]))), "model": model}
    )
    choices = auto.choose(read(settings), settings, 22_000_000)
    assert choices["contrastive"].value == chosen
    assert "few labels" in choices["contrastive"].reason or chosen == "off"
    multi = parse_settings(ClassifySettings, {"data": settings.data, "model": model, "multi_label": True})
    assert auto.choose(read(multi), multi, 22_000_000)["contrastive"].value == "off"


def test_the_installed_sentence_encoder_is_found_without_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(starter, "PACKAGE", "a_package_of_weights")
    package = tmp_path / "site" / starter.PACKAGE
    (package / "model").mkdir(parents=True)
    write(package / "__init__.py", "raise RuntimeError('imported')\n")
    write(package / "model/model.safetensors", "weights")
    monkeypatch.setenv("SELFSUP_HOME", str(tmp_path / "home"))
    assert starter.sentence_encoder() == ()
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    (folder,) = starter.sentence_encoder()
    assert folder.name == starter.SENTENCES and (folder / "model.safetensors").read_text(encoding="utf-8") == "weights"
    assert starter.sentence_encoder() == (folder,)
