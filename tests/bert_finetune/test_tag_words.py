"""Words of taggers: one rule for training, scoring and serving, in any script."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from plugins.bert_finetune.tag.data import read
from plugins.bert_finetune.tag.report import score
from plugins.bert_finetune.tag.schemes import Span
from plugins.bert_finetune.tag.sentences import Sentence, SpannedText, cut_text, cut_words
from plugins.bert_finetune.tag.settings import TagSettings
from plugins.bert_finetune.tag.words import OF_OTHERS, WordRule, rule_of
from tests.bert_models import build, load
from tests.files import write
from training.fit.loop import fit
from training.settings import parse_settings

TINY = {"layers": 1, "heads": 2, "hidden_size": 48, "vocabulary_size": 300, "max_length": 48, "dropout": 0.0}

WORDS = {
    "今天王伟住在北京。": "今 天 王 伟 住 在 北 京 。",
    "東京タワーに行く": "東 京 タ ワ ー に 行 く",
    "か\u3099く": "か\u3099 く",
    "서울에서 만나요": "서 울 에 서 만 나 요",
    "ฉันอยู่กรุงเทพ": "ฉั น อ ยู่ ก รุ ง เ ท พ",
    "ພາສາລາວ": "ພ າ ສ າ ລ າ ວ",
    "ភ្នំពេញ": "ភ្នំ ពេ ញ",
    "सीता कल दिल्ली में": "सीता कल दिल्ली में",
    "क्षेत्र राष्ट्र।": "क्षेत्र राष्ट्र ।",
    "مُحَمَّدٌ في القاهرة": "مُحَمَّدٌ في القاهرة",
    "می\u200cخواهم": "می\u200cخواهم",
    "Jose\u0301 Bun\u00addes": "Jose\u0301 Bun\u00addes",
    "Anna's Oslo-based": "Anna ' s Oslo - based",
    "Lima/Cairo U.S. 10:30": "Lima / Cairo U . S . 10 : 30",
    "l’Oréal a\u00a0b": "l ’ Oréal a b",
    "👨\u200d👩\u200d👧 hi 🇩🇪 👍🏽!": "👨\u200d👩\u200d👧 hi 🇩🇪 👍🏽 !",
    "a\u200bb \u200b c": "a b c",
    "one\r\ntwo\nthree\tfour": "one two three four",
    "iPhone手机12": "iPhone 手 机 12",
}


@pytest.mark.parametrize("text", WORDS)
def test_words_of_every_script(text: str) -> None:
    assert WordRule().words(text) == WORDS[text].split(" ")


def test_weights_from_elsewhere_get_usual_words_without_clitics() -> None:
    text = "Anna's friend O'Brien doesn't like Winston-Salem, @bob or Lima/Cairo"
    words = "Anna ' s friend O'Brien doesn't like Winston-Salem , @bob or Lima / Cairo"
    assert OF_OTHERS.words(text) == words.split()


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        ("don't go to Coca-Cola .", "'-’"),
        ("don’t go to Coca-Cola .", "'-’"),
        ("don't " * 10 + "isn’t it’s the Campaign Trail ’72", "'’"),
        ("don't " * 30 + "‘ hello ’ " * 5 + "end", "'"),
        ("don't " * 30 + "isn’t " * 25 + "the Trail ’72 " * 4 + "end", "'’"),
        ("Anna 's don't Oslo - based Coca-Cola", ""),
        ("10\u00a0000 euros", "\u00a0"),
        ("U.S. 3.5", ""),
        ("km/h @user http://t.co/x", "./"),
        ("a-b - " + "c-d " * 8, ""),
        ("a-b - " + "c-d " * 9 + "e", "-"),
    ],
)
def test_signs_stay_inside_words_if_the_file_always_has_them_there(words: str, joined: str) -> None:
    assert rule_of([words.split(" ")]).joined == joined


def test_letters_and_digits_are_cut_as_a_file_of_characters_cuts_them() -> None:
    rule = rule_of([list("我在NBA2019年"), list("看NBA12")])
    assert rule.words("NBA在2024") == ["N", "B", "A", "在", "2", "0", "2", "4"]
    assert rule_of([["I", "saw", "a", "B", "7"]]).words("NBA 2024") == ["NBA", "2024"]


WORD = st.sampled_from(["Anna", "'s", "'", "Oslo", "-", "don't", "U.S.", "王伟", "在", "서울", "दिल्ली", "10:30", "@x", "/", "a\u00a0b"])  # fmt: skip


@given(
    st.lists(st.lists(WORD, min_size=1, max_size=6, unique=True), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
)
def test_a_text_is_cut_into_the_words_of_training_however_it_is_spaced(sentences: list[list[str]], random: Any) -> None:
    rule = rule_of(sentences)
    for words in sentences:
        text = words[0]
        for before, word in pairwise(words):
            runs_meet = all(regex.fullmatch(r"[\p{Latin}\p{Devanagari}\p{N}]", sign) for sign in (before[-1], word[0]))
            text += (" " if runs_meet or random.random() < 0.5 else "") + word
        trained = cut_words(Sentence(tuple(words), ("O",) * len(words), (1,) * len(words)), rule)
        assert tuple(rule.words(text)) == trained.words


def test_tags_go_on_over_the_pieces_of_a_word() -> None:
    given = Sentence(("U.S.", "-", "based", "Anna's"), ("B-LOC", "O", "O", "B-PER"), (1, 2, 3, 4))
    cut = cut_words(given, WordRule())
    assert cut.words == ("U", ".", "S", ".", "-", "based", "Anna", "'", "s")
    assert cut.tags == ("B-LOC", "I-LOC", "I-LOC", "I-LOC", "O", "O", "B-PER", "I-PER", "I-PER")
    assert cut.text() == "U.S. - based Anna's" and cut.lines[-1] == 4


def test_a_text_is_cut_without_its_spans_and_an_entity_inside_a_word_is_missed() -> None:
    sentence = cut_text(
        SpannedText("Londoner in Oslo", (Span(0, 6, "LOC"), Span(12, 16, "LOC")), ("", ""), 1), WordRule()
    )
    assert sentence.words == ("Londoner", "in", "Oslo") and sentence.tags == ("B-LOC", "O", "B-LOC")
    metrics = score([sentence], [sentence.tags], np.zeros(1), False).metrics
    assert metrics["precision"] == metrics["recall"] == 0.5 and metrics["accuracy"] == 1


def test_the_evaluation_does_not_know_the_edges_of_entities(tmp_path: Path) -> None:
    rows = [json.dumps({"text": f"Dr{i}Anna left", "spans": [[3, 7, "PER"]]}) for i in range(9)]
    data = read(settings(write(tmp_path / "a.jsonl", "\n".join(rows)), eval_share=0.4))
    assert {len(sentence.words) for sentence in [*data.train, *data.evaluation]} == {2}
    assert all(sentence.inexact for sentence in data.evaluation)


# -- trained and served ------------------------------------------------------------------------------------------------


def settings(data: Path, **values: Any) -> TagSettings:
    return parse_settings(TagSettings, {"data": str(data), **TINY, **values})


NAMES = {
    "zh": (["王伟", "李娜", "张强", "陈静"], ["北京", "上海", "广州", "西安"], "{a}很忙，住在{b}。", "{b}的{a}很忙。"),
    "en": (["Anna", "Boris", "Eva", "Hans"], ["Oslo", "Lima", "Cairo", "Rome"], "{a}'s car is in {b}.", "the {b}-based firm hired {a}."),
    "fr": (["Anna", "Luc", "Marie", "Paul"], ["Oslo", "Lima", "Metz", "Rome"], "l'ami d'{a} vit à {b}.", "Paris-{b}: {a} arrive."),
    "th": (["สมชาย", "มานี", "ปิติ", "ชูใจ"], ["กรุงเทพ", "เชียงใหม่", "ภูเก็ต", "ตรัง"], "{a}อยู่ที่{b}", "{b}เป็นบ้านของ{a}"),
    "ko": (["영희", "철수", "민수", "지영"], ["서울", "부산", "대구", "인천"], "{a}는 {b}에서 산다.", "{b}의 {a}가 왔다."),
    "hi": (["सीता", "मोहन", "विकास", "प्रिया"], ["दिल्ली", "मुंबई", "जयपुर", "पटना"], "{a} कल {b} में थी।", "{b} की {a} घर पर है।"),
}  # fmt: skip


def corpus(language: str) -> list[dict[str, Any]]:
    people, places, *patterns = NAMES[language]
    rows = []
    for number in range(64):
        a, b = people[number % 4], places[number // 4 % 4]
        text = patterns[number // 16 % 2].format(a=a, b=b)
        rows.append({"text": text, "spans": [[text.index(x), text.index(x) + len(x), y] for x, y in ((a, "PER"), (b, "LOC"))]})  # fmt: skip
    return rows


def as_conll(rows: list[dict[str, Any]]) -> str:
    """The texts in words as people cut them: names whole, clitics and signs apart, characters for Chinese."""
    lines = []
    for row in rows:
        sentence = cut_text(SpannedText(row["text"], tuple(Span(*s) for s in row["spans"]), ("", ""), 1), WordRule())
        pieces = list(zip(sentence.words, sentence.tags, strict=True))
        while pieces:
            word, tag = pieces.pop(0)
            if word == "'" and pieces[0][0] == "s":
                word += pieces.pop(0)[0]
            lines.append(f"{word}\t{tag}")
        lines.append("")
    return "\n".join(lines)


@pytest.mark.parametrize("form", ["conll", "jsonl"])
@pytest.mark.parametrize("language", NAMES)
def test_what_is_learned_is_served(language: str, form: str, tmp_path: Path) -> None:
    rows = corpus(language)
    text = as_conll(rows) if form == "conll" else "\n".join(map(json.dumps, rows))
    (tmp_path / "run").mkdir()
    chosen = settings(write(tmp_path / f"a.{form}", text), steps=60, learning_rate=4e-3, eval_every=60)
    assert fit(build("tag", chosen), chosen, tmp_path / "run").best_metrics["f1"] == 1
    tagger = load(tmp_path / "run" / "artifact")
    assert tagger.rule == read(chosen).rule
    for row in (rows[0], rows[-1]):
        spans = sorted([one["start"], one["end"], one["label"]] for one in tagger.tag(row["text"])["entities"])
        assert spans == sorted(row["spans"])
