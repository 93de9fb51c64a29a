"""Copies of questions with other names and numbers, alike in question, passage and answer.

python -m plugins.bert_finetune.starter.recipe.rename squad-train-v1.1.json renamed.json

A small network soon remembers the answers of a few thousand questions. Those of a copy it has to find in the passage:
it is entity swapping as in Longpre et al. (2021, arXiv:2109.05052), for training. Both files are SQuAD 1.1.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COPIES = 6  # of each paragraph, the first as it was
RENAMED_SHARE = 0.8  # of a paragraph's names and numbers
MOST_DRAWN = 5  # a name of the pool is drawn as often as it occurs, up to this
TOKEN = re.compile(r"[^\W\d_][\w'’-]*|\d[\d,.]*\d|.", re.DOTALL)
YEAR = re.compile(r"1[5-9]\d\d|20\d\d")


@dataclass(frozen=True)
class Renaming:
    """Draws other names and numbers.

    Args:
        names: Words that are names.
        pool: What to draw names from.
    """

    names: frozenset[str]
    pool: list[str]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Renaming:
        """The words that are capitalised four times as often as not."""
        words = Counter(word for text in texts for word in TOKEN.findall(text) if word[0].isalpha())
        names = {word: count for word, count in words.items() if word[0].isupper() and len(word) > 2}
        names = {word: count for word, count in names.items() if 4 * words[word.lower()] <= count}
        return cls(frozenset(names), [word for word, count in names.items() for _ in range(min(count, MOST_DRAWN))])

    def draw(self, texts: Iterable[str], rng: random.Random) -> dict[str, str]:
        """Name or number of the texts -> the other."""
        words = dict.fromkeys(word for text in texts for word in TOKEN.findall(text))
        changed = [word for word in words if word in self.names or word[0].isdigit()]
        return {word: self._other(word, rng) for word in changed if rng.random() < RENAMED_SHARE}

    def _other(self, word: str, rng: random.Random) -> str:
        if YEAR.fullmatch(word):
            return str(rng.randint(1500, 2020))
        if word[0].isdigit():
            first = str(rng.randint(1, 9))
            return first + re.sub(r"\d", lambda _: str(rng.randint(0, 9)), word[1:])
        others = rng.choices(self.pool, k=20)
        return next((each for each in others if each.endswith("s") == word.endswith("s")), others[0])


def renamed(text: str, others: Mapping[str, str]) -> tuple[str, dict[int, int]]:
    """The text with other names, and where each of its places went, but for those inside of a name."""
    parts, places, size = list[str](), dict[int, int](), 0
    for token in TOKEN.finditer(text):
        part = others.get(token[0], token[0])
        kept = len(part) if part == token[0] else 1
        places |= {token.start() + offset: size + offset for offset in range(kept)}
        parts.append(part)
        size += len(part)
    return "".join(parts), places | {len(text): size}


def copy_of(paragraph: Mapping[str, Any], others: Mapping[str, str]) -> dict[str, Any]:
    """A paragraph with other names; questions whose answer begins or ends inside of one are left out."""
    context, places = renamed(paragraph["context"], others)
    questions = []
    for asked in paragraph["qas"]:
        start = asked["answers"][0]["answer_start"]
        first, last = places.get(start), places.get(start + len(asked["answers"][0]["text"]))
        if first is not None and last is not None:
            answer = {"text": context[first:last], "answer_start": first}
            questions.append(asked | {"question": renamed(asked["question"], others)[0], "answers": [answer]})
    return {"context": context, "qas": questions}


def main(source: Path, target: Path, seed: int = 0) -> None:
    rng, articles = random.Random(seed), json.loads(source.read_text(encoding="utf-8"))["data"]
    paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
    renaming = Renaming.of(paragraph["context"] for paragraph in paragraphs)
    copies = list(paragraphs)
    for _ in range(COPIES - 1):
        for paragraph in paragraphs:
            texts = [paragraph["context"], *(asked["question"] for asked in paragraph["qas"])]
            copies.append(copy_of(paragraph, renaming.draw(texts, rng)))
    for number, copy in enumerate(copies):
        copy["qas"] = [asked | {"id": f"{asked['id']}-{number}"} for asked in copy["qas"]]
    content = {"version": "1.1", "data": [{"title": "renamed", "paragraphs": copies}]}
    target.write_text(json.dumps(content), encoding="utf-8")
    print(f"{sum(len(copy['qas']) for copy in copies):,} questions on {len(copies):,} passages")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
