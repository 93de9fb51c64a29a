"""How pre-training grows with its text: memory, seconds to the first step, and rows a second, mapped and streamed.

    python -m benchmarks.growth --megabytes 10 100            # about a minute a size of 10 MB on two cores

Texts are the sample's paragraphs in random order, each with words of its own, so that no line comes twice. Every run is
a process of its own under a home of its own: first time, second time (what was made is mapped), and streamed from 8
shards. Beside it, `datasets.map` with the tokenizer of the run and one process, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SAMPLE = Path(__file__).parents[1] / "plugins" / "bert_finetune" / "samples" / "oz.txt"
SHARDS = 8
PLUGINS = ("bert_finetune", "gpt_prompting")
NETWORK = {"layers": 2, "heads": 2, "hidden-size": 64, "max-length": 128, "batch-size": 16, "vocabulary-size": 8000}
MEASURE = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[2:], capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
open(sys.argv[1], "w").write(json.dumps([done.returncode, used, (done.stdout + done.stderr)[-2000:]]))
"""
MAP = """
import sys
from datasets import load_dataset
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[2])
data = load_dataset("text", data_files=sys.argv[1], split="train", cache_dir=sys.argv[3])
tokens = lambda batch: tokenizer(batch["text"], add_special_tokens=False, return_attention_mask=False)
data.map(tokens, batched=True, remove_columns=["text"])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--plugins", nargs="+", default=list(PLUGINS), choices=PLUGINS)
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    print("| | text | way | seconds to the first step | memory, GB | rows a second |\n|---|---|---|---:|---:|---:|")
    for size in options.megabytes:
        with tempfile.TemporaryDirectory() as place:
            corpus, shards = write_texts(Path(place), size * 10**6)
            for plugin in options.plugins:
                measure_plugin(plugin, Path(place), corpus, shards, size, options.steps)


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


def measure_plugin(plugin: str, place: Path, corpus: Path, shards: Path, size: int, steps: int) -> None:
    """Print a line for each way."""
    home = place / f"home-{plugin}"
    artifact = Path()
    for way, data in (
        ("first time", corpus),
        ("second time", corpus),
        ("streamed, first", shards),
        ("streamed", shards),
    ):
        folder = place / f"run-{plugin}-{way.replace(' ', '-')}"
        seconds, memory, rate = train(plugin, data, folder, home, steps, streaming=data is shards)
        print(f"| {plugin} | {size} MB | {way} | {seconds:.1f} | {memory / 1024:.2f} | {rate:.0f} |", flush=True)
        artifact = folder / "artifact"
    seconds, memory, _ = run([sys.executable, "-c", MAP, str(corpus), str(artifact), str(place / "map")], place)
    shutil.rmtree(place / "map", ignore_errors=True)
    print(
        f"| {plugin} | {size} MB | `datasets.map`, nothing else | {seconds:.1f} | {memory / 1024:.2f} | |", flush=True
    )


def train(plugin: str, data: Path, folder: Path, home: Path, steps: int, streaming: bool) -> tuple[float, float, float]:
    """Seconds to the first step, MB, and rows a second of the second half of the steps."""
    flags = [text for name, value in NETWORK.items() for text in (f"--{name}", str(value))]
    flags += ["--model", "scratch", "--precision", "fp32", "--learning-rate", "0.001", "--eval-every", str(steps)]
    command = [sys.executable, "-m", "training", plugin, "pretrain", "--data", str(data), "--steps", str(steps), *flags]
    command += ["--folder", str(folder), "--device", "cpu", *(["--streaming"] if streaming else [])]
    began = time.time()
    _, memory, _ = run(command, home.parent, SELFSUP_HOME=str(home))
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    first = next(event["time"] for event in events if event["event"] == "started") - began
    rates = [event["rate"] for event in events if event["event"] == "step" and event["step"] > steps / 2]
    return first, memory, sum(rates) / max(1, len(rates))


def run(command: list[str], place: Path, **environment: str) -> tuple[float, float, str]:
    """Seconds, MB at most, and the end of the output of a command in a process of its own."""
    result, started = place / "measured.json", time.monotonic()
    subprocess.run(
        [sys.executable, "-c", MEASURE, str(result), *command], env={**os.environ, **environment}, check=True
    )
    code, memory, text = json.loads(result.read_text())
    if code:
        raise SystemExit(f"{' '.join(command)}\n{text}")
    return time.monotonic() - started, memory, text


if __name__ == "__main__":
    main()
