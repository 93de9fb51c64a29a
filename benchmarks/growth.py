"""How pre-training grows with its text: memory, seconds to the first step, and rows a second, mapped and streamed.

    python -m benchmarks.growth --megabytes 10 100            # about a minute a size of 10 MB on two cores

Texts are the sample's paragraphs in random order, each with words of its own, so that no line comes twice. Every run is
a process of its own under a home of its own: first time, second time (what was made is mapped), and streamed from 8
shards. Then the files alone are made with the tokenizer of the run, beside `datasets.map` with one process and nothing
else.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.growth_process import train

SAMPLE = Path(__file__).parents[1] / "plugins" / "bert_finetune" / "samples" / "oz.txt"
SHARDS = 8
PLUGINS = ("bert_finetune", "gpt_prompting")
NETWORK: dict[str, object] = {
    "layers": 2,
    "heads": 2,
    "hidden-size": 64,
    "max-length": 128,
    "batch-size": 16,
    "vocabulary-size": 8000,
    "model": "scratch",
}
MAP = """
import sys
from datasets import load_dataset
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[2])
data = load_dataset("text", data_files=sys.argv[1], split="train", cache_dir=sys.argv[3])
tokens = lambda batch: tokenizer(batch["text"], add_special_tokens=False, return_attention_mask=False)
data.map(tokens, batched=True, remove_columns=["text"])
"""
MAKE = """
import sys
from transformers import AutoTokenizer
from plugins._discovery import find
kind = find(sys.argv[1]).kind("pretrain")
tokenizer, kind = AutoTokenizer.from_pretrained(sys.argv[2]), find(sys.argv[1]).kind("pretrain")
data = kind.read(kind.trained_by(data=sys.argv[3]).with_usual())
if sys.argv[1] == "bert_finetune":
    from plugins.bert_finetune.pretrain.task import CorpusWindows, tokenize_corpus
    for side in (data.train, data.evaluation):
        CorpusWindows(tokenize_corpus(side, tokenizer), 125)
else:
    from plugins.gpt_prompting.pretrain.task import encode_texts
    for side in (data.texts, data.held_texts):
        encode_texts(side, tokenizer)
"""
WAYS = ("first time", "second time", "streamed, first", "streamed")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--plugins", nargs="+", default=list(PLUGINS), choices=PLUGINS)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=WAYS)
    parser.add_argument("--without-map", action="store_true", help="Do not make the files beside `datasets.map`.")
    options = parser.parse_args()
    print(
        "| | text | way | seconds to the first step | of the processor | memory, GB | rows a second of the processor |"
    )
    print("|---|---|---|---:|---:|---:|---:|")
    for size in options.megabytes:
        with tempfile.TemporaryDirectory() as place:
            corpus, shards = write_texts(Path(place), size * 10**6)
            for plugin in options.plugins:
                measure_plugin(plugin, Path(place), corpus, shards, f"{size} MB", options)


def write_texts(place: Path, size: int) -> tuple[Path, Path]:
    """One text file, and the same lines in shards."""
    generator, lines = random.Random(0), [line for line in SAMPLE.read_text().splitlines() if line.strip()]
    words = sorted({word for line in lines for word in line.split()})
    corpus, folder = place / "corpus.txt", place / "shards"
    folder.mkdir()
    shards = [(folder / f"{number}.txt").open("w") for number in range(SHARDS)]
    with corpus.open("w") as file:
        written = 0
        while written < size:
            document = "\n".join(
                f"{generator.choice(lines)} {' '.join(generator.choices(words, k=8))}." for _ in range(20)
            )
            document += "\n\n<|endoftext|>\n\n"
            written += file.write(document)
            shards[written // 10_000 % SHARDS].write(document)
    for shard in shards:
        shard.close()
    return corpus, folder


def measure_plugin(
    plugin: str, place: Path, corpus: Path, shards: Path, size: str, options: argparse.Namespace
) -> None:
    """Print a line for each way."""
    artifact = Path()
    for way in options.ways:
        streamed = way.startswith("streamed")
        flags = {**NETWORK, "eval-every": options.steps, **({"streaming": True} if streamed else {})}
        data = shards if streamed else corpus
        run = train(plugin, "pretrain", data, place / plugin, way.replace(",", ""), flags, options.steps)
        took = f"{run.seconds:.1f} | {run.processor_seconds:.1f} | {run.gigabytes:.2f} | {run.rows_a_second:.0f}"
        print(f"| {plugin} | {size} | {way} | {took} |", flush=True)
        artifact = run.folder / "artifact"
    if options.without_map:
        return
    home = {"SELFSUP_HOME": str(place / "made")}
    for way, command in (
        ("the files alone, tokenizer given", [MAKE, plugin, str(artifact), str(corpus)]),
        ("`datasets.map`, nothing else", [MAP, str(corpus), str(artifact), str(place / "map")]),
    ):
        seconds, processor = run_python(command, home)
        print(f"| {plugin} | {size} | {way} | {seconds:.1f} | {processor:.1f} | | |", flush=True)
    shutil.rmtree(place / "map", ignore_errors=True)
    shutil.rmtree(place / "made", ignore_errors=True)


def run_python(arguments: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds by the clock and of the processor, imports included."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([sys.executable, "-c", *arguments], env={**os.environ, **environment}, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - started, used


if __name__ == "__main__":
    main()
