"""Tagging words: the formats and their faults, the windows, what is learned, what is answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from transformers import BertConfig, BertForMaskedLM

from plugins.bert_finetune.models.wordpiece import train_wordpiece
from plugins.bert_finetune.tag.data import read
from plugins.bert_finetune.tag.schemes import Span, entity_spans, from_spans, to_bio
from plugins.bert_finetune.tag.settings import TagSettings
from plugins.bert_finetune.tag.windows import make_windows
from plugins.bert_finetune.tag.words import OF_OTHERS, WordRule
from tests.bert_models import build, check, load
from tests.files import BAD_INPUTS, write
from training.data.table import read_table
from training.errors import UserError
from training.fit.loop import fit
from training.preflight.sheet import Level, Sheet
from training.settings import parse_settings

TINY = {"layers": 1, "heads": 2, "hidden_size": 48, "vocabulary_size": 300, "max_length": 32, "dropout": 0.0}
NAMES = {"city": ["rome", "paris", "new york", "oslo"], "person": ["anna", "john smith", "li wei", "omar"]}

FILLERS = ["yesterday", "again", "and", "then", ","]


def settings(data: Path, **values: Any) -> TagSettings:
    return parse_settings(TagSettings, {"data": str(data), **TINY, **values})


def write_trips(path: Path) -> Path:
    """300 sentences of persons who travel; the kind of a name can be told from the word before it."""
    random, rows = np.random.default_rng(0), []
    for _ in range(300):
        who, where = random.choice(NAMES["person"]), random.choice(NAMES["city"])
        before, after = (" ".join(random.choice(FILLERS, random.integers(5))) for _ in range(2))
        text = f"{before} mister {who} flew to {where} {after}".strip()
        found = [{"start": text.index(name), "end": text.index(name) + len(name), "label": kind} for name, kind in ((who, "person"), (where, "city"))]  # fmt: skip
        rows.append(json.dumps({"text": text, "spans": found}))
    return write(path, "\n".join(rows))


@pytest.fixture
def trips(tmp_path: Path) -> Path:
    return write_trips(tmp_path / "trips.jsonl")


# -- schemes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "bio", "orphans"),
    [
        ("O I-PER I-PER", "O B-PER I-PER", [1]),
        ("B-LOC I-ORG O", "B-LOC B-ORG O", [1]),
        ("B-PER E-PER S-LOC O", "B-PER I-PER B-LOC O", []),
        ("B-A L-A I-A", "B-A I-A B-A", [2]),
        ("B-A B-A I-A", "B-A B-A I-A", []),
    ],
)
def test_every_scheme_becomes_bio(tags: str, bio: str, orphans: list[int]) -> None:
    assert to_bio(tags.split()) == (bio.split(), orphans)


@st.composite
def entities(draw: st.DrawFn) -> tuple[int, list[Span]]:
    count, at, found = draw(st.integers(0, 20)), 0, []
    while at < count:
        start = draw(st.integers(at, count - 1))
        end = draw(st.integers(start + 1, count))
        found.append(Span(start, end, draw(st.sampled_from("AB"))))
        at = end + draw(st.integers(0, 3))
    return count, found


@given(entities())
def test_spans_survive_as_tags(case: tuple[int, list[Span]]) -> None:
    count, found = case
    assert entity_spans(from_spans(count, found)) == found


def visible(text: str) -> str:
    return regex.sub(r"[\s\p{Cc}\p{Default_Ignorable_Code_Point}]", "", text)


# -- words and windows -----------------------------------------------------------------------------------------------------


@given(st.text(max_size=60))
def test_words_hold_every_visible_character_once(text: str) -> None:
    held = "".join(text[start:end] for start, end in WordRule().split(text))
    assert visible(held) == visible(text)


@given(st.lists(st.lists(st.sampled_from(["a", "harbour", "unbelievable", "\u200b", "日本"]), max_size=40), max_size=3))
def test_windows_lose_no_word(sentences: list[list[str]]) -> None:
    tokenizer = train_wordpiece(["unbelievable harbour a"], 60, 64)
    for words, parts in zip(sentences, make_windows(sentences, tokenizer, 12), strict=True):
        assert [part.start + place for part in parts for place in range(len(part.firsts))] == list(range(len(words)))
        assert all(len(part.ids) <= 12 and part.ids[0] == tokenizer.cls_token_id for part in parts)


# -- the formats and their faults ------------------------------------------------------------------------------------------

EXPECTED: dict[str, tuple[Level, str]] = {
    "bio_length_mismatch.jsonl": ("red", "row at line 1 has 3 tokens and 2 tags"),
    "bio_orphan_I.conll": ("amber", "2 I- tags without a preceding B-, read as B-: Lines 1, 5."),
    "bio_bad_tag.conll": ("red", "Tags 'PER', 'B_LOC' are not BIO (lines 1, 4)"),
    "bio_missing_column.conll": ("red", "line 2 has one column"),
    "bio_no_blank_lines.conll": ("amber", "1 sentence of more than 1,000 words (3,000 at most)"),
    "bio_all_O.conll": ("red", "no entity in the whole file"),
}


def says(sheet: Sheet, level: Level, words: str) -> bool:
    return any(row.level == level and words in f"{row.title}: {row.detail}" for row in sheet.findings)


@pytest.mark.parametrize("name", EXPECTED)
def test_odd_files_are_told(name: str) -> None:
    sheet = check("tag", settings(BAD_INPUTS / name))
    assert says(sheet, *EXPECTED[name]), sheet.findings


def test_orphans_are_refused_where_nothing_may_be_repaired() -> None:
    sheet = check("tag", settings(BAD_INPUTS / "bio_orphan_I.conll", repair_tags=False))
    assert sheet.blocked


FORMATS = {
    "words.conll": "-DOCSTART- -X- O\n\nJohn NNP B-PER\nSmith NNP I-PER\nlives VB O\n\nRome NNP B-LOC\n",
    "iob1.txt": "John I-PER\nSmith I-PER\nlives O\n\nRome I-LOC\n",
    "bioes.bio": "John\tB-PER\nSmith\tE-PER\nlives\tO\n\nRome\tS-LOC\n",
    "suffixes.bio": "John\tPER-B\nSmith\tPER-I\nlives\tO\n\nRome\tLOC-B\n",
    "lower.bio": "John\tb-PER\nSmith\ti-PER\nlives\tO\n\nRome\tb-LOC\n",
    "lists.jsonl": '{"tokens": ["John", "Smith", "lives"], "ner_tags": ["B-PER", "I-PER", "O"]}\n{"tokens": ["Rome"], "ner_tags": ["B-LOC"]}\n',
    "spans.jsonl": '{"text": "John Smith lives", "entities": [[0, 10, "PER"]]}\n{"text": "Rome", "entities": [[0, 4, "LOC"]]}\n',
    "columns.tsv": "tokens\ttags\nJohn Smith lives\tB-PER I-PER O\nRome\tB-LOC\n",
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_sentences(name: str, tmp_path: Path) -> None:
    data = read(settings(write(tmp_path / name, FORMATS[name]), eval_share=0))
    assert [(one.words, one.tags) for one in data.train] == [
        (("John", "Smith", "lives"), ("B-PER", "I-PER", "O")),
        (("Rome",), ("B-LOC",)),
    ]


@pytest.mark.parametrize(
    ("spans", "level", "words"),
    [
        ('[[0, 4, "A"], [0, 9, "B"]]', "amber", "1 row with overlapping spans: The longest is kept: line 1"),
        ('[[0, 99, "A"], [0, 4, "A"]]', "amber", "1 row with a span outside its text"),
        ('[["John"]]', "red", "line 1 has a span that is not start, end, label"),
    ],
)
def test_odd_spans_are_told(spans: str, level: Level, words: str, tmp_path: Path) -> None:
    path = write(tmp_path / "odd.jsonl", f'{{"text": "John Smith lives", "spans": {spans}}}\n')
    sheet = check("tag", settings(path))
    assert says(sheet, level, words), sheet.findings


def test_a_column_of_plain_labels_is_not_taken_for_spans(tmp_path: Path) -> None:
    sheet = check("tag", settings(write(tmp_path / "reviews.csv", "text,label\na warm film,1\n")))
    assert says(sheet, "red", "has the columns text, label. Expected tokens and tags"), sheet.findings


def test_sentences_of_the_training_file_are_left_out_of_the_evaluation(trips: Path, tmp_path: Path) -> None:
    lines = trips.read_text().splitlines()
    new = json.dumps({"text": "mister twice", "spans": []})
    other = write(tmp_path / "dev.jsonl", f"{lines[0]}\n{new}")
    data = read(settings(trips, eval_data=str(other)))
    assert [one.words[-1] for one in data.evaluation] == ["twice"]


# -- learning and answering ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A small network trained on the trips: how it ended, and its artifact."""
    folder = tmp_path_factory.mktemp("tag")
    (folder / "run").mkdir()
    chosen = settings(write_trips(folder / "trips.jsonl"), steps=120, learning_rate=3e-3, eval_every=120)
    return fit(build("tag", chosen), chosen, folder / "run"), folder / "run" / "artifact"


def test_names_are_learned(tagger: Any) -> None:
    progress, folder = tagger
    record = json.loads((folder / "selfsup.json").read_text())
    assert progress.best_metrics["f1"] > 0.97
    assert record["facts"]["labels"] == ["city", "person"] and record["facts"]["baseline"]["f1"] <= 1


def test_entities_come_with_their_places(tagger: Any) -> None:
    text = "Yesterday, mister  John Smith flew to New York again"
    found = load(tagger[1]).tag(text)["entities"]
    assert [(text[one["start"] : one["end"]], one["label"]) for one in found] == [("John Smith", "person"), ("New York", "city")]  # fmt: skip
    assert all(0.5 < one["probability"] <= 1 for one in found)


def test_a_text_longer_than_the_network_is_tagged_whole(tagger: Any) -> None:
    found = load(tagger[1]).tag("yesterday mister anna flew to oslo again " * 30)["entities"]
    assert len(found) >= 58


def test_a_file_is_tagged(tagger: Any, tmp_path: Path) -> None:
    table = read_table(
        load(tagger[1]).tag_file(write(tmp_path / "in.csv", "id,text\n1,mister anna flew to oslo\n2,\n"))
    )
    first, second = table.strings("entities")
    assert {one["label"] for one in json.loads(first or "")} == {"person", "city"} and second is None


def tagged(tagger: Any, path: Path, text: str) -> str:
    """What comes back for a file."""
    return load(tagger[1]).tag_file(write(path, text)).read_text(encoding="utf-8")


def test_a_conll_file_comes_back_with_a_tag_for_each_of_its_words(tagger: Any, tmp_path: Path) -> None:
    text = "# a comment\nmister X\nanna's Y\nflew Z\nto O\noslo B-city\nat O\n10:30 O\n\nmister O\nomar O\n"
    lines = tagged(tagger, tmp_path / "in.conll", text).splitlines()
    assert [line.rpartition(" ")[0] for line in lines[1:8]] == text.splitlines()[1:8] and lines[0] == "# a comment"
    tags = [line.split(" ")[2] for line in lines[1:] if line]
    assert tags[1:5] == ["B-person", "O", "O", "B-city"] and tags[8] == "B-person"


def test_scored_conll_can_be_scored_again_and_words_need_no_tags(tagger: Any, tmp_path: Path) -> None:
    once = tagged(tagger, tmp_path / "in.conll", "mister\nanna\nflew\nto\nnew\nyork\n\nmister\nomar\n")
    assert once.splitlines()[:6] == ["mister\tO", "anna\tB-person", "flew\tO", "to\tO", "new\tB-city", "york\tI-city"]
    twice = tagged(tagger, tmp_path / "again.conll", once)
    assert [line.split("\t")[1:] for line in twice.splitlines()][1] == ["B-person", "B-person"]
    assert read(settings(write(tmp_path / "own.conll", once), eval_share=0)).train[1].tags == ("O", "B-person")


def test_conllu_keeps_its_columns(tagger: Any, tmp_path: Path) -> None:
    row = "{0}\t{1}\t_\tX\t_\t_\t0\troot\t_\t{2}\n"
    text = "# sent_id = 1\n" + row.format(1, "mister", "_") + row.format(2, "anna", "SpaceAfter=No") + "\n"
    lines = tagged(tagger, tmp_path / "in.conllu", text).splitlines()
    assert [line.split("\t")[9] for line in lines[1:3]] == ["NER=O", "SpaceAfter=No|NER=B-person"]
    assert lines[0] == "# sent_id = 1" and {line.count("\t") for line in lines[1:3]} == {9}


@pytest.mark.parametrize(
    ("name", "text", "column", "cells"),
    [
        ("a.jsonl", '{"tokens": ["mister", "anna", "went"]}\n', "predicted_tags", ['["O", "B-person", "O"]']),
        ("a.csv", "tokens\n\"['mister' 'anna' 'went']\"\n", "predicted_tags", ['["O", "B-person", "O"]']),
        ("b.csv", "Sentence #,Word\n1,mister\n,anna\n2,mister\n,omar\n", "predicted_tag", ["O", "B-person"] * 2),
    ],
)
def test_tables_of_words_get_a_tag_for_each(
    tagger: Any, name: str, text: str, column: str, cells: list[str], tmp_path: Path
) -> None:
    table = read_table(load(tagger[1]).tag_file(write(tmp_path / name, text)))
    assert table.strings(column) == cells
    if name == "a.jsonl":
        assert json.loads(table.strings("tokens")[0] or "") == ["mister", "anna", "went"]


@pytest.mark.parametrize("content", ['[{"id": 1, "data": {"text": "mister anna"}, "annotations": []}]', '["mister anna", {"entities": []}]\n["x", {}]\n'])  # fmt: skip
def test_exports_of_annotation_tools_are_tagged(tagger: Any, content: str, tmp_path: Path) -> None:
    table = read_table(load(tagger[1]).tag_file(write(tmp_path / "tasks.json", content)))
    assert [one["text"] for one in json.loads(table.strings("entities")[0] or "")] == ["anna"]


def test_weights_without_a_record_of_their_words_are_served_in_usual_ones(tagger: Any) -> None:
    assert WordRule.from_facts({"rows": 3}) == OF_OTHERS
    assert load(tagger[1]).rule == WordRule()


def test_an_empty_text_is_refused(tagger: Any) -> None:
    with pytest.raises(UserError, match="empty"):
        load(tagger[1]).tag("  ")


def test_bare_tags_are_learned_word_by_word(tmp_path: Path) -> None:
    data = write(
        tmp_path / "pos.conll", "the DET\ncat NOUN\nruns VERB\n\n" * 3 + "a DET\ndog NOUN\nsleeps VERB\n\n" * 3
    )
    chosen = settings(data, steps=2)
    task: Any = build("tag", chosen)
    assert task.metric == "accuracy" and task.data.tags == ["DET", "NOUN", "VERB"]


def test_tags_without_begin_are_read_as_runs(tmp_path: Path) -> None:
    """As Few-NERD has them: every word of a kind, and O."""
    chosen = settings(write(tmp_path / "io.conll", "Anna PER\nSmith PER\nsaw O\nRome LOC\n\nOslo LOC\ncalls O\n" * 4))
    assert says(check("tag", chosen), "amber", "Tags are IO, without B-")
    assert read(chosen).tags == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    assert ("B-PER", "I-PER", "O", "B-LOC") in {one.tags for one in read(chosen).train}


def test_weights_of_another_vocabulary_are_refused(tmp_path: Path, trips: Path) -> None:
    train_wordpiece(["anna flew to rome"] * 3, 60, 64).save_pretrained(tmp_path)
    config = BertConfig(vocab_size=10, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    BertForMaskedLM(config).save_pretrained(tmp_path)
    with pytest.raises(UserError, match="entries and the weights 10: they do not belong together"):
        build("tag", settings(trips, model=str(tmp_path)))
    with pytest.raises(UserError, match="they do not belong together"):
        load(tmp_path)
