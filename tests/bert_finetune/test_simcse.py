"""SimCSE: the loss, what it learns from plain text, what the artifact is, and pairs that cannot be measured with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer, BertModel

from plugins.bert_finetune.encode.scored_pairs import read_scored_pairs
from plugins.bert_finetune.encode.settings import EncodeSettings
from plugins.bert_finetune.encode.task import EncodeTask, simcse_losses
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.mean_pooling import MEAN, pooling_of
from tests.bert_models import WORDS, build, check, load, tiny_encoder
from tests.files import write
from training.errors import UserError
from training.fit.loop import fit
from training.settings import parse_settings

TINY = {"learning_rate": 1e-3, "batch_size": 8, "max_length": 16, "device": "cpu", "precision": "fp32"}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("encoder")
    loading.save_pretrained(*tiny_encoder(BertModel), folder, half=False)
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Sentences of three colours' words, and pairs whose score is the share of words in common."""
    folder, random = tmp_path_factory.mktemp("files"), np.random.default_rng(0)
    words = " ".join(WORDS.values()).split()
    sentences = [" ".join(random.choice(words, 4, replace=False)) for _ in range(200)]
    pairs = []
    for number in range(30):
        first = random.choice(words, 4, replace=False)
        second = [
            *first[: number % 5],
            *random.choice([w for w in words if w not in first], 4 - number % 5, replace=False),
        ]
        pairs.append(f"{' '.join(first)},{' '.join(second)},{number % 5}")
    return {
        "data": str(write(folder / "text.txt", "\n".join(sentences) + "\n")),
        "eval_data": str(
            write(folder / "pairs.csv", "sentence_A,sentence_B,relatedness_score\n" + "\n".join(pairs) + "\n")
        ),
    }


def task(encoder: Path, files: dict[str, str], **values: Any) -> EncodeTask:
    return build("encode", parse_settings(EncodeSettings, {"model": str(encoder), **files, **TINY, **values}))


def test_loss_is_that_of_the_paper():
    torch.manual_seed(0)
    first, second = torch.randn(2, 3, 5, dtype=torch.float64)
    found = simcse_losses(first, second, torch.arange(3), 0.05)
    for i in range(3):
        cosines = [float(torch.cosine_similarity(first[i], second[j], dim=0)) for j in range(3)]
        powers = np.exp(np.array(cosines) / 0.05)
        assert float(found[i]) == pytest.approx(-np.log(powers[i] / powers.sum()), rel=1e-3, abs=1e-5)


def test_a_sentence_that_stands_twice_in_a_batch_is_not_pushed_from_itself():
    torch.manual_seed(0)
    first, second = torch.randn(2, 4, 5)
    found = simcse_losses(first, second, torch.tensor([0, 1, 0, 2]), 0.05)
    without = simcse_losses(first[[0, 1, 3]], second[[0, 1, 3]], torch.arange(3), 0.05)
    assert found[[0]] == pytest.approx(without[[0]], rel=1e-5)  # the other three have the repetition beside them


def test_a_training_batch_has_two_vectors_a_sentence_and_they_differ_by_dropout_alone(
    encoder: Path, files: dict[str, str]
):
    made = task(encoder, files, steps=1)
    batch = made.collate([made.train_data[0], made.train_data[1]], np.random.default_rng(0), training=True)
    made.model.eval()
    vectors = made._vectors(made.model, batch)
    torch.testing.assert_close(vectors[:2], vectors[2:])
    made.model.train()
    vectors = made._vectors(made.model, batch)
    assert (vectors[:2] - vectors[2:]).abs().max() > 1e-3


def test_vectors_in_training_are_those_that_embed_gives(encoder: Path, files: dict[str, str]):
    made = task(encoder, files, steps=1)
    made.model.eval()
    texts = ["tomato leaf sky", "ink"]
    batch = made.collate(made._tokenize(texts, 14), np.random.default_rng(0), training=False)
    with torch.no_grad():
        own = np.stack(made.predict(made.model, batch))
    assert own == pytest.approx(np.array([load(encoder).embed(text) for text in texts]), abs=1e-4)


def test_training_lowers_the_loss_and_measures_the_start(encoder: Path, files: dict[str, str], tmp_path: Path):
    made = task(encoder, files, steps=60, eval_every=30, dropout=0.2)
    fit(made, made.settings, tmp_path)
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    losses = [event["loss"] for event in events if event["event"] == "step"]
    assert np.mean(losses[-10:]) < 0.7 * losses[0] and losses[0] > 0.2  # chance is ln 8 = 2.1
    report = json.loads((tmp_path / "report.json").read_text())["Result"]
    assert "before training" in str(report) and "words in common (TF-IDF)" in str(report)
    spearman = [event["metrics"]["spearman"] for event in events if event["event"] == "eval"]
    assert max(spearman) > 0.5  # the score is the share of common words: random embeddings know it already


def test_artifact_is_read_by_transformers_and_says_that_it_pools_by_the_mean(
    encoder: Path, files: dict[str, str], tmp_path: Path
):
    made = task(encoder, files, steps=2)
    fit(made, made.settings, tmp_path)
    folder = tmp_path / "artifact"
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        expected = model(**tokenizer("tomato sky", return_tensors="pt")).last_hidden_state[0].mean(0).numpy()
    assert load(folder).embed("tomato sky") == pytest.approx(expected, abs=1e-5)
    assert pooling_of(folder) == MEAN  # so that `classify` reads the mean too
    modules = json.loads((folder / "modules.json").read_text())
    assert [each["type"].rsplit(".", 1)[1] for each in modules] == ["Transformer", "Pooling"]
    assert (folder / modules[1]["path"] / "config.json").is_file()


def test_text_without_pairs_is_trained_on_and_told_that_nothing_measures_it(encoder: Path, files: dict[str, str]):
    settings = parse_settings(EncodeSettings, {"model": str(encoder), "data": files["data"], **TINY})
    titles = [finding.title for finding in check("encode", settings).findings]
    assert "The quality of the vectors is not measured" in titles
    made = build("encode", settings)
    assert made.metric == "uniformity" and made.keep_last_weights and len(made.eval_data)


def test_uniformity_is_lower_where_vectors_spread_more(encoder: Path, files: dict[str, str]):
    made = task(encoder, {"data": files["data"]})
    alike, spread = [np.ones(4) + 0.01 * row for row in np.eye(4)], list(np.eye(4))
    assert made.score(spread).metrics["uniformity"] == pytest.approx(-4)  # squares of the distances are 2
    assert made.score(alike).metrics["uniformity"] > -0.01


def test_no_dropout_is_refused():
    with pytest.raises(UserError, match="dropout makes the two vectors"):
        parse_settings(EncodeSettings, {"data": "x.txt", "dropout": 0})


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("text,score", "a {n},{n}", "no second column of texts"),
        ("text1,text2,alikeness", "a {n},b {n},{n}", "Set score_column"),
        ("text1,text2,score", "a {n},b {n},high", "holds 'high': scores are numbers"),
        ("text1,text2,score", "a {n},b {n},1", "of different scores are needed"),
    ],
)
def test_pairs_that_cannot_be_measured_with_are_told(tmp_path: Path, header: str, row: str, message: str):
    file = write(tmp_path / "p.csv", "\n".join([header, *(row.format(n=n) for n in range(12))]) + "\n")
    with pytest.raises(UserError, match=message):
        read_scored_pairs(file)


def test_scores_are_read_in_any_spelling_and_rows_without_one_are_left_out(tmp_path: Path):
    rows = [f'a {n},b {n},"{n},5"' for n in range(12)] + ["a,b,NA"]
    pairs = read_scored_pairs(write(tmp_path / "p.csv", "text1,text2,score\n" + "\n".join(rows) + "\n"))
    assert pairs.scores.tolist() == [n + 0.5 for n in range(12)]


@pytest.mark.parametrize(
    ("cells", "scores"),
    [
        ("4,667 2,5 0,667 3,333", [4.667, 2.5, 0.667, 3.333]),
        ("4,667 3,333 1,250", [4.667, 3.333, 1.25]),
        ("4.667 3.333 1.250", [4.667, 3.333, 1.25]),
        ("4,667 3 5", [4.667, 3, 5]),
        ("4.667 2.5 0", [4.667, 2.5, 0]),
    ],
)
def test_scores_of_three_decimals_are_no_thousands(cells: str, scores: list[float], tmp_path: Path):
    rows = [f'a {n},b {n},"{cell}"' for n, cell in enumerate(cells.split() * 4)]
    pairs = read_scored_pairs(write(tmp_path / "p.csv", "text1,text2,score\n" + "\n".join(rows) + "\n"))
    assert pairs.scores.tolist() == pytest.approx(scores * 4)


def test_rank_correlation_is_of_the_order_alone(tmp_path: Path):
    rows = [f"a{n} b,a{n} c,{n}" for n in range(12)]
    pairs = read_scored_pairs(write(tmp_path / "p.csv", "text1,text2,score\n" + "\n".join(rows) + "\n"))
    assert pairs.correlation(np.exp(np.arange(12.0))) == pytest.approx(1)
    assert pairs.correlation(-np.arange(12.0)) == pytest.approx(-1)
    assert pairs.correlation(np.ones(12)) == 0
