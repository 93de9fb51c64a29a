"""Make the three files that the recipe trains on from the public sources in its README.

    python plugins/gpt_prompting/starter/recipe/gather.py DATA OUT

DATA holds gpt_text/, gpt_dialog/ and gpt_tasks/. OUT gets corpus.txt (a document a book), dialogues.parquet and tasks.parquet: the labelled
tasks, and four more that are read off the books: which of them a sentence is from, whether somebody speaks in it, which of a set of common words
it holds, and the letter that a word begins with.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SENTENCE = re.compile(r"(?<=[.!?])\s+")
SHORTEST, LONGEST = 20, 110  # characters of a sentence
A_BOOK, A_WORD, A_LETTER = 250, 60, 60  # texts of each class
WORDS = 400  # that mark a sentence: not the most common ones, which are everywhere


def main(data: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    books = pq.read_table(data / "gpt_text/childrens_books.parquet").to_pylist()
    texts = [book["text"] for book in books] + [(data / "gpt_text/tinyshakespeare_train.txt").read_text(encoding="utf-8")]  # fmt: skip
    (out / "corpus.txt").write_text("\n<|endoftext|>\n".join(texts), encoding="utf-8")
    shutil.copyfile(data / "gpt_dialog/train.parquet", out / "dialogues.parquet")
    tasks = pq.read_table(data / "gpt_tasks/tasks.parquet").select(["task", "split", "text", "label"])
    rows = [("book_of_sentence", *row) for row in of_books(books)] + from_sentences(books)
    names = ("task", "split", "text", "label")
    columns = zip(*((task, "train", text, label) for task, text, label in rows), strict=True)
    more = pa.table(dict(zip(names, map(list, columns), strict=True)))
    pq.write_table(pa.concat_tables([tasks.cast(more.schema), more]), out / "tasks.parquet")


def sentences(text: str) -> list[str]:
    found = (each.strip() for line in text.splitlines() for each in SENTENCE.split(line))
    return list(dict.fromkeys(each for each in found if SHORTEST <= len(each) <= LONGEST))


def of_books(books: list[dict]) -> list[tuple[str, str]]:
    random = np.random.default_rng(0)
    return [
        (text, book["title"].lower())
        for book in books
        for text in random.permutation(sentences(book["text"]))[:A_BOOK].tolist()
    ]


def from_sentences(books: list[dict]) -> list[tuple[str, str, str]]:
    """Tasks that are told by a word, by the marks of speech, and by a letter."""
    random = np.random.default_rng(1)
    everything = random.permutation([each for book in books for each in sentences(book["text"])]).tolist()
    words = Counter(word for each in everything for word in set(re.findall(r"[a-z]{4,}", each.lower())))
    marking = [word for word, _ in words.most_common(WORDS + 100)[100:]]
    found: list[tuple[str, str, str]] = []
    left = dict.fromkeys(marking, A_WORD)
    for each in everything:
        word = next((word for word in re.findall(r"[a-z]{4,}", each.lower()) if left.get(word)), None)
        if word:
            left[word] -= 1
            found.append(("word_in_sentence", each, word))
    speech = [each for each in everything if '"' in each or "“" in each][:1500]
    telling = [each for each in everything if '"' not in each and "“" not in each][:1500]
    found += [("speech", each, "speech") for each in speech] + [("speech", each, "story") for each in telling]
    for letter in "abcdefghilmnoprstw":
        begin = [word for word in words if word[0] == letter][:A_LETTER]
        found += [("first_letter", word, letter) for word in begin]
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
