"""Answering questions: the formats and their faults, windows and spans, what is learned, what is answered."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertForQuestionAnswering

from plugins.bert_finetune.answer.data import QuestionExample, read
from plugins.bert_finetune.answer.find_answer import Place, find_answer
from plugins.bert_finetune.answer.matching_head_init import init_matching_head
from plugins.bert_finetune.answer.report import exact_match, f1
from plugins.bert_finetune.answer.settings import AnswerSettings
from plugins.bert_finetune.answer.spans import best_spans
from plugins.bert_finetune.answer.windows import answer_span, make_windows
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.wordpiece import train_wordpiece
from plugins.bert_finetune.starter.recipe import cloze, rename
from tests.bert_models import build, check, load, tiny_encoder
from tests.files import BAD_INPUTS, write
from training.data.table import read_table
from training.errors import UserError
from training.fit.loop import fit
from training.preflight.sheet import Level
from training.settings import parse_settings

TINY = {"layers": 2, "heads": 4, "hidden_size": 96, "vocabulary_size": 300, "max_length": 48, "dropout": 0.0}
WORDS = ["harbour", "lantern", "meadow", "orchard", "pebble", "river", "saddle", "timber"]
TOLD = {
    "who": ["anna", "omar", "li wei"],
    "where": ["rome", "oslo", "new york"],
    "when": ["monday", "friday", "sunday"],
}


def settings(data: Path, **values: Any) -> AnswerSettings:
    return parse_settings(AnswerSettings, {"data": str(data), **TINY, **values})


def write_trips(path: Path) -> Path:
    """400 questions of who flew where and when; every fourth asks what the context does not tell."""
    random, rows = np.random.default_rng(0), []
    for number in range(400):
        told = {kind: str(random.choice(names)) for kind, names in TOLD.items()}
        order = random.permutation(["{who} was seen .", "they flew to {where} .", "it was on {when} ."])
        context = " ".join(order).format(**told)
        asked = ("who", "where", "when", "why")[number % 4]
        rows.append({"question": f"{asked} was the trip ?", "context": context, "answer": told.get(asked, "")})
    return write(path, "\n".join(json.dumps(row) for row in rows))


# -- the formats and their faults ------------------------------------------------------------------------------------------

EXPECTED: dict[str, tuple[Level, str]] = {
    "qa_answer_not_in_context.json": ("amber", "1 question dropped: the answer is not in the context: Questions 1."),
    "qa_wrong_offset.json": ("amber", "1 question with a wrong answer_start: corrected"),
    "qa_empty_answers_v1.json": ("red", "1 without an answer"),
    "qa_duplicate_id.json": ("red", "question id 1 occurs twice"),
    "qa_long_question.json": ("green", "1 question on 1 context"),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_odd_files_are_told(name: str) -> None:
    level, words = EXPECTED[name]
    sheet = check("answer", settings(BAD_INPUTS / name))
    assert any(row.level == level and words in f"{row.title}: {row.detail}" for row in sheet.findings), sheet.findings


FORMATS = {
    "squad.json": '{"data": [{"title": "t", "paragraphs": [{"context": "Rome is old.", "qas": [{"id": "a", "question": "What?", "answers": [{"text": "Rome", "answer_start": 0}]}]}]}]}',
    "rows.csv": "question,context,answer\nWhat?,Rome is old.,Rome\n",
    "hub.jsonl": '{"question": "What?", "context": "Rome is old.", "answers": {"text": ["Rome"], "answer_start": [0]}}\n',
    "python.csv": "question,context,answers\nWhat?,Rome is old.,\"{'text': ['Rome'], 'answer_start': [0]}\"\n",
    "numpy.csv": "question,context,answers\nWhat?,Rome is old.,\"{'text': array(['Rome'], dtype=object), 'answer_start': array([0])}\"\n",
    "list.jsonl": '{"question": "What?", "context": "Rome is old.", "answers": ["Rome"], "answer_start": [0]}\n',
    "list.csv": "question,context,answers\nWhat?,Rome is old.,['Rome']\n",
    "offset.tsv": "question\tcontext\tanswer\tanswer_start\nWhat?\tRome is old.\tRome\t0\n",
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_question(name: str, tmp_path: Path) -> None:
    [one] = read(settings(write(tmp_path / name, FORMATS[name]), eval_share=0)).train
    assert (one.question, one.context, one.answers) == ("What?", "Rome is old.", (("Rome", 0),))


@pytest.mark.parametrize("cell", ["", "[]", "{'text': [], 'answer_start': []}", '{"text": [], "answer_start": []}'])
def test_every_spelling_of_no_answer_is_one(cell: str, tmp_path: Path) -> None:
    rows = [{"question": "What?", "context": "Rome [is] old.", "answers": answer} for answer in (cell, "[is]", "{x")]
    path = write(tmp_path / "rows.jsonl", "\n".join(map(json.dumps, rows)))
    data = read(settings(path, eval_share=0))
    assert [one.answers for one in data.train] == [(), (("[is]", 5),)]
    assert any("1 question dropped: the answer is not in the context" in row.title for row in data.sheet.findings)


@pytest.mark.parametrize(
    "content", ['{"data": [{"paragraphs": [{"qas": []}]}]}'.replace("[]", '[{"question": 1}]'), "a,b\n1,2\n"]
)
def test_what_is_no_question_file_is_refused(content: str, tmp_path: Path) -> None:
    path = write(tmp_path / ("x.json" if content.startswith("{") else "x.csv"), content)
    with pytest.raises(UserError, match="Expected"):
        read(settings(path))


def test_whole_articles_are_held_out(tmp_path: Path) -> None:
    def article(number: int) -> dict[str, Any]:
        context = f"River {number} flows north ."
        asked = [{"question": q, "id": f"{number} {q}", "answers": [{"text": "north", "answer_start": context.index("north")}]} for q in ("where ?", "whither ?")]  # fmt: skip
        return {"title": f"River {number}", "paragraphs": [{"context": context, "qas": asked}]}

    path = write(tmp_path / "rivers.json", json.dumps({"data": [article(number) for number in range(30)]}))
    data = read(settings(path, eval_share=0.3))
    assert data.evaluation and not {one.group for one in data.train} & {one.group for one in data.evaluation}


PARTY = "The party was loud and started at seven. Guest 1 did study art in Florence. Her art is good."
SECOND = PARTY.rindex("art")


@pytest.mark.parametrize(
    ("answer", "start", "context", "place"),
    [
        ("art", -1, PARTY, Place(59, 62, is_first_of_several=True)),  # never in "party", 4, or "started", 25
        ("art", 0, PARTY, Place(59, 62, is_corrected=True)),
        ("art", 85, PARTY, Place(SECOND, SECOND + 3, is_corrected=True)),  # the nearest
        ("art", SECOND, PARTY, Place(SECOND, SECOND + 3)),
        ("1920", 7, "In the 1920s, not in 1920.", Place(7, 11)),  # a start that is right stays, inside a word too
        ("dog", -1, "two dogs", Place(4, 7, is_inside_word=True)),
        ("北京", 9, "北京大学。他住在北京东边。", Place(8, 10, is_corrected=True)),  # no spaces: the nearest
        ("Anna", -1, "Annas Haus ist Anna's Haus.", Place(15, 19)),
        ("cafe", -1, "le cafe\u0301 ou le cafe", Place(15, 19)),  # not a letter without its accent
        ("Orl\u00e9ans", -1, "a\u0300 Orle\u0301ans", Place(3, 11)),  # accents composed or not
        ("New York", 3, "in New\nYork", Place(3, 11)),
        ("  plan", 4, "a plan", Place(2, 6, is_corrected=True)),
        ("plan ", 2, "a plan", Place(2, 6)),
        ("art", -1, "no such word", None),
        ("", 0, "text", None),
    ],
)
def test_answers_are_found_as_whole_words_nearest_to_their_start(
    answer: str, start: int, context: str, place: Place | None
) -> None:
    assert find_answer(answer, start, context) == place


def test_starts_that_are_all_zero_are_no_starts(tmp_path: Path) -> None:
    rows = [
        {"question": f"what {n} ?", "context": f"artful party {n} : art", "answer": "art", "answer_start": 0}
        for n in range(3)
    ]
    data = read(settings(write(tmp_path / "zero.jsonl", "\n".join(map(json.dumps, rows))), eval_share=0))
    assert [one.answers for one in data.train] == [(("art", 17),)] * 3
    assert any(row.level == "amber" and "answer_start is 0 for all 3" in row.title for row in data.sheet.findings)


@pytest.mark.parametrize("unit", ["utf-16", "utf-8", "line feeds"])
@pytest.mark.parametrize("is_text", [True, False])
def test_starts_in_other_units_are_converted(unit: str, is_text: bool, tmp_path: Path) -> None:
    context = "😀 über uns:\r\nOslo und 😀 Oslo und Oslo und Oslo"
    place = context.index("Oslo", 22)
    before = {"utf-16": context[:place], "utf-8": context[:place], "line feeds": context[:place].replace("\r", "")}[
        unit
    ]
    start = {"utf-16": len(before.encode("utf-16-le")) // 2, "utf-8": len(before.encode()), "line feeds": len(before)}[
        unit
    ]
    answers = {"text": ["Oslo"], "answer_start": [str(start) if is_text else start]}
    rows = [{"question": f"{n}?", "context": context, "answers": answers} for n in range(3)]
    data = read(settings(write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows))), eval_share=0))
    assert [one.answers for one in data.train] == [(("Oslo", place),)] * 3
    assert any(row.level == "amber" and "answer_start is counted in" in row.title for row in data.sheet.findings)


@pytest.mark.parametrize("start", [None, "", "unknown"])
def test_starts_that_are_no_numbers_are_unknown(start: str | None, tmp_path: Path) -> None:
    qas = [{"id": "1", "question": "Who?", "answers": [{"text": "Anna", "answer_start": start}]}]
    loaded = {"data": [{"title": "a", "paragraphs": [{"context": "Anna saw Bo.", "qas": qas}]}]}
    for content in (loaded, loaded["data"][0]["paragraphs"]):  # SQuAD, and paragraphs alone
        data = read(settings(write(tmp_path / "a.json", json.dumps(content)), eval_share=0))
        assert [one.answers for one in data.train] == [(("Anna", 0),)]


def test_a_korean_word_may_have_a_particle() -> None:
    assert find_answer("서울", -1, "서울은 수도이다. 서울 시청") == Place(0, 2, is_first_of_several=True)
    assert find_answer("울", -1, "서울은") == Place(1, 2, is_inside_word=True)


def test_a_plausible_answer_of_a_question_that_has_none_is_not_learned(tmp_path: Path) -> None:
    rows = "Where?,Rome is old.,Rome,False\nWho?,Rome is old.,old,True\n"
    path = write(tmp_path / "rows.csv", f"question,context,answer_text,is_impossible\n{rows}")
    assert [one.answers for one in read(settings(path, eval_share=0)).train] == [(("Rome", 0),), ()]


def test_answers_in_several_places_without_a_start_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.csv", "question,context,answer\nWho?,Anna saw Anna.,Anna\nWhat?,An art.,art\n")
    told = [row for row in read(settings(path, eval_share=0)).sheet.findings if "several places" in row.title]
    assert [(row.level, row.detail) for row in told] == [("amber", "Questions line 2.")]


def write_long_answers(path: Path) -> Path:
    answer = " ".join(["river", "meadow", "timber"] * 14)
    rows = [{"question": f"what {n} ?", "context": f"pebble {answer} saddle {n}", "answer": answer} for n in range(20)]
    return write(path, "\n".join(map(json.dumps, rows)))


def test_answers_that_are_too_long_to_give_are_counted(tmp_path: Path) -> None:
    path = write_long_answers(tmp_path / "long.jsonl")
    task = build("answer", settings(path, max_length=64, max_answer_length=30))
    told = [f"{row.title}: {row.detail}" for row in task.findings() if row.level == "amber"]
    assert told == [
        "20 answers longer than max_answer_length, 30 tokens: "
        "They can never be given: raise it to 42, the tokens of the longest."
    ]


def test_longest_answer_of_the_data_sets_the_maximum(tmp_path: Path) -> None:
    task = build("answer", settings(write_long_answers(tmp_path / "long.jsonl"), max_length=64))
    assert task.facts["max_answer_length"] == 42
    assert not any("longer than max_answer_length" in row.title for row in task.findings())
    assert build("answer", settings(write_trips(tmp_path / "trips.jsonl"))).facts["max_answer_length"] == 30


def test_questions_are_truncated_as_in_training_when_served(reader: Any) -> None:
    assert load(reader[1]).max_question_length == 24  # half of a window of 48


# -- windows and spans -----------------------------------------------------------------------------------------------------


def test_few_long_articles_are_held_out_by_context(tmp_path: Path) -> None:
    def article(title: str) -> dict[str, Any]:
        told = [(f"the {title} stands in {word} .", word) for word in WORDS]
        return {"title": title, "paragraphs": [{"context": text, "qas": [{"question": "where ?", "id": f"{title} {word}", "answers": [{"text": word, "answer_start": text.index(word)}]}]} for text, word in told]}  # fmt: skip

    path = write(tmp_path / "few.json", json.dumps({"data": [article("bridge"), article("tower")]}))
    sheet = check("answer", settings(path, eval_share=0.13))
    assert any(row.title == "14 questions to train on, 2 to evaluate on" for row in sheet.findings), sheet.findings
    sheet = check("answer", settings(path, eval_share=0))
    assert any(row.level == "amber" and "No question to evaluate on" in row.title for row in sheet.findings)


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=60), st.data())
def test_some_window_holds_every_short_answer_whole(words: list[str], data: st.DataObject) -> None:
    tokenizer = train_wordpiece(WORDS * 3, 300, 64)
    context = " ".join(words)
    place = data.draw(st.integers(0, len(words) - 1))
    start = len(" ".join(words[:place])) + (place > 0)
    one = QuestionExample("which river ?", context, ((words[place], start),), "", "")
    windows = make_windows([one], tokenizer, 24, 8, 8)
    found = [(window, answer_span(window, one.answers)) for window in windows]
    held = [(window, first, last) for window, (first, last) in found if first]
    assert held
    for window, first, last in held:
        begin, end = window.offsets[first - window.first][0], window.offsets[last - window.first][1]
        assert context[begin:end] == words[place]


def test_probabilities_of_all_spans_and_of_none_add_up_to_one() -> None:
    tokenizer = train_wordpiece(WORDS * 3, 300, 64)
    windows = make_windows([QuestionExample("which ?", "river meadow", (), "", "")], tokenizer, 48, 8, 8)
    logits = [np.random.default_rng(0).normal(size=(len(window.ids), 2)) for window in windows]
    inside = logits[0][windows[0].first :][: len(windows[0].offsets)]
    scores = [inside[i, 0] + inside[j, 1] for i in range(len(inside)) for j in range(i, len(inside))]
    none = logits[0][0].sum()
    spans, probability = best_spans(windows, logits, 30, True)
    total = np.exp([*scores, none]).sum()
    assert probability == pytest.approx(np.exp(none) / total)
    assert spans[0].probability == pytest.approx(np.exp(max(scores)) / total)


def test_scores_are_those_of_squad() -> None:
    assert exact_match("The Rhine!", ["rhine"]) == 1 and exact_match("", []) == 1 and exact_match("x", []) == 0
    assert f1("the swiss alps", ["Swiss Alps mountains"]) == pytest.approx(0.8)


# -- learning and answering ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A small network trained on the trips: how it ended, and its artifact."""
    folder = tmp_path_factory.mktemp("answer")
    (folder / "run").mkdir()
    chosen = settings(write_trips(folder / "trips.jsonl"), steps=200, learning_rate=1e-3, eval_every=200)
    return fit(build("answer", chosen), chosen, folder / "run"), folder / "run" / "artifact"


def test_answers_are_learned_far_above_a_guess(reader: Any) -> None:
    """One of three things told, or none: a guess scores 0.25."""
    progress, folder = reader
    assert progress.best_metrics["exact_match"] > 0.9
    assert json.loads((folder / "selfsup.json").read_text())["facts"]["baseline"]["exact_match"] < 0.4


def test_an_answer_comes_with_its_place(reader: Any) -> None:
    context = "they flew to New York .  it was on friday . anna was seen ."
    found = load(reader[1]).answer("where was the trip ?", context)
    assert set(found) == {"answer", "start", "end", "probability", "no_answer_probability", "alternatives"}
    assert found["answer"] == "New York" == context[found["start"] : found["end"]]


def test_questions_that_are_cut_are_counted(tmp_path: Path) -> None:
    asked = [
        {"question": f"{'very ' * times}who ?", "context": "it was anna .", "answer": "anna"} for times in (1, 2, 90)
    ]
    path = write(tmp_path / "long.jsonl", "\n".join(json.dumps(row) for row in asked))
    found = build("answer", settings(path, eval_share=0)).findings()
    assert [row.title for row in found if row.level == "amber"] == ["1 question truncated to 24 tokens"]


def test_what_is_not_told_has_no_answer(reader: Any) -> None:
    found = load(reader[1]).answer("why was the trip ?", "they flew to rome . it was on friday . anna was seen .")
    assert found["answer"] == "" and found["probability"] == found["no_answer_probability"] > 0.5


def test_long_contexts_and_questions_are_read_whole(reader: Any) -> None:
    context = "they were seen . " * 100 + "they flew to rome ."
    assert load(reader[1]).answer("where was the trip ? " * 50, context)["alternatives"] is not None
    with pytest.raises(UserError, match="Give a question"):
        load(reader[1]).answer("", context)


def test_a_file_is_answered(reader: Any, tmp_path: Path) -> None:
    source = write(
        tmp_path / "in.csv", "question,context\nwho was the trip ?,anna was seen . they flew to rome .\n,x\n"
    )
    table = read_table(load(reader[1]).answer_file(source))
    assert table.names == ("question", "context", "predicted_answer", "probability")
    assert table.strings("probability")[1] is None
    with pytest.raises(UserError, match="Expected a table with question and context"):
        load(reader[1]).answer_file(write(tmp_path / "bad.csv", "a,b\n1,2\n"))


# -- a head that matches equal words ---------------------------------------------------------------------------------------


def test_a_matching_head_attends_to_equal_tokens_of_the_other_segment(tmp_path: Path) -> None:
    tokenizer = train_wordpiece(WORDS * 3, 300, 48)
    chosen = settings(write_trips(tmp_path / "trips.jsonl"), hidden_size=192, vocabulary_size=2000)
    model: Any = BertForQuestionAnswering(loading.new_config(chosen, tokenizer)).eval()
    asked, context = "saddle harbour pebble", "lantern meadow harbour river timber saddle orchard"
    batch = tokenizer(asked, context, return_tensors="pt")
    tokens = tokenizer.convert_ids_to_tokens(batch["input_ids"][0])

    def attention() -> np.ndarray:
        model.set_attn_implementation("eager")
        return model(**batch, output_attentions=True).attentions[0][0, -1].detach().numpy()

    init_matching_head(model)
    found = attention()
    for word in ("saddle", "harbour"):
        first, second = (place for place, token in enumerate(tokens) if token == word)
        assert found[first, second] > 0.8 and found[second, first] > 0.8, word
    for word in ("pebble", "river"):  # in one segment only: itself
        assert found[tokens.index(word), tokens.index(word)] > 0.5, word


def test_a_matching_head_is_refused_where_it_cannot_be(tmp_path: Path) -> None:
    trips = write_trips(tmp_path / "trips.jsonl")
    with pytest.raises(UserError, match="matching_head_init changes weights that lora_rank 4 keeps"):
        settings(trips, matching_head_init=True, lora_rank=4)
    model, _ = tiny_encoder(BertForQuestionAnswering)
    model.config.type_vocab_size = 1
    with pytest.raises(UserError, match="needs a BERT that tells two segments apart: set it to false"):
        init_matching_head(model)


# -- questions without labels ----------------------------------------------------------------------------------------------

PASSAGE = [
    "In 1492 Christopher Columbus left the harbour of Palos with three small ships and about ninety men.",
    "The crossing took five weeks, and on the way the crews asked for nothing but the way home.",
    "He reached an island of the Bahamas in October, and named it San Salvador before he sailed on to Cuba.",
]


def test_questions_of_a_passage_ask_for_a_phrase_that_is_there_once() -> None:
    draw, asked = random.Random(0), []
    for _ in range(40):
        context, found = cloze.questions(PASSAGE, draw)
        for one in found:
            assert context[one.start :].startswith(one.answer) and context.count(one.answer) == 1
            assert not re.search(rf"\b{re.escape(one.answer)}\b", one.text)
        asked += found
    assert {"1492", "Christopher Columbus", "San Salvador"} <= {one.answer for one in asked}


def test_file_of_questions_is_one_that_the_trainer_reads(tmp_path: Path) -> None:
    corpus = write(tmp_path / "corpus.txt", "\n\n".join([" ".join(PASSAGE)] * 30))
    cloze.main(corpus, tmp_path / "cloze.json")
    assert not check("answer", settings(tmp_path / "cloze.json")).blocked


def test_a_renamed_copy_has_other_names_alike_in_question_passage_and_answer(tmp_path: Path) -> None:
    context = " ".join(PASSAGE)
    asked = {"Who left Palos in 1492?": "Christopher Columbus", "What did the crews ask for?": "the way home"}
    questions = [
        {"id": str(number), "question": text, "answers": [{"text": answer, "answer_start": context.index(answer)}]}
        for number, (text, answer) in enumerate(asked.items())
    ]
    paragraphs = [{"context": context, "qas": questions}, {"context": "Genoa, Seville and Cadiz.", "qas": []}]
    source = write(tmp_path / "squad.json", json.dumps({"data": [{"title": "", "paragraphs": paragraphs}]}))
    rename.main(source, tmp_path / "renamed.json")
    assert not check("answer", settings(tmp_path / "renamed.json")).blocked
    first, _, *copies = json.loads((tmp_path / "renamed.json").read_text())["data"][0]["paragraphs"]
    assert first["context"] == context
    for copy in copies[::2]:
        who, what = copy["qas"]
        assert who["answers"][0]["text"] == " ".join(copy["context"].split()[2:4])
        assert what["question"] == "What did the crews ask for?"
        assert what["answers"][0]["text"] == "the way home"
        assert who["question"].split()[2] == re.search(r"harbour of (\S+)", copy["context"])[1]  # type: ignore[index]
        for one in copy["qas"]:
            assert copy["context"][one["answers"][0]["answer_start"] :].startswith(one["answers"][0]["text"])
    assert len({copy["context"] for copy in copies[::2]} - {context}) > 3


def test_an_answer_that_begins_inside_of_a_name_is_left_out() -> None:
    places = rename.renamed("The Bahamas lie east.", {"Bahamas": "Azores"})
    assert places[0] == "The Azores lie east."
    assert (places[1][4], places[1][12], places[1].get(7)) == (4, 11, None)
