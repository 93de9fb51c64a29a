"""Cut the samples of labelled texts: `python plugins/bert_finetune/samples/make.py tasks.parquet`.

`tasks.parquet` has the columns task, split (train or validation), text and label; README.md says whose texts they are.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
REVIEWS = ("product_reviews", "amazon_sentences", "imdb_sentences")


def main(tasks: str) -> None:
    """Write a training and an evaluation table for each task."""
    table = pd.read_parquet(tasks).drop_duplicates(["task", "text"]).sample(frac=1, random_state=0)
    requests = table[table.task == "clinc_domain"]
    write(requests[requests.split == "train"].groupby("label").head(400), "requests.csv")
    write(requests[requests.split == "validation"].groupby("label").head(50), "requests-eval.csv")
    reviews = table[table.task.isin(REVIEWS)]
    write(reviews[500:], "reviews.csv")
    write(reviews[:500], "reviews-eval.csv")


def write(rows: pd.DataFrame, name: str) -> None:
    """Write texts and labels, shuffled."""
    shuffled = rows.sample(frac=1, random_state=0)[["text", "label"]]
    shuffled.to_csv(HERE / name, index=False, lineterminator="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
