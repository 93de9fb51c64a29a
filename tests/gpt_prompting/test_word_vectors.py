"""Vectors of words: what they know, that they are saved with weights, and how labels are scored by them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM

from plugins.gpt_prompting.models.transformers_model import TransformersModel
from plugins.gpt_prompting.models.word_vectors import FILE, MIN_COUNT, WordVectors
from plugins.gpt_prompting.pretrain.label_directions import with_label_directions
from plugins.gpt_prompting.pretrain.labelled_tasks import LabelledTask
from plugins.gpt_prompting.pretrain.settings import PretrainSettings
from plugins.gpt_prompting.prompting.example_similarity import LABEL_WEIGHT, ExampleSimilarity
from plugins.gpt_prompting.prompting.predictor import PromptPredictor
from tests import tiny_gpt
from tests.gpt_prompting.test_gpt_pretrain import build_pretrain, chosen
from training.errors import UserError
from training.settings import parse_settings

TEXTS = [
    f"the {one} {verb} the {other}"
    for words, verb in (("soup bread cheese", "tastes like"), ("train ship coach", "comes after"))
    for one in words.split()
    for other in words.split()
    if one != other
] * MIN_COUNT


@pytest.fixture(scope="module")
def vectors() -> WordVectors:
    counted = WordVectors.of_texts(TEXTS)
    assert counted is not None
    return counted


@pytest.fixture(scope="module")
def model(vectors: WordVectors) -> TransformersModel:
    words, network = tiny_gpt.taught()
    return TransformersModel(words, network, word_vectors=vectors)


def cosine(vectors: WordVectors, one: str, other: str) -> float:
    first, second = vectors.embed([one, other])
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))


def test_words_of_one_kind_are_alike_and_common_words_count_less(vectors: WordVectors) -> None:
    assert cosine(vectors, "soup", "Cheese!") > cosine(vectors, "soup", "train") + 0.3
    assert np.linalg.norm(vectors.embed(["the"])) < np.linalg.norm(vectors.embed(["soup"])) / 3
    assert not vectors.embed(["of which nobody spoke"]).any()


def test_too_few_words_have_no_vectors() -> None:
    assert WordVectors.of_texts([]) is None and WordVectors.of_texts(["one two three"]) is None


def test_what_is_saved_is_loaded(vectors: WordVectors, tmp_path: Path) -> None:
    assert WordVectors.load(tmp_path) is None
    vectors.save(tmp_path)
    loaded = WordVectors.load(tmp_path)
    assert loaded is not None and loaded.words == vectors.words
    assert np.allclose(loaded.embed(TEXTS[:3]), vectors.embed(TEXTS[:3]), atol=1e-3)
    (tmp_path / FILE).write_bytes(b"\x00")
    with pytest.raises(UserError, match="cannot be read"):
        WordVectors.load(tmp_path)


def test_labels_of_tasks_tell_apart_words_that_stand_beside_the_same_ones() -> None:
    """Half of the words are good, which co-occurrence hardly shows; tasks of some of them tell it of the others."""
    random = np.random.default_rng(0)
    words = [f"{'good' if number % 2 else 'bad'}{number:03d}x" for number in range(200)]
    known = random.normal(size=(200, 12))
    known[:, 3] = np.where(np.arange(200) % 2, 0.4, -0.4)
    vectors = WordVectors([re.sub(r"\d", lambda digit: "abcdefghij"[int(digit[0])], word) for word in words], known)
    names = list(vectors.words)
    tasks = [LabelledTask(str(n), {"like": names[n:140:4], "dislike": names[n + 1 : 140 : 4]}) for n in (0, 2)]
    learned = with_label_directions(vectors, tasks)
    assert learned.vectors.shape == (200, 16) and np.array_equal(learned.vectors[:, :12], known)

    def contrast(of: WordVectors) -> float:
        unit = of.embed(names[140:]) / np.linalg.norm(of.embed(names[140:]), axis=1, keepdims=True)
        same = np.equal.outer(np.arange(60) % 2, np.arange(60) % 2)
        return float((unit @ unit.T)[same].mean() - (unit @ unit.T)[~same].mean())

    assert contrast(learned) > 1.5 * contrast(vectors)


@pytest.mark.parametrize("classes", [{}, {"a": ["soup"] * 9}, {"a": ["soup"] * 9, "b": ["nothing known"] * 9}])
def test_tasks_that_tell_nothing_apart_leave_the_vectors_as_they_are(vectors: WordVectors, classes: dict) -> None:
    assert with_label_directions(vectors, [LabelledTask("one", classes)]) is vectors


@pytest.mark.parametrize(
    ("tensors", "metadata"),
    [
        ({"vectors": np.zeros((3, 4), np.float16)}, {"words": "a\nb"}),
        ({"vectors": np.zeros((2, 4), np.float16)}, None),
        ({"vectors": np.full((2, 4), np.nan, np.float16)}, {"words": "a\nb"}),
        ({"others": np.zeros((2, 4), np.float16)}, {"words": "a\nb"}),
    ],
)
def test_vectors_that_belong_to_no_words_are_refused(tensors: dict, metadata: Any, tmp_path: Path) -> None:
    save_file(tensors, tmp_path / FILE, metadata)
    with pytest.raises(UserError, match="has no vector for each of its words"):
        WordVectors.load(tmp_path)


def test_a_text_is_labelled_like_an_example_with_which_it_shares_no_word(model: TransformersModel) -> None:
    shown = [{"text": "cheese", "label": "x"}, {"text": "coach", "label": "y"}]
    found = [
        PromptPredictor(model).classify(text, ["x", "y"], shown, calibrate="examples")["label"]
        for text in ("soup bread", "a ship, a train")
    ]
    assert found == ["x", "y"]


def test_without_an_example_the_words_of_a_label_count(model: TransformersModel) -> None:
    similarity = ExampleSimilarity(model, ["text"], {"1": "bread", "2": "ship", "3": "unheard of"})
    bread, ship, unknown = similarity({"text": "soup and cheese"}, [])
    assert LABEL_WEIGHT > bread > ship + LABEL_WEIGHT / 2 and unknown == pytest.approx((bread + ship) / 2)
    unheard = ExampleSimilarity(model, ["text"], {"1": "unheard", "2": "of"})
    assert unheard({"text": "soup and cheese"}, []).tolist() == [0, 0]


def test_training_saves_them_beside_a_plain_causal_model(tmp_path: Path) -> None:
    data = tmp_path / "texts.txt"
    data.write_text("\n".join(TEXTS), encoding="utf-8")
    for wanted in (True, False):
        task = build_pretrain(chosen(data=str(data), word_vectors=wanted))
        folder = tmp_path / str(wanted)
        folder.mkdir()
        task.save(task.model, folder)
        AutoModelForCausalLM.from_pretrained(folder)
        loaded: Any = TransformersModel.load(folder).word_vectors
        assert {"soup", "train"} <= set(loaded.words) if wanted else loaded is None


def test_training_on_keeps_those_of_the_weights(tmp_path: Path) -> None:
    data, start, on = tmp_path / "texts.txt", tmp_path / "start", tmp_path / "on"
    data.write_text("\n".join(TEXTS), encoding="utf-8")
    new, trained_on = (
        chosen(data=str(data), word_vectors=True),
        {"data": str(data), "model": str(start), "max_length": 48},
    )
    for folder, values in ((start, new), (on, parse_settings(PretrainSettings, {**trained_on, "device": "cpu"}))):
        folder.mkdir()
        task = build_pretrain(values)
        task.save(task.model, folder)
    assert (on / FILE).read_bytes() == (start / FILE).read_bytes()
