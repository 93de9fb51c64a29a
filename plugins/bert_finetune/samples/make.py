"""Cut the samples from the original files: `python plugins/bert_finetune/samples/make.py TASKS BOOKS SNIPS`.

TASKS is a Parquet file with the columns task, split (train or validation), text and label; BOOKS one with the columns
title and text; SNIPS a folder with train.jsonl and dev.jsonl (text, tokens, ner_tags). README.md says whose they are.
The translations are written with Babel, which is no dependency of the studio: `pip install babel`.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd

HERE = Path(__file__).parent
REVIEWS = ("product_reviews", "amazon_sentences", "imdb_sentences")
NOVELS = ("The Wonderful Wizard of Oz", "Dorothy and the Wizard in Oz")
VAGUE = ("object_select", "object_part_of_series_type", "object_location_type", "poi", "timeRange", "facility")
UNITS = [
    "length-kilometer",
    "length-meter",
    "length-centimeter",
    "length-mile",
    "mass-kilogram",
    "mass-gram",
    "volume-liter",
    "duration-year",
    "duration-month",
    "duration-week",
    "duration-day",
    "duration-hour",
    "duration-minute",
    "duration-second",
    "temperature-celsius",
    "speed-kilometer-per-hour",
    "area-square-meter",
    "digital-megabyte",
    "energy-kilocalorie",
]


def main(tasks: str, books: str, snips: str) -> None:
    """Write every file."""
    table: Any = pd.read_parquet(tasks).drop_duplicates(["task", "text"]).sample(frac=1, random_state=0)
    requests = table[table.task == "clinc_domain"]
    write_texts(requests[requests.split == "train"].groupby("label").head(400), "requests.csv")
    write_texts(requests[requests.split == "validation"].groupby("label").head(50), "requests-eval.csv")
    unlabelled: Any = pd.read_csv(HERE / "requests.csv")[["text"]][:1000]
    unlabelled.to_csv(HERE / "requests-unlabelled.csv", index=False)
    reviews = table[table.task.isin(REVIEWS)]
    write_texts(reviews[500:], "reviews.csv")
    write_texts(reviews[:500], "reviews-eval.csv")
    novels = pd.read_parquet(books).set_index("title").text
    chapters = [chapter for title in NOVELS for chapter in chapters_of(novels[title])]
    (HERE / "oz.txt").write_text("\n\n".join(chapters) + "\n", encoding="utf-8")
    for name, count, ending in (("train", 2000, ""), ("dev", 400, "-eval")):
        lines = (Path(snips) / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        commands = Random(0).sample([json.loads(line) for line in lines], count if name == "train" else len(lines))
        write_tags(commands[:count], HERE / f"commands{ending}.conll")
        rows = [row for command in commands[: 2 * count] for row in questions_of(command)]
        pd.DataFrame(rows, columns=["question", "context", "answer"])[: 2 * count].to_csv(
            HERE / f"questions{ending}.csv", index=False, lineterminator="\n"
        )
    pairs = translations(6500)
    columns = ["english", "german"]
    pd.DataFrame(pairs[500:], columns=columns).to_csv(HERE / "dates.csv", index=False, lineterminator="\n")
    pd.DataFrame(pairs[:500], columns=columns).to_csv(HERE / "dates-eval.csv", index=False, lineterminator="\n")


def chapters_of(book: str) -> list[str]:
    """Chapters, without their headings ("1.  The Cyclone") and what stands before the first."""
    return [chapter.strip() for chapter in re.split(r"^\d+\.  .*$", book, flags=re.MULTILINE)[1:]]


def write_texts(rows: pd.DataFrame, name: str) -> None:
    """Write texts and labels, shuffled."""
    shuffled = rows.sample(frac=1, random_state=0)[["text", "label"]]
    shuffled.to_csv(HERE / name, index=False, lineterminator="\n")


def write_tags(commands: list[dict[str, Any]], path: Path) -> None:
    """Write a word and its tag per line, a blank line between sentences."""
    sentences = ["\n".join(map(" ".join, zip(one["tokens"], one["ner_tags"], strict=True))) for one in commands]
    path.write_text("\n\n".join(sentences) + "\n", encoding="utf-8")


def questions_of(command: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Question, context and answer for each entity of a command whose words stand in it once."""
    entities: list[tuple[str, list[str]]] = []
    for token, tag in zip(command["tokens"], command["ner_tags"], strict=True):
        if tag.startswith("B-"):
            entities.append((tag[2:], [token]))
        elif tag.startswith("I-"):
            entities[-1][1].append(token)
    names = [name for name, _ in entities]
    answers = [(name, " ".join(words)) for name, words in entities]
    return [
        (f"Which {name.replace('_', ' ')}?", command["text"], answer)
        for name, answer in answers
        if name not in VAGUE and names.count(name) == 1 and command["text"].count(answer) == 1
    ]


def translations(count: int) -> list[tuple[str, str]]:
    """Different pairs of phrases, as the English and the German locale of the CLDR write them."""
    from babel import Locale, dates, lists, numbers, units  # pyright: ignore[reportMissingImports] - only needed here

    random, en, de = Random(0), Locale("en"), Locale("de")

    def names(kind: str) -> list[str]:
        keys = [key for key in getattr(en, kind) if key in getattr(de, kind) and key.isalpha() and len(key) == 2]
        return sorted(keys)

    def phrase() -> Callable[[str], str]:
        day = dt.date(1990, 1, 1) + dt.timedelta(days=random.randrange(16_000))
        style, number = random.choice(["full", "long", "medium"]), random.choice([1, *range(2, 100), 250, 1500])
        kind = random.choice(["territories", "languages"])
        keys, unit = random.sample(names(kind), random.choice([2, 2, 3])), random.choice(UNITS)
        seconds = random.choice([-1, 1]) * number * random.choice([60, 3600, 86_400, 604_800])
        amount, money = random.randrange(100, 2_000_00) / 100, random.choice(["EUR", "USD", "GBP", "JPY", "CHF"])
        return random.choice(
            [
                lambda locale: dates.format_date(day, style, locale=locale),
                lambda locale: dates.format_skeleton("yMMMMEEEEd", day, locale=locale),
                lambda locale: units.format_unit(number, unit, "long", locale=locale),
                lambda locale: numbers.format_currency(amount, money, locale=locale, format_type="name"),
                lambda locale: dates.format_timedelta(seconds, add_direction=True, threshold=99, locale=locale),
                lambda locale: lists.format_list([getattr(Locale(locale), kind)[key] for key in keys], locale=locale),
            ]
        )

    pairs: dict[str, str] = {}
    while len(pairs) < count:
        write = phrase()
        pairs.setdefault(write("en").replace("\u202f", " "), write("de").replace("\xa0", " "))
    return list(pairs.items())


if __name__ == "__main__":
    main(*sys.argv[1:])
