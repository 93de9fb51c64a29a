"""Make questions without labels: a passage's own sentence, with a phrase of it asked for (Lewis et al., 2019, arXiv:1906.04980).

python -m plugins.bert_finetune.starter.recipe.cloze corpus.txt cloze.json

Teaches a network, before it has seen one real question, to find the place in a passage that a question speaks of, and in it a phrase of the
kind that is asked for. `corpus.txt` has a paragraph a line; `cloze.json` is SQuAD 1.1.
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
QUESTION_WORDS = (4, 25)  # of a question, without the words that ask
A_PASSAGE = 4  # questions
DROPPED = 0.3  # share of the other words left out, so that the rest has to be found
ASKED_FIRST = 0.7  # share of the questions that begin with the words that ask
_COMMON = """a an the this that these those and or but nor so yet if then than as at by for from in into of off on onto out over to under up
with about after against before between during through without within he she it they we you i him her them us me his its their our your my
who whom whose which what when where why how is are was were be been being am do does did have has had will would can could shall should
may might must not no only very more most such some any all each every both few many much other another own same there here also just"""
COMMON = frozenset(_COMMON.split())  # no answer holds one, and no question is of them alone
YEAR = re.compile(r"\b1[0-9]{3}\b|\b20[0-2][0-9]\b")
NUMBER = re.compile(
    r"[$£€]?\d[\d,]*(?:\.\d+)?(?: (?:percent|million|billion|thousand|hundred|years|miles|dollars|people))?"
)
NAME = re.compile(r"(?:[A-Z][\w’'.-]*\w)(?: (?:(?:of|de|the|van|von) )?[A-Z][\w’'-]*\w)*")
PHRASE = re.compile(
    r"(?<=\b(?:the|his|her|its|our) )[a-z]{3,}(?: [a-z]{3,})?|(?<=\b(?:of|an|by|in) )[a-z]{4,}(?: [a-z]{4,})?|(?<=\b(?:for|and) )[a-z]{5,}"
)
PLACES = {"in", "at", "to", "from", "near"}


@dataclass(frozen=True)
class Question:
    """A question, and where its answer begins in the passage, in characters."""

    text: str
    answer: str
    start: int


def passages(lines: Iterable[str]) -> Iterator[list[str]]:
    """Sentences of a passage: a paragraph, short ones joined to the next and long ones parted."""
    found: list[str] = []
    for line in [*lines, ""]:  # a blank line ends a document
        for sentence in split_sentences(line) if line.strip() else [""]:
            count = sum(len(each.split()) for each in found)
            if not sentence or count + len(sentence.split()) > WORDS[1]:
                if count >= WORDS[0]:
                    yield found
                found = []
            found += [sentence] if sentence else []


def questions(sentences: list[str], draw: random.Random) -> tuple[str, list[Question]]:
    """The passage, and questions whose answer occurs in it once."""
    context, starts = "", []
    for sentence in sentences:
        context += " " * bool(context)
        starts.append(len(context))
        context += sentence
    found = []
    for at, sentence in draw.sample(list(zip(starts, sentences, strict=True)), min(A_PASSAGE, len(sentences))):
        spans = [
            (start, end, kind)
            for start, end, kind in candidates(sentence)
            if context.count(sentence[start:end]) == 1 and end - start < 60
        ]
        if spans:
            start, end, kind = draw.choice(spans)
            if text := ask(sentence, start, end, kind, draw):
                found.append(Question(text, sentence[start:end], at + start))
    return context, found


def candidates(sentence: str) -> list[tuple[int, int, str]]:
    """Phrases that can be asked for, with their kind: year, number, name, phrase."""
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


def ask(sentence: str, start: int, end: int, kind: str, draw: random.Random) -> str:
    """The clause about a phrase, the phrase asked for, some words left out; "" where too little or too much is left."""
    before = re.split(r"[;:,()—]", sentence[:start])[-1] if draw.random() < 0.5 else sentence[:start]
    after = re.split(r"[;:()—]", sentence[end:])[0]
    words = [re.findall(r"[\w’'-]+", part) for part in (before, after)]
    asking = _asking(kind, words[0][-1].lower() if words[0] else "", sentence[start:end], draw)
    left, right = ([word for word in part if draw.random() > DROPPED] for part in words)
    if not QUESTION_WORDS[0] <= len(left) + len(right) <= QUESTION_WORDS[1] or not set(left + right) - COMMON:
        return ""
    ordered = [asking, *left, *right] if draw.random() < ASKED_FIRST else [*left, asking, *right]
    return " ".join(ordered) + "?"


def _asking(kind: str, before: str, answer: str, draw: random.Random) -> str:
    if kind == "year":
        return draw.choice(["When", "What year", "In what year", "In which year"])
    if kind == "number":
        return "How much" if answer[0] in "$£€" else draw.choice(["How many", "How many", "How much", "What number"])
    if kind == "name":
        return draw.choice(["Where", "Where", "What", "What city", "What country"] if before in PLACES else ["Who", "What", "Which", "What is the name of"])  # fmt: skip
    return draw.choice(["What", "What", "What kind of", "Which", "What type of", "Why" if before == "for" else "What"])


def main(source: Path, target: Path, seed: int = 0) -> None:
    draw, paragraphs, count = random.Random(seed), [], 0
    with source.open(encoding="utf-8") as lines:
        for sentences in passages(lines):
            context, found = questions(sentences, draw)
            asked = [
                {
                    "id": f"cloze-{count + place}",
                    "question": one.text,
                    "answers": [{"text": one.answer, "answer_start": one.start}],
                }
                for place, one in enumerate(found)
            ]
            count += len(asked)
            paragraphs += [{"context": context, "qas": asked}] if asked else []
    target.write_text(
        json.dumps({"version": "1.1", "data": [{"title": "cloze", "paragraphs": paragraphs}]}), encoding="utf-8"
    )
    print(f"{count:,} questions on {len(paragraphs):,} passages")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
