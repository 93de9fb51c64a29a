"""Look inside: what masking does to a text, how words are split, where sentences lie, what heads look at."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import BertConfig, BertForMaskedLM, BertModel

from plugins.bert_finetune import PLUGIN
from plugins.bert_finetune.encode.endpoints import Encode
from plugins.bert_finetune.inspect.attention import attention, attention_by_target
from plugins.bert_finetune.inspect.masking import sample_masking
from plugins.bert_finetune.inspect.pairs import takes_pairs
from plugins.bert_finetune.inspect.sentence_map import sentence_map
from plugins.bert_finetune.inspect.tokenisation import split_words
from plugins.bert_finetune.models.wordpiece import train_wordpiece
from plugins.bert_finetune.pretrain.endpoints import FillMask
from plugins.bert_finetune.ui import (
    inspect_explanation,
    inspect_sentence_map,
    try_answer,
    try_classify,
    try_pretrain,
    try_tag,
)
from plugins.bert_finetune.ui.inspect_sentence_map import grouped
from tests.bert_models import load
from training.errors import UserError

TEXTS = ["the striker scored a goal", "the bank raised its rates", "the judge dismissed the appeal", "harbour lantern"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("encoder")
    tokenizer = train_wordpiece(TEXTS * 3, 120, 64)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    BertForMaskedLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return load(folder)


def test_masking_shows_every_token_and_what_was_done_to_it(model: Any) -> None:
    text = " ".join(TEXTS)
    seen: list[str] = []
    for seed in range(60):
        shown = sample_masking(model, text, 0.2, "token", seed)
        assert len(shown) == len(model.tokenizer(text)["input_ids"])
        seen += [done for _, done in shown if done]
    share = {done: seen.count(done) / len(seen) for done in set(seen)}
    assert 0.7 < share["masked"] < 0.9 and 0.03 < share["replaced at random"] < 0.2 and 0.03 < share["kept"] < 0.2


def test_another_step_draws_other_tokens(model: Any) -> None:
    first, same, second = (sample_masking(model, TEXTS[0], 0.3, "token", seed) for seed in (0, 0, 1))
    assert first == same != second


def test_words_in_most_pieces_come_first(model: Any) -> None:
    found = split_words(model, "the judge electrocardiogram the")
    assert found["words"] == 4 and found["rows"][0][0] == "electrocardiogram" and found["subwords_per_word"] > 1
    assert split_words(model, "日本 the")["unknown"] == 0.5


def test_the_map_keeps_the_largest_differences(model: Any) -> None:
    places, shares = sentence_map(model, TEXTS)
    assert places.shape == (4, 2) and shares[0] >= shares[1] and np.allclose(places.mean(0), 0, atol=1e-5)


def test_habits_of_heads_are_told_apart(model: Any) -> None:
    tokens = ["[CLS]", "a", "b", "a", "[SEP]"]
    before = np.vstack([np.eye(5)[:1], np.eye(5, k=-1)[1:]])
    last = np.broadcast_to(np.eye(5)[4], (5, 5))
    found = attention_by_target(model.tokenizer, tokens, np.stack([before, last])[None])
    assert {kind: shares.round(2).tolist() for kind, shares in found.items()} == {
        "the previous token": [[0.8, 0.0]],
        "the next token": [[0.0, 0.2]],
        "itself": [[0.2, 0.2]],
        "special tokens": [[0.4, 1.0]],
        "the same token elsewhere": [[0.0, 0.0]],
    }


def test_attention_of_every_row_adds_up_to_one(model: Any) -> None:
    tokens, values = attention(model, TEXTS[0])
    assert values.shape == (2, 2, len(tokens), len(tokens)) and np.allclose(values.sum(-1), 1, atol=1e-5)


def test_a_classifier_shows_every_layer_and_maps_whole_sentences() -> None:
    classifier = load(PLUGIN.starters["bert-6x192-sentiment"])
    tokens, values = attention(classifier, "a warm and funny film")
    assert values.shape == (6, 6, len(tokens), len(tokens)) and np.allclose(values.sum(-1), 1, atol=1e-4)
    places, _ = sentence_map(classifier, ["a warm film", "a dull film", "the plot goes nowhere"])
    assert places.shape == (3, 2) and np.isfinite(places).all()


def test_what_cannot_be_looked_at_is_told(model: Any) -> None:
    for look, words in (
        (lambda: sample_masking(model, " ", 0.15, "token", 0), "empty"),
        (lambda: split_words(model, " "), "no word"),
        (lambda: sentence_map(model, ["one", "two"]), "2 texts given; 3 to 500"),
        (lambda: attention(model, ""), "empty"),
    ):
        with pytest.raises(UserError, match=words):
            look()


def test_of_a_huge_text_only_what_is_read_is_explained():
    """A copy of the whole text for each word took all memory of the machine."""
    classifier = load(PLUGIN.starters["bert-6x192-sentiment"])
    found, short = (classifier.explain("a good film . " * count) for count in (20_000, 3))
    assert len(found["words"]) + found["words_left_out"] == 80_000
    assert len(found["words"]) <= classifier.max_length and found["words"][-1]["weight"] != 0
    assert (len(short["words"]), short["words_left_out"]) == (12, 0)


def test_an_encoder_without_a_head_gives_all_but_guesses(model: Any, tmp_path: Path) -> None:
    BertModel(model.model.config).save_pretrained(tmp_path)
    model.tokenizer.save_pretrained(tmp_path)
    bare = load(tmp_path)
    assert len(bare.embed(TEXTS[0])) == 16
    assert attention(bare, TEXTS[0])[1].shape[:2] == (2, 2)
    assert sentence_map(bare, TEXTS)[0].shape == (4, 2)
    assert split_words(bare, TEXTS[0])["words"] == 5
    assert isinstance(bare, Encode) and not isinstance(bare, FillMask)


def test_groups_of_sentences_are_separated_by_empty_lines() -> None:
    assert grouped("\n a \nb\n\n\nc\n") == [("a", "group 1"), ("b", "group 1"), ("c", "group 2")]


def test_a_second_text_is_asked_for_by_models_of_pairs_alone() -> None:
    classifier = load(PLUGIN.starters["bert-6x192-sentiment"])
    assert not takes_pairs(classifier)
    classifier.facts = {"text_column": "premise", "text_pair_column": "hypothesis"}
    assert takes_pairs(classifier)
    classifier.facts = {}  # of the Hub: nothing is known of its training
    assert takes_pairs(classifier)


def test_the_first_example_of_each_box_is_right() -> None:
    def starter(name: str) -> Any:
        return load(PLUGIN.starters[name])

    questions = starter("bert-6x192-questions")
    answers = [questions.answer(*example) for example in try_answer.EXAMPLES]
    assert [answer["answer"] for answer in answers[:3]] == ["Michael Collins", "26,000", "330 metres tall"]
    labels = [starter("bert-6x192-sentiment").classify(text)["label"] for text in try_classify.EXAMPLES]
    assert labels == ["positive", "negative", "negative", "negative"]
    encoder = starter("bert-6x192")
    words = [encoder.fill_mask(text)["masks"][0][0]["word"] for text in try_pretrain.MASKED[:3]]
    assert words == ["states", "york", "head"]
    assert [encoder.next_sentence(*pair)["follows"] for pair in try_pretrain.PAIRS] == [True, True, False]
    entities = starter("bert-6x192-entities").tag(try_tag.EXAMPLES[0])["entities"]
    assert ("Radiohead", "artist") in [(entity["text"], entity["label"]) for entity in entities]


def test_the_first_explanation_has_words_on_both_sides() -> None:
    result = load(PLUGIN.starters["bert-6x192-sentiment"]).explain(inspect_explanation.EXAMPLES[0])
    weights = {word["word"]: word["weight"] for word in result["words"]}
    assert result["label"] == "negative" and weights["dull"] > 5 and weights["good"] < -1


def test_groups_of_the_first_map_lie_apart() -> None:
    named = grouped(inspect_sentence_map.SENTENCES)
    places, _ = sentence_map(load(PLUGIN.starters["bert-6x192"]), [text for text, _ in named])
    groups = places.reshape(3, 3, 2)
    within = np.linalg.norm(groups - groups.mean(1, keepdims=True), axis=-1).max()
    centres = groups.mean(1)
    assert within < min(np.linalg.norm(centres[a] - centres[b]) for a, b in ((0, 1), (0, 2), (1, 2))) / 2


def test_calls_at_once_do_not_change_each_others_padding_and_truncation() -> None:
    tokenizer = load(PLUGIN.starters["bert-6x192"]).tokenizer
    long = "the river flows through the city " * 20

    def cut(number: int) -> int:
        return len(tokenizer(long, truncation=True, max_length=8 + number % 5)["input_ids"]) - number % 5

    def padded(_: int) -> int:
        ids = tokenizer(["a river", "the river flows"], padding=True)["input_ids"]
        return len(ids[0]) - len(ids[1])

    with ThreadPoolExecutor(8) as pool:
        for lengths, differences in zip(pool.map(cut, range(400)), pool.map(padded, range(400)), strict=True):
            assert (lengths, differences) == (8, 0)
