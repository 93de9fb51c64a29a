"""Cut the samples: `python plugins/gpt_prompting/samples/make.py BOOKS DIALOGUES TASKS`.

BOOKS is a text with a paragraph a line and a blank line between chapters, DIALOGUES a Parquet file with the columns
source and turns, TASKS one with the columns task, text and label. README.md says whose they are.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd

HERE = Path(__file__).parent
FIRST, LAST = "It is a truth universally acknowledged", "It was the second week in May"  # beginnings of chapters
TOPICS = ("alarm", "email", "music", "weather")


def main(books: str, dialogues: str, tasks: str) -> None:
    """Write every file."""
    chapters = Path(books).read_text(encoding="utf-8").split("\n\n")
    first, last = (next(n for n, text in enumerate(chapters) if begin in text[:200]) for begin in (FIRST, LAST))
    text = "\n<|endoftext|>\n".join(chapter.strip() for chapter in chapters[first:last])
    (HERE / "pride-and-prejudice.txt").write_text(text + "\n", encoding="utf-8")
    table = pd.read_parquet(dialogues)
    orders = table[table.source == "taskmaster4"].turns.sample(900, random_state=0)
    lines = [json.dumps({"turns": json.loads(turns)}, ensure_ascii=False) for turns in orders]
    (HERE / "coffee.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    requests: Any = pd.read_parquet(tasks)
    requests = requests[(requests.task == "hwu_scenario") & requests.label.isin(TOPICS)].drop_duplicates("text")
    some = requests.sample(frac=1, random_state=0).groupby("label").head(100).sample(frac=1, random_state=0)
    some[["text", "label"]].to_csv(HERE / "topics.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
