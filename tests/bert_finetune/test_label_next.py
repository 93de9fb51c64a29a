"""Label next: which texts are chosen, what is estimated, and what becomes of a table of labels."""

from __future__ import annotations

import csv
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies

from plugins.bert_finetune import starter
from plugins.bert_finetune.encode.predictor import EncoderPredictor, load
from plugins.bert_finetune.label import desk, vector_cache
from plugins.bert_finetune.label.choose import NEARNESS, NEIGHBOUR, covering_rows, doubt
from plugins.bert_finetune.label.head import Head, Labelled, estimate, unit
from plugins.bert_finetune.label.pool import Pool, make_pool, read_pool
from plugins.bert_finetune.label.rounds import next_round
from plugins.bert_finetune.text_rows import read_text_rows
from plugins.bert_finetune.ui import try_label
from plugins.bert_finetune.ui.text_columns import named_columns
from tests.bert_finetune import labelling
from tests.bert_finetune.labelling import TOPICS
from tests.files import write
from training.data.table import read_table
from training.errors import UserError
from training.labelling.desk import add_name, delete
from training.labelling.sampling import random_order, random_sample, wilson
from training.labelling.sessions import TEXTS, Labels, labels_of, open_session

encoder, own_home = labelling.encoder, labelling.own_home  # fixtures


def blobs(sizes: list[int], spread: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Vectors around one axis each, and the number of the axis."""
    random = np.random.default_rng(0)
    of = np.repeat(np.arange(len(sizes)), sizes)
    return unit(np.eye(8)[of] + random.normal(0, spread, (len(of), 8))), of


def pool_of(texts: int, labels: dict[int, str], conflicts: dict[int, tuple[str, ...]] | None = None) -> Pool:
    table: Any = None
    return Pool(table, (), "", tuple(f"text {row}" for row in range(texts)), (), labels, conflicts or {})


NONE = np.array([], int)


def test_first_come_texts_from_the_middle_of_each_cluster_and_no_outlier():
    vectors, of = blobs([30, 20, 10])
    vectors = np.concatenate([vectors, unit(-np.eye(8)[:1])])  # far from all
    chosen = covering_rows(vectors, np.arange(61), np.ones(61), NONE, 3)
    assert of[chosen].tolist() == [0, 1, 2]  # the largest first
    middle = unit(np.stack([vectors[:60][of == each].mean(0) for each in range(3)]))
    nearness = (vectors[chosen] * middle[of[chosen]]).sum(1)
    usual = [np.median(vectors[:60][of == each] @ middle[each]) for each in of[chosen]]
    assert (nearness > usual).all()


def test_a_labelled_cluster_is_left_for_one_without_a_label():
    vectors, of = blobs([30, 20])
    chosen = covering_rows(vectors, np.arange(1, 50), np.ones(49), np.array([0]), 1)
    assert of[chosen].tolist() == [1]


@given(strategies.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_each_choice_adds_most_to_what_the_chosen_texts_stand_for(seed: int):
    """Beside a search that computes every gain each time."""
    random = np.random.default_rng(seed)
    vectors, weights = unit(random.normal(size=(40, 3))), random.random(40)
    distances = 1 - vectors @ vectors.T
    similarity = np.exp(-distances / (NEARNESS * np.median(np.sort(distances)[:, NEIGHBOUR])))
    covered, expected = np.zeros(40), list[int]()
    for _ in range(6):
        gains = np.clip(similarity - covered, 0, None) @ weights
        expected.append(int(gains.argmax()))
        covered = np.maximum(covered, similarity[expected[-1]])
    assert covering_rows(vectors, np.arange(40), weights, NONE, 6).tolist() == expected


def test_doubtful_texts_come_first_and_not_the_same_ten_times():
    between = unit(
        np.array([[1, 1, 0, 0]] * 8 + [[0, 1, 1, 0]] * 8) + np.random.default_rng(0).normal(0, 0.01, (16, 4))
    )
    sure = unit(np.eye(4)[[0, 1, 2] * 40] + 0.01)
    vectors = np.concatenate([between, sure]).astype(np.float32)
    head = Head(np.eye(4, dtype=np.float32)[[0, 1, 2]], np.array(["a", "b", "c"]))
    weights = doubt(head.probabilities(vectors))
    assert weights[:16].min() > 2 * weights[16:].max()
    chosen = covering_rows(vectors, np.arange(16), weights[:16], NONE, 2)
    assert sorted(row // 8 for row in chosen) == [0, 1]  # one from each of the two places
    same = np.repeat(vectors[:1], 30, 0)
    found = covering_rows(same, np.arange(30), np.ones(30), NONE, 10)
    assert len(set(found.tolist())) == 10


def test_random_sample_is_the_labelled_start_of_an_order_that_another_day_repeats():
    texts = tuple(f"text {row}" for row in range(200))
    order = random_order(texts)
    assert sorted(order.tolist()) == list(range(200))
    assert (random_order(texts) == order).all()
    assert order.tolist() != list(range(200))
    drawn, others = order[:10], order[150:190]
    assert random_sample(order, np.concatenate([others, drawn])).tolist() == drawn.tolist()
    assert len(random_sample(order, others)) == 0
    skipped_one = np.delete(order[:11], 5)
    assert random_sample(order, np.concatenate([others, skipped_one])).tolist() == skipped_one.tolist()
    assert len(random_sample(order, order)) == 40  # of a file with all labels a fifth, so that there is a rest to fit


def test_the_estimate_is_the_share_of_right_answers_on_texts_drawn_at_random():
    """Each is answered by a model of all labels but those of its third."""
    vectors, of = blobs([40, 40], spread=0.4)
    picked, rows = np.arange(0, 80, 4), np.arange(1, 80, 2)
    part, whole = Head(vectors[picked], of[picked]), Head(vectors, of)
    sides = Labelled(picked, of[picked]), Labelled(rows, of[rows])
    rest = np.arange(2, 80, 4)
    found = estimate(vectors, *sides, part, whole, rest)
    assert found is not None
    hits = []
    for third in range(3):
        others = np.concatenate([picked, rows[np.arange(40) % 3 != third]])
        held = rows[np.arange(40) % 3 == third]
        hits += (Head(vectors[others], of[others]).predict(vectors[held]) == of[held]).tolist()
    assert found.new.accuracy == pytest.approx(np.mean(hits))
    assert (found.new.low, found.new.high) == pytest.approx(wilson(found.new.accuracy, 40))
    assert found.measured == 40
    assert found.agreement == np.mean(part.predict(vectors) == whole.predict(vectors))
    assert estimate(vectors, sides[0], Labelled(rows[:9], of[rows[:9]]), part, whole, rest) is None


def test_texts_on_which_the_model_is_surer_are_expected_to_be_right_more_often():
    vectors, of = blobs([60, 60], spread=0.8)
    picked, rows, others = np.arange(0, 120, 4), np.arange(1, 120, 2), np.arange(2, 120, 4)
    head = Head(vectors[picked], of[picked])
    sure = head.probabilities(vectors[others]).max(1)
    easy, hard = (others[np.argsort(sign * sure)[:10]] for sign in (-1, 1))
    sides = Labelled(picked, of[picked]), Labelled(rows, of[rows])
    expected = [estimate(vectors, *sides, head, head, part) for part in (easy, hard)]
    assert expected[0] and expected[1]
    assert expected[0].unlabelled.accuracy > expected[0].new.accuracy > expected[1].unlabelled.accuracy
    none = estimate(vectors, *sides, head, head, NONE)
    assert none and none.unlabelled == none.new


def test_wilson_interval():
    assert wilson(0.9, 20) == pytest.approx((0.6990, 0.9721), abs=1e-4)  # statsmodels' proportion_confint
    assert wilson(1.0, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)


def test_intervals_hold_the_accuracy_on_new_texts_and_on_those_without_a_label():
    """Twenty pools whose classes overlap: the intervals of 95 % hold each accuracy in eighteen at least."""
    held = []
    for seed in range(20):
        random = np.random.default_rng(seed)
        of = random.integers(0, 3, 4400)
        vectors = unit(np.eye(8)[of] + random.normal(0, 0.45, (4400, 8)))
        labels: dict[int, str] = {}
        for _ in range(3):
            found = next_round(pool_of(400, labels), vectors[:400], 40)
            labels |= {row: str(of[row]) for row in found.chosen}
        expected = next_round(pool_of(400, labels), vectors[:400], 10).estimate
        assert expected is not None
        rows = [*labels]
        hits = Head(vectors[rows], np.array([labels[row] for row in rows])).predict(vectors) == of.astype(str)
        new, rest = hits[400:].mean(), hits[np.setdiff1d(np.arange(400), rows)].mean()
        parts = (expected.new, new), (expected.unlabelled, rest)
        held.append([share.low <= truth <= share.high for share, truth in parts])
    assert (np.sum(held, axis=0) >= 18).all()


def test_texts_that_are_measured_with_had_no_part_in_the_choice_of_others():
    vectors, of = blobs([60, 60], spread=0.4)
    pool = pool_of(120, {})
    order = random_order(pool.texts)
    labels: dict[int, str] = {}
    for _ in range(4):
        found = next_round(pool_of(120, labels), vectors, 20)
        assert {*order[:24].tolist()} & {*found.chosen[:16]} == set()  # the last four are drawn
        labels |= {row: str(of[row]) for row in found.chosen}
    other = {**labels, **{row: "x" if label == "0" else "0" for row, label in labels.items() if row in order[:16]}}
    assert next_round(pool_of(120, labels), vectors, 20).chosen == next_round(pool_of(120, other), vectors, 20).chosen


def test_a_round_goes_from_typical_texts_to_doubtful_ones_and_ends():
    vectors, of = blobs([60, 60])
    labels: dict[int, str] = {}
    ways = []
    for _ in range(5):
        found = next_round(pool_of(120, labels), vectors, 30)
        ways.append(found.how)
        assert not set(found.chosen) & set(labels)
        labels |= {row: str(of[row]) for row in found.chosen}
    assert ways == ["coverage", "margin", "margin", "margin", "none left"]
    assert len(labels) == 120


def test_one_class_so_far_a_class_that_appears_later_skipped_texts_and_contradictions():
    vectors, of = blobs([10, 10, 10])
    one = next_round(pool_of(30, {0: "a", 1: "a"}), vectors, 5)
    assert ({*one.suggested}, one.estimate, one.how) == ({("", 0.0)}, None, "coverage")
    two = next_round(pool_of(30, {0: "a", 1: "a", 10: "b"}, {20: ("a", "b")}), vectors, 27, skipped=[21, 22])
    assert not {20, 21, 22} & set(two.chosen)
    assert {label for label, _ in two.suggested} == {"a", "b"}
    three = next_round(pool_of(30, {0: "a", 1: "a", 10: "b", 25: "late"}), vectors, 26)
    named = dict(zip(three.chosen, (label for label, _ in three.suggested), strict=True))
    assert {named[row] for row in named if of[row] == 2} == {"late"}


def table(folder: Path, rows: list[tuple[str, str]]) -> Path:
    path = folder / "texts.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


def test_texts_are_taken_once_and_other_labels_of_one_text_are_asked_about(tmp_path: Path):
    rows = [("a b", "x"), ("c d", ""), ("a b", "y"), (" ", "x"), ("c d", "y"), ("e f", "z"), ("e f", "z")]
    pool = read_pool(table(tmp_path, rows))
    assert pool.texts == ("a b", "c d", "e f")
    assert pool.labels == {1: "y", 2: "z"}
    assert pool.conflicts == {0: ("x", "y")}
    assert pool.notes() == [
        "1 row without a text left out.",
        "3 rows with the text of an earlier row: one label counts for all of them.",
    ]


def test_a_table_of_one_text_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="has 1 different text: two at least are needed"):
        read_pool(table(tmp_path, [("same", ""), ("same", "a")]))


def topics(count: int, labelled: int) -> list[tuple[str, str]]:
    return [
        (f"{words} number {row}", name if row < labelled else "")
        for row in range(count)
        for name, words in TOPICS.items()
    ]


def test_endpoint_says_what_to_label_next_and_labels_the_rest(encoder: EncoderPredictor, tmp_path: Path):
    path = table(tmp_path, [*topics(12, 4), ("twice", "food"), ("twice", "money")])
    found = encoder.label_next(path, count=5)
    assert found["labels"] == {"money": 4, "travel": 4, "food": 4}
    assert found["chosen_by"] == "margin"
    assert len(found["next"]) == 5
    assert found["contradictions"] == [{"line": 38, "text": "twice", "labels": ["food", "money"]}]
    for each in found["next"]:
        assert TOPICS[each["suggested"]] in each["text"]
        assert path.read_text(encoding="utf-8").splitlines()[each["line"] - 1] == f"{each['text']},"
    with encoder.label_rest(path).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [*rows[0]] == ["text", "label", "predicted_label", "probability"]
    assert all(TOPICS[row["predicted_label"]] in row["text"] for row in rows[:36])
    assert [bool(row["label"]) for row in rows] == [True] * 12 + [False] * 26
    assert read_pool(encoder.label_rest(path)).labels == read_pool(path).labels  # goes on from its own file


def test_bad_input_is_said(encoder: EncoderPredictor, tmp_path: Path):
    bare = write(
        tmp_path / "bare.csv", "text\n" + "\n".join(f"{words} {n}" for n in range(4) for words in TOPICS.values())
    )
    with pytest.raises(UserError, match="Label texts of two classes first"):
        encoder.label_rest(bare)
    with pytest.raises(UserError, match="count is 0: ask for 1 to 100 texts"):
        encoder.label_next(bare, count=0)
    assert [each["suggested"] for each in encoder.label_next(bare, count=2)["next"]] == ["", ""]
    one = encoder.label_next(table(tmp_path, [("hello there", "a"), ("good morning", ""), ("word " * 10_000, "")]))
    assert one["notes"] == [
        f"1 text longer than the {encoder.max_length} tokens that this encoder reads: only the beginning counts.",
        "One class so far (a): suggestions come with the second.",
    ]
    russian = ["Отправить деньги на счёт", "Забронировать рейс в Париж", "Приготовить рис на ужин"]
    notes = encoder.label_next(table(tmp_path, [(text, "") for text in russian]))["notes"]
    assert len(notes) == 1 and "another language" in notes[0]


def test_vectors_are_computed_once_and_another_network_has_its_own(
    encoder: EncoderPredictor, monkeypatch: pytest.MonkeyPatch
):
    texts = ["a long text of many words about nothing", "short", "middle of them"]
    first = vector_cache.cached_vectors(encoder, texts)
    assert first == pytest.approx(unit(encoder.vectors(texts)), abs=2e-3)
    monkeypatch.setattr(vector_cache, "encode", None)
    assert (vector_cache.cached_vectors(encoder, texts) == first).all()
    other = load(starter.SENTIMENT)
    with pytest.raises(TypeError):
        vector_cache.cached_vectors(other, texts)


def test_old_vectors_are_deleted(encoder: EncoderPredictor, tmp_path: Path):
    vector_cache.cached_vectors(encoder, ["one text", "another"])
    (old,) = (tmp_path / "home/vectors").iterdir()
    day = time.time() - 2 * 86_400
    os.utime(old, (day, day))
    vector_cache.cached_vectors(encoder, ["a third", "a fourth"])
    assert not old.exists()


def test_a_round_of_100_000_texts_takes_about_a_second():
    random = np.random.default_rng(0)
    of = random.integers(0, 10, 100_000)
    vectors = unit(np.eye(64)[of] + random.normal(0, 0.2, (100_000, 64)))
    pool = pool_of(100_000, {row: str(of[row]) for row in range(100)})
    start = time.process_time()
    assert next_round(pool, vectors, 10).how == "margin"
    assert time.process_time() - start < 3  # a bound for a slow machine


def test_labels_of_a_page_become_a_pool(tmp_path: Path):
    rows = read_text_rows(read_table(table(tmp_path, [("a", "x"), ("b", ""), ("a", "")])))
    pool = make_pool(rows, ["", "y", "x"])
    assert pool.labels == {1: "y", 0: "x"}


def topic_of(text: str) -> str:
    return next(name for name in TOPICS if TOPICS[name] in text)


def log_of(state: dict[str, Any]) -> Labels:
    return labels_of(open_session(state["key"]).entries())


def test_a_session_labels_skips_takes_back_and_goes_on_from_its_file(encoder: EncoderPredictor, tmp_path: Path):
    path = table(tmp_path, [*topics(12, 0), ("twice", "food"), ("twice", "money")])
    state = desk.start(encoder, path, "", "money, travel,\nfood, money", {})
    assert state["names"] == ["money", "travel", "food"]
    first, second = state["queue"][:2]
    assert (first["text"], first["hint"]) == ("twice", "Its rows have different labels: food, money. Which is right?")
    state = desk.answer(encoder, state, "food")
    state = desk.answer(encoder, state, "")
    assert log_of(state).skipped == [second["number"]]
    state = desk.undo(state)
    assert (state["given"], state["queue"][0]["hint"]) == (0, "You said: food.")
    state = desk.answer(encoder, state, "money")
    while state["given"] < 22:
        state = desk.answer(encoder, state, topic_of(state["queue"][0]["text"]))
    assert second["number"] not in {each["number"] for each in state["queue"]}
    assert any(each["hint"].startswith("Suggestion: ") for each in state["queue"])
    assert desk.start(encoder, path, "", "money, food", state)["key"] == state["key"]
    again = desk.start(encoder, desk.write(encoder, state), "", "", {})
    assert again["key"] != state["key"] and log_of(again).labels == log_of(state).labels
    with desk.write_labelled(state).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [*rows[0]] == ["text", "label"]
    assert len(rows) == 23  # 22 texts, of which one stands in two rows
    assert {row["label"] for row in rows if row["text"] == "twice"} == {"money"}


def test_undo_twice_takes_two_labels_back_and_a_change_gives_the_earlier_one(encoder: EncoderPredictor):
    state = desk.start(encoder, None, "one text\nanother text\na third text", "a, b", {})
    numbers = [each["number"] for each in state["queue"]]
    for label in ("a", "b"):
        state = desk.answer(encoder, state, label)
    state = desk.undo(desk.undo(state))
    assert [each["number"] for each in state["queue"]] == numbers and state["given"] == 0
    state = desk.undo(desk.answer(encoder, desk.answer(encoder, state, "b"), "a"))
    assert log_of(state).labels == {numbers[0]: "b"}
    with pytest.raises(UserError, match="no label to take back"):
        desk.undo(desk.undo(state))


def test_a_session_goes_on_another_day_with_its_curve(encoder: EncoderPredictor, tmp_path: Path):
    path = table(tmp_path, topics(30, 0))
    state = desk.start(encoder, path, "", "money, travel, food", {})
    while state["given"] < 60:
        state = desk.answer(encoder, state, topic_of(state["queue"][0]["text"]))
    path.unlink()
    again = desk.resume(encoder, state["key"])
    assert (again["given"], again["texts"], again["names"]) == (60, 90, ["money", "travel", "food"])
    assert [each["labels"] for each in again["curve"]] == [50, 60]
    assert all(each["low"] <= each["accuracy"] <= each["high"] for each in again["curve"])
    assert not {each["number"] for each in again["queue"]} & log_of(again).labels.keys()


def test_two_people_label_one_session_and_nothing_is_lost(encoder: EncoderPredictor):
    lines = "\n".join(f"{words} {row}" for row in range(8) for words in TOPICS.values())
    ann = desk.start(encoder, None, lines, "money, travel, food", {})
    bob = desk.resume(encoder, ann["key"])
    assert {each["number"] for each in bob["queue"]} == {each["number"] for each in ann["queue"]}
    bob["queue"] = ann["queue"]  # the same text is in front of both
    contested, second = (each["number"] for each in ann["queue"][:2])
    ann = desk.answer(encoder, desk.answer(encoder, ann, "money"), "food")
    bob = desk.answer(encoder, bob, "travel")
    assert "Somebody else said 'money' for the text that you gave 'travel': yours was last" in bob["told"]
    assert "1 text labelled by somebody else meanwhile." in bob["told"]
    assert second not in {each["number"] for each in bob["queue"]}  # ann has done it
    assert log_of(bob).labels == {contested: "travel", second: "food"}
    assert bob["given"] == 2
    bob = desk.undo(bob)
    assert log_of(bob).labels == {contested: "money", second: "food"}
    said = [entry["label"] for entry in open_session(ann["key"]).entries() if entry.get("item") == contested]
    assert said == ["money", "travel", "money"]
    ann = add_name(ann, "weather", TEXTS)
    assert "weather" in desk.answer(encoder, bob, "money")["names"]


def test_whoever_opens_a_session_does_not_change_its_weights_for_others(encoder: EncoderPredictor, tmp_path: Path):
    path = tmp_path / "texts.csv"
    path.write_text("\n".join(["text", *(f"{words} {row}" for row in range(8) for words in TOPICS.values())]))

    def started(state: desk.State, weights: str) -> desk.State:
        return desk.start(encoder, path, "", "money, travel", state, weights=weights)

    ann = started({}, "of-ann")
    bob, eve = (started(desk.resume(encoder, ann["key"]), weights) for weights in ("of-bob", "of-eve"))
    assert bob["told"].startswith("This session stays with the weights of-ann,") and "of-bob choose" in bob["told"]
    assert {each["key"] for each in (ann, bob, eve)} == {ann["key"]}
    assert open_session(ann["key"]).options["weights"] == "of-ann"
    assert not started(desk.resume(encoder, ann["key"]), "of-ann")["told"]
    assert not started(ann, "other-of-ann")["told"]
    assert open_session(ann["key"]).options["weights"] == "other-of-ann", "hers to change"


def test_labels_written_at_once_are_all_kept(encoder: EncoderPredictor):
    session = open_session(desk.start(encoder, None, "one text\nanother text", "a, b", {})["key"])
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: session.append([{"text": number, "label": "x" * 50, "by": "t"}]), range(200)))
    assert sorted(labels_of(session.entries()).labels) == list(range(200))


def test_a_line_that_a_crash_cut_short_is_no_label(encoder: EncoderPredictor):
    session = open_session(desk.start(encoder, None, "one text\nanother text", "a, b", {})["key"])
    session.append([{"text": 0, "label": "a", "by": "t"}])
    with session.log.open("a", encoding="utf-8") as file:
        file.write('{"text": 1, "lab')
    session.append([{"text": 1, "label": "b", "by": "t"}])
    assert labels_of(session.entries()).labels == {0: "a", 1: "b"}


def test_a_session_refuses_what_does_not_fit(encoder: EncoderPredictor):
    lines = "one text\nanother text\none text"
    with pytest.raises(UserError, match="Choose a file of texts, or paste some"):
        desk.start(encoder, None, " \n ", "a, b", {})
    with pytest.raises(UserError, match="Name two labels at least"):
        desk.start(encoder, None, lines, "a, a", {})
    state = desk.start(encoder, None, lines, "a, b", {})
    assert state["texts"] == 2
    with pytest.raises(UserError, match="There is no label yet"):
        desk.write_labelled(state)
    with pytest.raises(UserError, match="no label to take back"):
        desk.undo(state)
    with pytest.raises(UserError, match="Press Start first"):
        desk.answer(encoder, {}, "a")
    assert add_name(state, " c ", TEXTS)["names"] == ["a", "b", "c"]
    for label in ("a", "b"):
        state = desk.answer(encoder, state, label)
    assert (state["queue"], state["how"]) == ([], "none left")


@pytest.mark.parametrize("key", ["", "x" * 22, "../../../etc/passwd", "a/b", None, 5])
def test_a_key_that_names_no_session_is_told(encoder: EncoderPredictor, key: Any):
    with pytest.raises(UserError, match="no such session"):
        desk.resume(encoder, key)


def test_a_deleted_session_is_gone_with_its_texts(encoder: EncoderPredictor, tmp_path: Path):
    state = desk.start(encoder, None, "one text\nanother text", "a, b", {})
    delete(state, TEXTS)
    assert not list((tmp_path / "home/labels").iterdir())
    with pytest.raises(UserError, match="no such session"):
        desk.answer(encoder, state, "a")


def test_sessions_without_a_label_for_long_are_deleted(encoder: EncoderPredictor):
    old = open_session(desk.start(encoder, None, "one text\nanother text", "a, b", {})["key"])
    then = time.time() - 91 * 86_400
    os.utime(old.log, (then, then))
    fresh = desk.start(encoder, None, "one text\na third", "a, b", {})
    assert not old.folder.exists() and open_session(fresh["key"]).folder.is_dir()


def test_a_session_opened_by_its_key_fills_the_box_so_that_start_goes_on(encoder: EncoderPredictor, tmp_path: Path):
    """Of two columns that are not the guessed ones, and without the sample's labels."""
    path = tmp_path / "mine.csv"
    rows = [f"long body of the text {row},title {row},{'a' if row % 2 else 'b,c'}" for row in range(4)]
    path.write_text(
        "\n".join(["body,title,topic", *(f'{row[:-3]}"{row[-3:]}"' if "b,c" in row else row for row in rows)])
    )
    state = desk.start(encoder, path, "", "a, d", {}, "title, body", "topic", "my-encoder")

    class Bench:
        def call(self, function: str, weights: str, key: str) -> Any:
            assert (function, weights) == (f"{try_label.FUNCTIONS}:resume", "my-encoder")
            return desk.resume(encoder, key)

    bench: Any = Bench()
    weights, table, texts, label, names, held, *_ = try_label._opened(bench, "all-MiniLM-L6-v2", state["key"])
    assert (weights, Path(table).name, texts.value, label.value) == (
        "my-encoder",
        "mine.csv",
        ["title", "body"],
        "topic",
    )
    assert names == "a, d", "b,c has a comma, and comes with the file"
    columns = named_columns(texts.value, label.value)
    again = desk.start(encoder, Path(table), "", names, held, *columns, weights)
    assert (again["key"], sorted(again["names"])) == (state["key"], ["a", "b,c", "d"])


def test_a_session_of_a_run_is_opened_by_a_visitor_who_may_not_use_that_run(encoder: EncoderPredictor):
    lines = "\n".join(f"{words} {row}" for row in range(4) for words in TOPICS.values())
    run = "classify-0123456789abcdef"
    ann = desk.answer(encoder, desk.start(encoder, None, lines, "money, travel", {}, weights=run), "money")

    class Bench:
        """What a visitor's calls answer: there is no such run for them."""

        def call(self, function: str, weights: str, key: str) -> Any:
            if weights == run:
                raise UserError(f"There is no run {run}.")
            return desk.resume(encoder, key)

    bench: Any = Bench()
    weights, _, _, _, names, held, _, _, report, _ = try_label._opened(bench, "all-MiniLM-L6-v2", ann["key"])
    assert (weights, names, held["given"]) == ("all-MiniLM-L6-v2", "money, travel", 1)
    assert f"cannot be used by you: There is no run {run}. Here all-MiniLM-L6-v2 chooses the texts." in report
    bob = desk.answer(encoder, held, "travel")
    assert sorted(log_of(ann).labels.values()) == ["money", "travel"] and bob["given"] == 2
    with pytest.raises(UserError, match="There is no run"):
        try_label._opened(bench, run, ann["key"])


def test_the_labels_of_the_sample_are_not_those_of_other_texts():
    assert try_label._own_names(try_label.NAMES) == ""
    assert try_label._own_names("cats, dogs") != ""
