"""Prompts as experiments: templates, labels, examples, calibration, what fits, evaluation, two prompts compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.gpt_prompting.inspect import attention
from plugins.gpt_prompting.models import STARTER
from plugins.gpt_prompting.models.interface import Sampling
from plugins.gpt_prompting.models.transformers_model import TransformersModel
from plugins.gpt_prompting.prompting import calibration, chat, demonstrations
from plugins.gpt_prompting.prompting.context_window import ContextFitter
from plugins.gpt_prompting.prompting.evaluation import evaluate
from plugins.gpt_prompting.prompting.example_similarity import ExampleSimilarity
from plugins.gpt_prompting.prompting.label_scoring import LabelScorer
from plugins.gpt_prompting.prompting.labelled_rows import read_rows
from plugins.gpt_prompting.prompting.metrics import calibration_error, classification_metrics, confusion, mcnemar
from plugins.gpt_prompting.prompting.predictor import PromptPredictor
from plugins.gpt_prompting.prompting.prompt_comparison import compare
from plugins.gpt_prompting.prompting.prompts import (
    DEFAULT_TEMPLATE,
    Prompt,
    fill,
    make_prompt,
    parse_labels,
    parse_prompt,
    variables,
)
from plugins.gpt_prompting.ui import try_prompt
from tests import tiny_gpt
from training.errors import UserError

LABELS = ["good", "bad"]
TEMPLATE = DEFAULT_TEMPLATE


@pytest.fixture(scope="module")
def model() -> TransformersModel:
    words, network = tiny_gpt.taught()
    return TransformersModel(words, network)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gpt.write_reviews(tmp_path_factory.mktemp("data") / "reviews.csv", 80)


def prompt(**more: Any) -> Prompt:
    return make_prompt(TEMPLATE, LABELS, **more)


# -- the text of a prompt ------------------------------------------------------------------------------------------------


def test_a_prompt_is_instruction_examples_and_query() -> None:
    found = make_prompt(
        "Review: {text}\nVerdict: {label}", ["good=great", "bad=poor"], [{"text": "x", "label": "bad"}], "Judge."
    )
    assert found.text({"text": "y"}) == "Judge.\n\nReview: x\nVerdict: poor\n\nReview: y\nVerdict:"
    assert found.continuation("good") == " great"


def test_braces_in_a_text_are_text_and_doubled_ones_are_braces() -> None:
    assert fill("{{a}} {text}", {"text": "{label}"}) == "{a} {label}"
    assert variables("{{a}} {text} {text} {label}") == ["text", "label"]


@given(st.text("a{}:\n\\label ", max_size=12))
def test_any_value_stands_in_the_prompt_as_it_is(text: str) -> None:
    assert prompt().text({"text": text}) == f"Text: {text}\nLabel:"


@pytest.mark.parametrize(
    ("template", "labels", "rows", "words"),
    [
        ("Text: {text}", LABELS, [], "no {label}"),
        ("Label: {label}", LABELS, [], "no variable beside"),
        (TEMPLATE, ["good"], [], "Give 2 to 200 labels; there is 1"),
        (TEMPLATE, ["good", " "], [], "A label is empty"),
        (TEMPLATE, ["good", "good"], [], "occurs twice"),
        (TEMPLATE, ["good=fine", "bad=fine"], [], "same words 'fine'"),
        (TEMPLATE, LABELS, [{"text": "x", "label": "ugly"}], "'ugly', which is not in the list: good, bad"),
        (TEMPLATE, LABELS, [{"label": "good"}], "Example 1 lacks text"),
    ],
)
def test_a_prompt_that_cannot_be_is_refused_with_the_reason(
    template: str, labels: list[str], rows: list[dict[str, str]], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        make_prompt(template, labels, rows)


def test_a_saved_prompt_comes_back_as_it_was() -> None:
    found = prompt(examples=[{"text": "ü {x}", "label": "bad"}], instruction="Say.", calibrate="pmi")
    assert parse_prompt(found.to_json()) == found
    for text in ("", "[]", "{}", '{"schema": "other/1"}', json.dumps({"schema": "selfsup-prompt/1", "strange": 1})):
        with pytest.raises(UserError, match="is not a prompt"):
            parse_prompt(text)


def test_labels_may_have_other_words() -> None:
    assert parse_labels(["good = very fine", "bad"]) == {"good": "very fine", "bad": "bad"}


# -- labels --------------------------------------------------------------------------------------------------------------


def test_a_taught_model_labels_unseen_reviews(model: TransformersModel) -> None:
    """Chance is a half; the model was taught this very task."""
    rows = tiny_gpt.reviews(60, seed=11)
    found = list(LabelScorer(model, prompt()).label(rows))
    assert np.mean([one.label == row["label"] for one, row in zip(found, rows, strict=True)]) > 0.9
    assert all(sum(one.probabilities.values()) == pytest.approx(1) for one in found)


@pytest.mark.parametrize("calibrate", calibration.CONTENT_FREE and ["none", "contextual", "domain", "examples", "pmi"])
def test_scores_are_a_distribution_even_if_a_label_begins_another(model: TransformersModel, calibrate: str) -> None:
    found = PromptPredictor(model).classify("a dull plot", ["bad", "bad film", "good"], calibrate=calibrate)
    assert sum(found["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert found["scores"]["bad"] != found["scores"]["bad film"]


def test_a_label_that_begins_another_is_scored_with_what_ends_it(model: TransformersModel) -> None:
    assert LabelScorer(model, make_prompt(TEMPLATE, ["bad", "bad film"])).verbalizers == [" bad\n\n", " bad film\n\n"]
    assert LabelScorer(model, prompt()).verbalizers == [" good", " bad"]


def test_contextual_calibration_makes_content_free_inputs_even() -> None:
    free = np.log(np.array([[0.8, 0.2]]))
    assert calibration.contextual(free, free) == pytest.approx(np.array([[0.5, 0.5]]))


def test_contextual_calibration_averages_over_the_content_free_inputs() -> None:
    free = np.log(np.array([[0.8, 0.2], [0.4, 0.6]]))  # on average 0.6 and 0.4
    assert calibration.contextual(np.log(np.array([[0.6, 0.4]])), free) == pytest.approx(np.array([[0.5, 0.5]]))


def test_domain_calibration_asks_with_the_words_of_the_examples() -> None:
    shown = [{"text": "red blue", "label": "a"}, {"text": "green green green grey", "label": "b"}]
    rows = calibration.random_word_rows(shown, ["text"])
    words = [row["text"].split() for row in rows]
    assert len(rows) == 20 and {len(each) for each in words} == {3}
    assert {word for each in words for word in each} == {"red", "blue", "green", "grey"}
    assert rows == calibration.random_word_rows(shown, ["text"])


def test_domain_calibration_makes_random_words_even(model: TransformersModel) -> None:
    """On average over such texts no label is more probable than another, whatever the examples make of them."""
    shown = tiny_gpt.reviews(3, seed=4)
    asked = replace(prompt(examples=shown), calibrate="domain")
    rows = calibration.random_word_rows(shown, asked.fields)
    raw, calibrated = (
        np.mean([list(one.probabilities.values()) for one in LabelScorer(model, each).label(rows)], axis=0)
        for each in (replace(asked, calibrate="none"), asked)
    )
    assert abs(calibrated[0] - 0.5) < abs(raw[0] - 0.5) / 2, (raw, calibrated)


def test_domain_calibration_without_examples_is_contextual(model: TransformersModel) -> None:
    found = [
        PromptPredictor(model).classify("a dull plot", ["bad", "good"], calibrate=each)["probabilities"]
        for each in ("domain", "contextual", "none")
    ]
    assert found[0] == found[1] != found[2]


def test_a_text_is_labelled_like_the_examples_it_resembles(model: TransformersModel) -> None:
    """Whatever the model says: the labels stand for nothing that it was taught."""
    shown = [
        {"text": "the soup was cold", "label": "kitchen"}, {"text": "a cold and watery soup", "label": "kitchen"},
        {"text": "the train came late", "label": "travel"}, {"text": "late again, this train", "label": "travel"},
    ]  # fmt: skip
    similarity = ExampleSimilarity(model, ["text"], {each: each for each in ("travel", "kitchen", "other")})
    travel, kitchen, other = similarity({"text": "my soup is cold"}, shown)
    assert kitchen > travel + 1 and other == pytest.approx((travel + kitchen) / 2)
    assert similarity({"text": "my soup is cold"}, []).tolist() == [0, 0, 0]
    assert similarity({"text": "?"}, [{"text": " ", "label": "other"}]).tolist() == [0, 0, 0]
    found = [
        PromptPredictor(model).classify(text, ["travel", "kitchen"], shown, calibrate="examples")["label"]
        for text in ("no train so late", "nothing but soup, cold")
    ]
    assert found == ["travel", "kitchen"]


def test_pmi_takes_off_what_the_premise_says_anyway() -> None:
    scores, premise = np.log(np.array([[0.4, 0.4]])), np.log(np.array([0.8, 0.2]))
    assert calibration.pmi(scores, premise) == pytest.approx(np.array([[0.2, 0.8]]))


def test_no_parameter_changes(model: TransformersModel, file: Path) -> None:
    *_, last = PromptPredictor(model).evaluate(file, LABELS, rows=10)
    assert last["parameters_sha256"]["unchanged"] and last["parameters_sha256"]["before"] == model.fingerprint()


# -- examples ------------------------------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from("abc"), min_size=3, max_size=40), st.integers(0, 9))
def test_balanced_examples_are_as_even_as_can_be(labels: list[str], seed: int) -> None:
    rows = [{"text": str(at), "label": label} for at, label in enumerate(labels)]
    count = len({*labels})
    chosen = demonstrations.select(rows, count, "balanced", seed)
    assert {row["label"] for row in chosen} == {*labels} and len({row["text"] for row in chosen}) == count
    assert demonstrations.select(rows, count, "balanced", seed) == chosen


def test_the_nearest_example_stands_next_to_the_query_and_is_never_the_query() -> None:
    rows = [{"text": text, "label": "x"} for text in ("the bank raised rates", "a goal in overtime", "bank rates fell")]
    [found] = demonstrations.NearestNeighbours(rows, ["text"])([{"text": "the bank raised rates"}], 2)
    assert [row["text"] for row in found] == ["a goal in overtime", "bank rates fell"]


def test_nearness_by_the_models_vectors_finds_the_same_words(model: TransformersModel) -> None:
    rows = [{"text": text, "label": "x"} for text in ("a warm film", "a dull plot", "a tired song")]
    [found] = demonstrations.nearest_neighbours(rows, ["text"], "nearest", model)([{"text": "a dull , dull plot"}], 1)
    assert found == [rows[1]]


def test_more_examples_than_rows_are_refused() -> None:
    with pytest.raises(UserError, match="5 examples were asked for; there are 1"):
        demonstrations.select([{"text": "x", "label": "a"}], 5, "random", 0)


# -- what fits -----------------------------------------------------------------------------------------------------------


def test_examples_that_do_not_fit_are_dropped_from_the_far_end_and_named(model: TransformersModel) -> None:
    shots = tiny_gpt.reviews(40, seed=2)
    found = PromptPredictor(model).classify("a warm film", LABELS, shots)
    dropped = found["dropped_examples"]
    assert dropped == list(range(len(dropped))) and 0 < len(dropped) < 40
    assert model.count(found["prompt"]) <= model.context and shots[-1]["text"] in found["prompt"]
    one_more = prompt(examples=shots[len(dropped) - 1 :])
    assert model.count(one_more.text({"text": "a warm film"})) > model.context - 4 - 1


def test_a_text_that_is_too_long_is_cut_and_that_is_said(model: TransformersModel) -> None:
    found = PromptPredictor(model).classify("a warm film " * 300, LABELS, tiny_gpt.reviews(2))
    assert found["text_truncated"] and found["dropped_examples"] == [0, 1]
    assert found["prompt"].endswith("\nLabel:") and model.count(found["prompt"]) < model.context


def test_an_instruction_longer_than_the_context_is_refused(model: TransformersModel) -> None:
    with pytest.raises(UserError, match="shorten the instruction"):
        ContextFitter(model, prompt(instruction="say " * 300), 1).fit({"text": "x"})


# -- evaluation ----------------------------------------------------------------------------------------------------------


def test_measures_of_a_known_case() -> None:
    truth, said = ["a", "a", "b", "b"], ["a", "b", "b", "b"]
    found = classification_metrics(truth, said, [0.9, 0.6, 0.8, 0.7])
    assert found["accuracy"] == 0.75 and found["macro_f1"] == pytest.approx((2 / 3 + 0.8) / 2)
    assert found["low"] == pytest.approx(0.3006, abs=1e-3) and found["high"] == pytest.approx(0.9544, abs=1e-3)
    assert confusion(truth, [*said[:3], ""], ["a", "b"]) == {
        "columns": ["true label", "a", "b", "(none)"],
        "rows": [["a", 1, 1, 0], ["b", 0, 1, 1]],
    }


def test_calibration_error_is_the_gap_between_sure_and_right() -> None:
    assert calibration_error(np.array([True, False]), np.array([0.75, 0.75])) == pytest.approx(0.25)
    assert calibration_error(np.array([True, True]), np.array([1.0, 1.0])) == 0


def test_mcnemar_looks_at_the_rows_that_only_one_gets_right() -> None:
    """9 against 1 of ten: twice the binomial's tail of 11 in 1,024."""
    found = mcnemar([True] * 9 + [False] + [True] * 50, [False] * 9 + [True] + [True] * 50)
    assert found == {"only_first": 9, "only_second": 1, "p_value": pytest.approx(22 / 1024)}
    assert mcnemar([True], [True])["p_value"] == 1


def test_a_file_is_measured_row_by_row(model: TransformersModel, file: Path) -> None:
    states = list(PromptPredictor(model).evaluate(file))
    last = states[-1]
    assert last["done"] == last["total"] == 80 and last["metrics"]["accuracy"] > 0.9
    assert last["metrics"]["low"] < last["metrics"]["accuracy"] <= last["metrics"]["high"] <= 1
    assert len(last["predictions"]) == 80 and last["predictions"][0]["line"] == 2
    assert sum(map(sum, (row[1:] for row in last["confusion"]["rows"]))) == 80


@pytest.mark.parametrize("choice", ["random", "balanced", "nearest", "nearest_words"])
def test_examples_out_of_the_file_are_not_measured_on(model: TransformersModel, file: Path, choice: str) -> None:
    *_, last = PromptPredictor(model).evaluate(file, shots=3, selection=choice, rows=20)
    assert last["total"] == 20 and last["metrics"]["accuracy"] > 0.6
    data = read_rows(file, TEMPLATE)
    *_, found = evaluate(model, make_prompt(TEMPLATE, LABELS), data, shots=3, selection=choice)
    shown = {example["text"] for answer in found.predictions for example in answer.fitted.examples}
    assert shown and len(found.rows) + len(shown) <= 80 + 3


def test_a_stopped_evaluation_keeps_its_part(
    model: TransformersModel, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.gpt_prompting.prompting.evaluation.YIELD_SECONDS", 0.0)
    stream = evaluate(model, prompt(), read_rows(file, TEMPLATE))
    part = [next(stream) for _ in range(5)][-1]
    stream.close()
    assert part.record()["done"] == 5 and part.write().read_text().count("\n") == 81


def test_files_that_do_not_fit_are_refused(model: TransformersModel, file: Path, tmp_path: Path) -> None:
    for asked, words in (
        ({"labels": ["good", "fine"]}, "labels that are not in the list: bad"),
        ({"template": "{premise} {label}"}, "no column premise"),
        ({"label_column": "mark"}, "mark"),
        ({"shots": 60}, "leave too few"),
        ({"shots": 2, "selection": "best"}, "'best' was given"),
    ):
        with pytest.raises(UserError, match=words):
            list(PromptPredictor(model).evaluate(file, **asked))
    empty = tmp_path / "empty.csv"
    empty.write_text("text,label\n,good\n x ,\n")
    with pytest.raises(UserError, match="no row with a value for each of"):
        list(PromptPredictor(model).evaluate(empty, ["good", "bad"]))


def test_two_prompts_are_compared_on_the_same_rows(model: TransformersModel, file: Path) -> None:
    """The second swaps the words of the labels, so it is wrong wherever the first is right."""
    swapped = make_prompt(TEMPLATE, ["good=bad", "bad=good"])
    *_, found = compare(model, prompt(), swapped, read_rows(file, TEMPLATE), max_rows=30)
    assert found["first"]["metrics"]["accuracy"] > 0.9 > 0.1 > found["second"]["metrics"]["accuracy"]
    assert found["test"]["p_value"] < 0.001 and len(found["disagreements"]) == 20


# -- chat ----------------------------------------------------------------------------------------------------------------


def said(*turns: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[at % 2], "content": turn} for at, turn in enumerate(turns)]


def test_a_model_without_a_template_gets_a_plain_transcript_that_ends_at_the_next_turn(
    model: TransformersModel,
) -> None:
    *_, last = chat.chat(model, said("hello"), Sampling(new_tokens=20, temperature=0))
    assert last["template"] == "plain transcript" and "\nUser:" not in last["text"]


def test_a_models_own_template_is_used_and_its_refusal_told() -> None:
    words, network = tiny_gpt.taught()
    import copy

    own = copy.deepcopy(words)
    own.chat_template = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}Text: {{ m.content }}\nLabel:{% endfor %}"
    model = TransformersModel(own, network)
    *_, last = chat.chat(model, said("a warm film and a lovely plot"), Sampling(new_tokens=1, temperature=0))
    assert last["template"] == "the model's own" and last["text"] == " good"
    with pytest.raises(UserError, match="refuses this dialogue: no system"):
        list(chat.chat(model, [{"role": "system", "content": "x"}, *said("y")], Sampling()))


def test_the_oldest_turns_go_first_and_the_system_prompt_stays(model: TransformersModel) -> None:
    turns = [{"role": "system", "content": "Be kind."}, *said(*["a warm film and a dull plot"] * 21)]
    *_, last = chat.chat(model, turns, Sampling(new_tokens=8))
    assert last["dropped_messages"] == list(range(1, 1 + len(last["dropped_messages"]))) and last["dropped_messages"]
    assert len(last["dropped_messages"]) % 2 == 0 and last["prompt_tokens"] + 8 <= model.context


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "last message must be the user's"),
        (said("a", "b"), "last message must be the user's"),
        ([{"role": "robot", "content": "x"}], "a role"),
        ([{"role": "user", "content": 5}], "a role"),
        ([*said("a"), {"role": "system", "content": "x"}], "only the first message may be"),
        (said("long " * 500), "shorten it"),
    ],
)
def test_dialogues_that_cannot_be_are_refused(model: TransformersModel, messages: list[Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        list(PromptPredictor(model).chat(messages))


# -- look inside -----------------------------------------------------------------------------------------------------------


def test_attention_never_looks_ahead_and_adds_up_to_one(model: TransformersModel) -> None:
    tokens, weights, _ = attention.head_attention(PromptPredictor(model), "a warm film and a dull plot")
    assert weights.shape == (2, 4, len(tokens), len(tokens)) and np.allclose(weights.sum(-1), 1, atol=1e-5)
    assert np.triu(weights, 1).max() == 0
    assert model.model.config._attn_implementation == "sdpa"


def test_surprise_is_perplexity_and_bits_per_byte(model: TransformersModel) -> None:
    expected, odd = (PromptPredictor(model).score(text) for text in ("Text: a warm film", "film: film Text warm"))
    assert expected["loss"] < odd["loss"] and expected["perplexity"] == pytest.approx(
        np.exp(expected["loss"]), rel=1e-3
    )
    bits = expected["loss"] * expected["tokens_scored"] / np.log(2) / len("Text: a warm film")
    assert expected["bits_per_byte"] == pytest.approx(bits, rel=1e-3)


def test_induction_is_a_share_a_head(model: TransformersModel) -> None:
    found = attention.induction_scores(model)
    assert found.shape == (2, 4) and ((found >= 0) & (found <= 1)).all()


def test_the_look_back_at_labels_finds_their_tokens(model: TransformersModel) -> None:
    shots = tiny_gpt.reviews(4, seed=8)
    found = attention.attention_to_labels(
        PromptPredictor(model), prompt(examples=shots, instruction="Judge."), "a warm film"
    )
    assert [one["label"] for one in found["by_example"]] == [shot["label"] for shot in shots]
    labels = [at for at, piece in enumerate(found["tokens"]) if piece in (" good", " bad")]
    assert sum(one["attention"] for one in found["by_example"]) == pytest.approx(
        found["weights"][labels].sum(), abs=1e-3
    )


def test_a_head_that_always_looks_at_one_label_is_not_the_one_described() -> None:
    starter = PromptPredictor(TransformersModel.load(STARTER))
    examples = [dict(zip(("text", "label"), row, strict=True)) for row in try_prompt.EXAMPLES]
    made = make_prompt(DEFAULT_TEMPLATE, ["music", "weather"], examples, try_prompt.INSTRUCTION)
    for text, answer in zip(try_prompt.TEXTS, ("weather", "music", "weather"), strict=True):
        found = attention.attention_to_labels(starter, made, text)
        looked_at = dict.fromkeys(("music", "weather"), 0.0)
        for one in found["by_example"]:
            looked_at[one["label"]] += one["attention"]
        assert (
            found["answer"] == answer and looked_at[answer] > 0.5 and looked_at[answer] > 0.8 * sum(looked_at.values())
        )


def test_the_next_token_is_a_distribution(model: TransformersModel) -> None:
    found = PromptPredictor(model).next_token("Text: a warm film and a lovely plot\nLabel:", 200)
    assert found[0]["token"] == " good" and sum(one["probability"] for one in found) <= 1.0001
    with pytest.raises(UserError, match="1 to 200"):
        PromptPredictor(model).next_token("x", 0)


def test_the_label_has_a_share_of_the_width_whatever_the_template_asks_for() -> None:
    from plugins.gpt_prompting.ui.prompt_form import update_headers

    table = update_headers("{text} {label}", [["a", "good"]])
    assert [float(width.rstrip("%")) for width in table.column_widths] == [67, 33]
    table = update_headers("{premise} {hypothesis} {label}", [["a", "good"]])
    assert [float(width.rstrip("%")) for width in table.column_widths] == [37, 37, 25]
