"""What "auto" reaches beside settings that were given: score and seconds of runs, as a table.

    python benchmarks/auto_settings.py bert_finetune classify --data train.tsv --eval-data dev.tsv --out auto.jsonl \\
        --side "auto" --side "from scratch: --model scratch --steps 600 --batch-size 32 --learning-rate 5e-4 --precision fp32"
    python benchmarks/auto_settings.py --out auto.jsonl --report

Each side is a run by the command line, in a folder of its own that is deleted afterwards: a name, and after a colon the flags that it adds.
Every run is a line of `--out`, written as it ends; the same command, called again after a kill, does what is missing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

SHOWN = ("accuracy", "f1", "exact_match", "bits_per_byte", "auroc", "psnr", "chrf", "perplexity", "loss")


def main() -> None:
    options, data = parse()
    for side in () if options.report else options.side:
        name, _, flags = side.partition(":")
        label = f"{' '.join(options.what)} {options.rows_name}".strip()
        if not any((line["data"], line["side"]) == (label, name) for line in done(options.out)):
            add(options.out, {"data": label, "side": name, **train([*options.what, *data, *flags.split()])})
    print(report(done(options.out)))


def parse() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help="Plugin and trainer.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--side", action="append", default=[])
    parser.add_argument("--rows-name", default="", help="Names the data in the table.")
    parser.add_argument("--report", action="store_true", help="Train nothing: print what --out holds.")
    return parser.parse_known_args()


def train(arguments: list[str]) -> dict:
    """Train by the command line; returns what was decided, the last and the best score, and the seconds from the first step on."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "training", *arguments, "--folder", f"{folder}/run"], check=True)
        lines = Path(folder, "run", "events.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    started = next(event for event in events if event["event"] == "started")
    chosen = next((event["choices"] for event in events if event["event"] == "auto"), {})
    return {
        "auto": {name: choice["value"] for name, choice in chosen.items()},
        "steps": started["steps"],
        "rows": started.get("rows"),
        "best": events[-1].get("best") or events[-1].get("metrics"),
        "last": events[-1]["metrics"],
        "seconds": round(events[-1]["time"] - started["time"], 1),
    }


def add(path: Path, line: dict) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def done(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def report(lines: list[dict]) -> str:
    """A Markdown table: data, side, steps, seconds, the best score."""
    rows = ["| data | settings | steps | seconds | best |", "| --- | --- | --- | --- | --- |"]
    for line in lines:
        scores = ", ".join(f"{name} {line['best'][name]:.3f}" for name in SHOWN if name in line["best"])
        values = ", ".join(f"{name} {value or 'scratch'}" for name, value in line["auto"].items() if name != "steps")
        side = f"{line['side']} ({values})" if values else line["side"]
        rows.append(f"| {line['data']} | {side} | {line['steps']} | {line['seconds']:.0f} | {scores} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
