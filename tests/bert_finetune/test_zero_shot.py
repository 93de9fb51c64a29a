"""Without labels: texts are compared with the names of the labels, by vectors or by entailment."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertForSequenceClassification

from plugins._prompted import Prompted, connect_prompted, load_prompted
from plugins.bert_finetune import starter
from plugins.bert_finetune.classify.predictor import ClassifierPredictor
from plugins.bert_finetune.encode.predictor import EncoderPredictor, load
from plugins.bert_finetune.label.head import unit
from plugins.bert_finetune.zero_shot import by_prompt
from plugins.bert_finetune.zero_shot.adaptation import adapt_to_texts, adapted_scores
from plugins.bert_finetune.zero_shot.label_names import name_labels, split_names
from plugins.bert_finetune.zero_shot.predict import label_file
from plugins.bert_finetune.zero_shot.table import read_named, rows_with_words
from tests import tiny_gpt
from tests.bert_models import tiny_encoder
from tests.files import write
from training.errors import UserError
from training.labelling.sampling import wilson

TEMPLATE = "This is {label}."


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFSUP_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def encoder() -> EncoderPredictor:
    return load(starter.ENCODER)


@pytest.fixture(scope="module")
def inference_model() -> ClassifierPredictor:
    """Random weights with the labels of natural language inference."""
    model, tokenizer = tiny_encoder(BertForSequenceClassification)
    model.config.id2label = {0: "CONTRADICTION", 1: "ENTAILMENT", 2: "NEUTRAL"}
    model.config.num_labels = 3
    model.classifier = torch.nn.Linear(32, 3)
    torch.nn.init.normal_(model.classifier.weight)
    model.num_labels = 3
    return ClassifierPredictor(model, tokenizer, {})


def rows_of(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


def test_score_of_an_encoder_is_the_cosine_of_text_and_sentence(encoder: EncoderPredictor):
    found = encoder.zero_shot("The river flows into the sea.", ["water", "war = armies"], TEMPLATE)
    text, water, war = (
        np.array(encoder.embed(t)) for t in ("The river flows into the sea.", "This is water.", "This is armies.")
    )
    expected = {"water": text @ water, "war": text @ war}
    for label, vector in (("water", water), ("war", war)):
        expected[label] /= np.linalg.norm(text) * np.linalg.norm(vector)
    assert found["scores"] == pytest.approx(expected, abs=1e-4)
    assert found["label"] == max(expected, key=expected.__getitem__)
    assert found["method"] == "similarity"


def test_weights_of_inference_answer_with_the_probability_of_entailment(inference_model: ClassifierPredictor):
    found = inference_model.zero_shot("tomato ruby", ["red", "green"], TEMPLATE)
    pairs = inference_model.tokenizer(
        ["tomato ruby"] * 2, ["This is red.", "This is green."], padding=True, return_tensors="pt"
    )
    with torch.no_grad():
        entailed = inference_model.model(**pairs).logits.softmax(-1)[:, 1].tolist()
    assert found["method"] == "entailment"
    assert found["scores"] == pytest.approx({"red": entailed[0], "green": entailed[1]}, abs=2e-3)


def test_accuracy_by_entailment_counts_what_the_single_answers_are(
    inference_model: ClassifierPredictor, tmp_path: Path
):
    texts = ["tomato ruby", "leaf", "sky ink", "cherry", "lime grass sea"]
    answers = [inference_model.zero_shot(text, ["red", "green"], TEMPLATE)["label"] for text in texts]
    truths = [*answers[:3], *({"red": "green", "green": "red"}[each] for each in answers[3:])]
    file = write(tmp_path / "t.csv", "text,label\n" + "".join(f"{t},{y}\n" for t, y in zip(texts, truths, strict=True)))
    report, written = label_file(inference_model, file, ["red", "green"], TEMPLATE, True)
    assert [each["name"] for each in report["accuracies"]][1:] == ["label names alone"]
    assert report["accuracies"][1]["accuracy"] == 0.6
    assert [report["accuracies"][1][end] for end in ("low", "high")] == [round(end, 4) for end in wilson(0.6, 5)]
    rows = rows_of(written)
    assert [row["predicted_label"] for row in rows] == answers


def test_names_move_to_the_texts_that_they_attract_and_keep_their_meaning():
    """Names lie between the clusters, nearer to their own: alone they give texts of the edge to the other label."""
    random = np.random.default_rng(0)
    of = np.repeat([0, 1], 100)
    axes = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0]])
    texts = unit(axes[of] + random.normal(0, 0.2, (200, 4)))
    names = unit(np.array([[1.0, 0.9, 0, 0], [0, 1.0, 0, 0.5]]))
    alone, adapted = ((texts @ each.T).argmax(1) for each in (names, adapt_to_texts(names, texts)))
    assert np.mean(adapted == of) > 0.98 > 0.97 > np.mean(alone == of)
    assert np.linalg.norm(adapt_to_texts(names, texts), axis=1) == pytest.approx(1, abs=1e-5)


def test_what_all_vectors_have_in_common_is_taken_out_first():
    """As in encoders that were not trained to compare texts: names have another mean than texts."""
    random = np.random.default_rng(0)
    of = np.repeat([0, 1], 100)
    axes = np.eye(6)
    texts = unit(0.4 * axes[of] + 2 * axes[4] + random.normal(0, 0.05, (200, 6)))
    names = unit(np.stack([0.4 * axes[0] + 1.5 * axes[5] + axes[4], 0.2 * axes[1] + 1.5 * axes[5]]))
    assert np.mean((texts @ names.T).argmax(1) == of) == 0.5  # the first name has all
    assert np.mean(adapted_scores(names, texts).argmax(1) == of) > 0.98


def test_report_stands_beside_the_most_frequent_label_and_says_which_name_is_found_least(
    encoder: EncoderPredictor, tmp_path: Path
):
    rows = [("war", "The army fought a long war.")] * 12 + [("sea", "The ship sailed over the sea.")] * 9
    lines = [f"{text} {number},{label}" for number, (label, text) in enumerate(rows)]
    file = write(
        tmp_path / "rows.csv", "text,label\n" + "\n".join([*lines, "What is this?,other", "No label here,"]) + "\n"
    )
    report = encoder.zero_shot_accuracy(file, ["war", "sea"], TEMPLATE)
    assert (report["texts"], report["measured"]) == (23, 21)
    assert report["accuracies"][0] | {"low": 0, "high": 0} == {
        "name": "always war",
        "accuracy": 0.5714,
        "low": 0,
        "high": 0,
    }
    assert [each["name"] for each in report["accuracies"]][1:] == ["label names alone", "adapted to these texts"]
    recalls = {row["label"]: (row["texts"], row["recall"]) for row in report["labels"]}
    adapted = report["accuracies"][2]["accuracy"]
    assert sum(texts * recall for texts, recall in recalls.values()) / 21 == pytest.approx(adapted, abs=1e-3)
    assert "Not measured: 1 row of other labels (other)." in report["notes"]


def test_labels_of_the_file_are_taken_where_none_is_named_and_two_text_columns_are_joined(tmp_path: Path):
    file = write(tmp_path / "t.csv", "text,text_pair,label\nTitle,Body,a_b\nOnly title,,c\n")
    named = read_named(file, [], TEMPLATE)
    assert named.texts == ("Title Body", "Only title")
    assert named.names.sentences == ("This is a b.", "This is c.")
    assert named.truths == ("a_b", "c")


def test_labelled_rows_are_sent_on_with_words_for_labels(tmp_path: Path):
    file = write(tmp_path / "t.csv", "text,label\nGoal!,2\nElection,1\nNothing,\nOther,9\n")
    rows = rows_of(rows_with_words(file, ["1 = world politics", "2 = sports"]))
    assert rows == [{"text": "Goal!", "label": "sports"}, {"text": "Election", "label": "world politics"}]


@pytest.mark.parametrize(
    ("labels", "template", "message"),
    [
        (["one"], TEMPLATE, "Name two labels at least"),
        (["a", "a"], TEMPLATE, "The label a occurs twice"),
        (["1 = x", "2 = x"], TEMPLATE, "The label's words x occurs twice"),
        (["1 =", "2 = x"], TEMPLATE, "A label has no name"),
        (["a", "b"], "This is it.", "has no {label}"),
        ([f"l{n}" for n in range(201)], TEMPLATE, "at most 200"),
    ],
)
def test_bad_names_are_told(labels: list[str], template: str, message: str):
    with pytest.raises(UserError, match=message):
        name_labels(labels, template)


def test_file_of_other_labels_says_how_to_name_them(encoder: EncoderPredictor, tmp_path: Path):
    file = write(tmp_path / "t.csv", "text,label\nGoal,2\nElection,1\n")
    with pytest.raises(UserError, match=r"labels of t\.csv are 1, 2.*1 = words"):
        encoder.zero_shot_accuracy(file, ["sports", "politics"], TEMPLATE)
    with pytest.raises(UserError, match="has no labels"):
        encoder.zero_shot_accuracy(
            write(tmp_path / "u.csv", "text\nGoal\nElection day\n"), ["sports", "politics"], TEMPLATE
        )


def test_names_are_split_at_lines_or_on_one_line_at_commas():
    assert split_names("a, b ,c") == ["a", "b", "c"]
    assert split_names("1 = x, y\n\n2 = z\n") == ["1 = x, y", "2 = z"]
    assert split_names(" ") == []


def test_many_texts_are_refused_before_they_are_read(inference_model: ClassifierPredictor, tmp_path: Path):
    file = write(tmp_path / "t.csv", "text\n" + "".join(f"leaf {n}\n" for n in range(50_001)))
    with pytest.raises(UserError, match="50,001 texts: with 2 labels give at most 50,000"):
        label_file(inference_model, file, ["red", "green"], TEMPLATE, True)


# -- by a prompt -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gpt(tmp_path_factory: pytest.TempPathFactory) -> Prompted:
    """A GPT that has learned to label film reviews."""
    return load_prompted(tiny_gpt.save(tmp_path_factory.mktemp("gpt")))


def test_a_prompted_gpt_labels_a_text_with_probabilities(gpt: Prompted):
    found = by_prompt.predict_text(gpt, "a warm film and a lovely song", ["good", "bad"])
    assert (found["label"], found["method"]) == ("good", "prompt")
    assert sum(found["scores"].values()) == pytest.approx(1) and found["scores"]["good"] > 0.5


def test_labels_of_the_file_are_prompted_by_their_words(gpt: Prompted, tmp_path: Path):
    rows = tiny_gpt.reviews(40, seed=5)
    spelled = {"good": "1", "bad": "0"}
    file = write(
        tmp_path / "rows.csv", "text,label\n" + "".join(f"{row['text']},{spelled[row['label']]}\n" for row in rows)
    )
    report = by_prompt.measure_file(gpt, file, ["1 = good", "0 = bad"])
    assert [each["name"] for each in report["accuracies"]][1:] == ["prompted, no example"]
    answers = gpt.label_texts([row["text"] for row in rows], {"1": "good", "0": "bad"})
    right = [answer.label == spelled[row["label"]] for answer, row in zip(answers, rows, strict=True)]
    assert report["accuracies"][1]["accuracy"] == pytest.approx(np.mean(right)) and np.mean(right) > 0.8
    assert (report["texts"], report["measured"], report["notes"]) == (40, 40, [])


def test_of_a_large_file_a_part_is_prompted_and_told(gpt: Prompted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(by_prompt, "MAX_TEXTS", 10)
    report = by_prompt.measure_file(gpt, tiny_gpt.write_reviews(tmp_path / "rows.csv", 30), ["good", "bad"])
    assert report["measured"] == 10 and report["notes"] == ["A GPT was prompted on 10 texts, drawn at random from 30."]


def test_a_file_without_labels_is_no_measure_of_a_prompt(gpt: Prompted, tmp_path: Path):
    file = write(tmp_path / "rows.csv", "text\na warm film\na dull plot\n")
    report = by_prompt.measure_file(gpt, file, ["good", "bad"])
    assert (report["measured"], report["accuracies"]) == (0, [])


def test_an_encoder_cannot_be_prompted_and_a_hosted_name_needs_its_form():
    with pytest.raises(UserError, match="cannot be prompted: choose a GPT"):
        load_prompted(starter.ENCODER)
    with pytest.raises(UserError, match="hosted:"):
        connect_prompted("hosted:")
