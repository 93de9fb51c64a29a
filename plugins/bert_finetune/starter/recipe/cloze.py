"""Cloze questions: sentences with a phrase replaced by a question word (Lewis et al., 2019, arXiv:1906.04980).

python -m plugins.bert_finetune.starter.recipe.cloze corpus.txt cloze.json

Pre-trains extractive question answering without labelled questions: find the sentence of a passage that a question is
about, and in it a phrase of the type that is asked for. `corpus.txt` has one paragraph per line; `cloze.json` is SQuAD
1.1.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from plugins.bert_finetune.pretrain.sentence_splitting import split_sentences

WORDS = (35, 130)  # of a passage
QUESTION_WORDS = (4, 25)  # of a question, without the question word
QUESTIONS_PER_PASSAGE = 4
DROPPED_SHARE = 0.3  # of the other words, so that the sentence is not found by exact match
QUESTION_WORD_FIRST = 0.7  # share of the questions that begin with the question word
_COMMON = """a an the this that these those and or but nor so yet if then than as at by for from in into of off
on onto out over to under up with about after against before between during through without within
he she it they we you i him her them us me his its their our your my who whom whose which what when
where why how is are was were be been being am do does did have has had will would can could shall
should may might must not no only very more most such some any all each every both few many much
other another own same there here also just"""
COMMON = frozenset(_COMMON.split())  # not part of an answer; a question needs at least one other word
YEAR = re.compile(r"\b1[0-9]{3}\b|\b20[0-2][0-9]\b")
NUMBER = re.compile(
    r"[$£€]?\d[\d,]*(?:\.\d+)?(?: (?:percent|million|billion|thousand|hundred|years|miles|dollars|people))?"
)
NAME = re.compile(r"(?:[A-Z][\w’'.-]*\w)(?: (?:(?:of|de|the|van|von) )?[A-Z][\w’'-]*\w)*")
PHRASE = re.compile(
    r"(?<=\b(?:the|his|her|its|our) )[a-z]{3,}(?: [a-z]{3,})?"
    r"|(?<=\b(?:of|an|by|in) )[a-z]{4,}(?: [a-z]{4,})?|(?<=\b(?:for|and) )[a-z]{5,}"
)
PLACES = {"in", "at", "to", "from", "near"}


@dataclass(frozen=True)
class ClozeQuestion:
    """A question, its answer, and the start of the answer in the passage, in characters."""

    text: str
    answer: str
    start: int


def passages(lines: Iterable[str]) -> Iterator[list[str]]:
    """Sentences of each passage: short paragraphs are joined to the next, long ones split."""
    passage: list[str] = []
    for line in [*lines, ""]:  # a blank line ends a document
        for sentence in split_sentences(line) if line.strip() else [""]:
            count = sum(len(part.split()) for part in passage)
            if not sentence or count + len(sentence.split()) > WORDS[1]:
                if count >= WORDS[0]:
                    yield passage
                passage = []
            passage += [sentence] if sentence else []


def questions(sentences: list[str], rng: random.Random) -> tuple[str, list[ClozeQuestion]]:
    """The passage, and questions whose answer occurs in it exactly once."""
    context, starts = "", []
    for sentence in sentences:
        context += " " * bool(context)
        starts.append(len(context))
        context += sentence
    made = []
    for offset, sentence in rng.sample(
        list(zip(starts, sentences, strict=True)), min(QUESTIONS_PER_PASSAGE, len(sentences))
    ):
        spans = [
            (start, end, kind)
            for start, end, kind in candidates(sentence)
            if context.count(sentence[start:end]) == 1 and end - start < 60
        ]
        if spans:
            start, end, kind = rng.choice(spans)
            if text := ask(sentence, start, end, kind, rng):
                made.append(ClozeQuestion(text, sentence[start:end], offset + start))
    return context, made


def candidates(sentence: str) -> list[tuple[int, int, str]]:
    """Spans that can be answers, with their type: year, number, name, phrase."""
    years = [(each.start(), each.end(), "year") for each in YEAR.finditer(sentence)]
    numbers = [(each.start(), each.end(), "number") for each in NUMBER.finditer(sentence)]
    names = [
        (each.start(), each.end(), "name") for each in NAME.finditer(sentence) if each.start() or " " in each.group()
    ]
    phrases = [
        (each.start(), each.end(), "phrase")
        for each in PHRASE.finditer(sentence)
        if not COMMON & set(each.group().split())
    ]
    apart = [each for each in numbers if not any(each[0] <= start < each[1] for start, _, _ in years)]
    return [*years, *apart, *names, *phrases]


def ask(sentence: str, start: int, end: int, kind: str, rng: random.Random) -> str:
    """The clause of a phrase with the phrase replaced by a question word; "" if too short or too long."""
    before = re.split(r"[;:,()—]", sentence[:start])[-1] if rng.random() < 0.5 else sentence[:start]
    after = re.split(r"[;:()—]", sentence[end:])[0]
    words = [re.findall(r"[\w’'-]+", part) for part in (before, after)]
    asking = _asking(kind, words[0][-1].lower() if words[0] else "", sentence[start:end], rng)
    left, right = ([word for word in part if rng.random() > DROPPED_SHARE] for part in words)
    if not QUESTION_WORDS[0] <= len(left) + len(right) <= QUESTION_WORDS[1] or not set(left + right) - COMMON:
        return ""
    ordered = [asking, *left, *right] if rng.random() < QUESTION_WORD_FIRST else [*left, asking, *right]
    return " ".join(ordered) + "?"


def _asking(kind: str, before: str, answer: str, rng: random.Random) -> str:
    if kind == "year":
        return rng.choice(["When", "What year", "In what year", "In which year"])
    if kind == "number":
        return "How much" if answer[0] in "$£€" else rng.choice(["How many", "How many", "How much", "What number"])
    if kind == "name":
        places = ["Where", "Where", "What", "What city", "What country"]
        return rng.choice(places if before in PLACES else ["Who", "What", "Which", "What is the name of"])
    return rng.choice(["What", "What", "What kind of", "Which", "What type of", "Why" if before == "for" else "What"])


def main(source: Path, target: Path, seed: int = 0) -> None:
    rng, paragraphs, count = random.Random(seed), [], 0
    with source.open(encoding="utf-8") as lines:
        for sentences in passages(lines):
            context, made = questions(sentences, rng)
            asked = [
                {
                    "id": f"cloze-{count + number}",
                    "question": question.text,
                    "answers": [{"text": question.answer, "answer_start": question.start}],
                }
                for number, question in enumerate(made)
            ]
            count += len(asked)
            paragraphs += [{"context": context, "qas": asked}] if asked else []
    target.write_text(
        json.dumps({"version": "1.1", "data": [{"title": "cloze", "paragraphs": paragraphs}]}), encoding="utf-8"
    )
    print(f"{count:,} questions on {len(paragraphs):,} passages")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
