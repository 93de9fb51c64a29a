"""Prepare the training files of the recipe from the public sources in its README.

    python plugins/gpt_prompting/starter/recipe/gather.py DATA OUT

DATA holds gpt_text/, gpt_dialog/, gpt_tasks/ and corpus_textbooks/. OUT gets corpus.txt (one document per book),
dialogues.parquet and tasks.parquet: the labelled tasks, and five more derived from the books: which book a sentence is
from, which passage of a book, whether it is direct speech, which of a set of common words it contains, and the first
letter of a word. No sentence of these is from the book that the runs hold out.

The fourth run counts the words of the news, too, which are in no story: stories-and-textbooks.txt has every third
section of the textbooks, tasks-and-topics.parquet the shorter sentences of all, by the passage and by the chapter that
they are from. The held-out book is a file of its own then, held-out-book.txt.
"""

from __future__ import annotations

import lzma
import re
import shutil
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SENTENCE = re.compile(r"(?<=[.!?])\s+")
MIN_CHARACTERS, MAX_CHARACTERS = 20, 110  # of a sentence
BOOK_TEXTS, WORD_TEXTS, LETTER_TEXTS = 250, 60, 60  # per class
CLASS_WORDS, SKIPPED_WORDS = 400, 100  # the most common words are in too many sentences
PASSAGE_SENTENCES, PASSAGES = 24, 1500  # of one passage, which has about the length of a scene; in all
TOPIC_SENTENCES = 600  # of one topic, about a chapter of a textbook, of whose sentences most share no word
TEXTBOOK_STEP = 3  # every third section is text: stories stay four fifths of it
END_OF_TEXT = "\n<|endoftext|>\n"
HELD_OUT_BOOK = "Treasure Island"  # that eval_share 0.02 and seed 0 hold out of corpus.txt


def main(data: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    books = pq.read_table(data / "gpt_text/childrens_books.parquet").to_pylist()
    shakespeare = (data / "gpt_text/tinyshakespeare_train.txt").read_text(encoding="utf-8")
    with lzma.open(data / "corpus_textbooks/textbooks_all.txt.xz", "rt", encoding="utf-8") as file:
        textbooks = file.read().split("\n\n")
    write_texts(out / "corpus.txt", [*(book["text"] for book in books), shakespeare])
    kept = [book for book in books if book["title"] != HELD_OUT_BOOK]
    stories = [*(book["text"] for book in kept), shakespeare]
    write_texts(out / "stories-and-textbooks.txt", [*stories, *textbooks[::TEXTBOOK_STEP]])
    write_texts(out / "held-out-book.txt", [book["text"] for book in books if book["title"] == HELD_OUT_BOOK])
    shutil.copyfile(data / "gpt_dialog/train.parquet", out / "dialogues.parquet")
    tasks = pq.read_table(data / "gpt_tasks/tasks.parquet").select(["task", "split", "text", "label"])
    rows = [("book_of_sentence", *row) for row in book_rows(kept)] + sentence_rows(kept)
    rows += passage_rows("passage", [sentences(book["text"]) for book in kept], PASSAGE_SENTENCES)
    write_tasks(out / "tasks.parquet", tasks, rows)
    lines = [sentences("\n".join(textbooks))]
    rows += passage_rows("textbook_passage", lines, PASSAGE_SENTENCES)
    rows += passage_rows("textbook_topic", lines, TOPIC_SENTENCES)
    write_tasks(out / "tasks-and-topics.parquet", tasks, rows)


def write_texts(path: Path, texts: list[str]) -> None:
    """Write texts as documents."""
    path.write_text(END_OF_TEXT.join(texts), encoding="utf-8")


def write_tasks(path: Path, tasks: pa.Table, rows: list[tuple[str, str, str]]) -> None:
    """Write the labelled tasks and rows of derived ones: task, text, label."""
    names = ("task", "split", "text", "label")
    columns = zip(*((task, "train", text, label) for task, text, label in rows), strict=True)
    derived = pa.table(dict(zip(names, map(list, columns), strict=True)))
    pq.write_table(pa.concat_tables([tasks.cast(derived.schema), derived]), path)


def sentences(text: str) -> list[str]:
    """Split a text into its distinct sentences of 20 to 110 characters."""
    parts = (part.strip() for line in text.splitlines() for part in SENTENCE.split(line))
    return list(dict.fromkeys(part for part in parts if MIN_CHARACTERS <= len(part) <= MAX_CHARACTERS))


def book_rows(books: list[dict]) -> list[tuple[str, str]]:
    """Sentences with the title of their book."""
    random = np.random.default_rng(0)
    return [
        (text, book["title"].lower())
        for book in books
        for text in random.permutation(sentences(book["text"]))[:BOOK_TEXTS].tolist()
    ]


def sentence_rows(books: list[dict]) -> list[tuple[str, str, str]]:
    """Rows of the tasks word_in_sentence, speech and first_letter: task, text, label."""
    random = np.random.default_rng(1)
    texts = random.permutation([text for book in books for text in sentences(book["text"])]).tolist()
    words = Counter(word for text in texts for word in dict.fromkeys(re.findall(r"[a-z]{4,}", text.lower())))
    class_words = [word for word, _ in words.most_common(CLASS_WORDS + SKIPPED_WORDS)[SKIPPED_WORDS:]]
    rows: list[tuple[str, str, str]] = []
    left = dict.fromkeys(class_words, WORD_TEXTS)
    for text in texts:
        word = next((word for word in re.findall(r"[a-z]{4,}", text.lower()) if left.get(word)), None)
        if word:
            left[word] -= 1
            rows.append(("word_in_sentence", text, word))
    speech = [text for text in texts if '"' in text or "“" in text][:1500]
    narration = [text for text in texts if '"' not in text and "“" not in text][:1500]
    rows += [("speech", text, "speech") for text in speech] + [("speech", text, "story") for text in narration]
    for letter in "abcdefghilmnoprstw":
        first = [word for word in words if word[0] == letter][:LETTER_TEXTS]
        rows += [("first_letter", word, letter) for word in first]
    return rows


def passage_rows(task: str, split: list[list[str]], size: int) -> list[tuple[str, str, str]]:
    """Rows of a task: sentences that follow each other in a book, labelled with the word that is theirs most.

    The word is frequent in the passage and rare elsewhere, and no earlier passage is called after it. Such classes are
    many, and their texts share names and things.

    Args:
        split: The sentences of each book.
        size: Sentences of a passage.
    """
    passages = [each[at : at + size] for each in split for at in range(0, len(each), size)]
    passages = [each for each in passages if len(each) == size]
    order = np.random.default_rng(2).permutation(len(passages))[:PASSAGES]
    counts = Counter(word for each in split for text in each for word in re.findall(r"[a-z]{4,}", text.lower()))
    rows, used = [], set()
    for passage in (passages[index] for index in order):
        here = Counter(word for text in passage for word in dict.fromkeys(re.findall(r"[a-z]{4,}", text.lower())))
        word = max((word for word in here if word not in used), key=lambda word: here[word] ** 2 / (counts[word] + 10))
        used.add(word)
        rows += [(task, text, word) for text in passage]
    return rows


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
