"""Fine-tuning beside a plain transformers `Trainer`: the score after the same steps, batch, rate and schedule, over several seeds.

    pip install -r benchmarks/requirements.txt
    python benchmarks/finetune_quality.py tag --data train.conll --eval-data dev.conll --steps 150 --out quality.jsonl
    python benchmarks/finetune_quality.py tag --data train.conll --eval-data dev.conll --steps 150 --out quality.jsonl --report

Both start from MiniLM (22.7 million parameters) and are scored by the same code on the held-out file, their last weights. Every run is a line of
`--out`, written as it ends: the same command, called again after a kill, does what is missing. Ours runs with its defaults, which leave the
attention dropout out; the Trainer has the model's own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

import finetune_speed
import sides

SIDES = ("ours", "peer")
BUDGET = ("task", "data", "steps", "batch_size", "learning_rate", "max_length")  # what makes two runs comparable


def main() -> None:
    options = parse()
    if options.worker:
        print(json.dumps(getattr(finetune_speed, options.worker)(options)))
        return
    for seed in range(0 if options.report else options.seeds):
        for who in SIDES:
            if not any(line["seed"] == seed and line["side"] == who for line in done(options)):
                found = sides.run_side(who, "--seed", str(seed))
                add(options, {"seed": seed, "side": who, "score": found["score"]})
    print(report(options))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    finetune_speed.add_budget(parser)
    parser.add_argument("--out", required=True, help="JSON lines, a run each; what is there is not done again.")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--report", action="store_true", help="Train nothing: print what `--out` holds.")
    parser.set_defaults(precision="fp32", same_length=False, attention_dropout=0.0, clock="wall")
    return finetune_speed.complete(parser.parse_args())


def budget(options: argparse.Namespace) -> dict:
    """What a run was given, to tell it from runs of another budget in the same file."""
    return {name: getattr(options, name) for name in BUDGET} | {"data": Path(options.data).name}


def done(options: argparse.Namespace) -> list[dict]:
    """The runs of this budget that are in the file; a line that a kill cut short is none."""
    path, found = Path(options.out), []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return [line for line in found if line.items() >= budget(options).items()]


def add(options: argparse.Namespace, run: dict) -> None:
    """Append a run, on a line of its own whatever a kill left behind."""
    path = Path(options.out)
    torn = path.is_file() and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" * torn + json.dumps(budget(options) | run) + "\n")


def report(options: argparse.Namespace) -> str:
    """Mean and spread of both sides."""
    said = [
        f"{options.task}, {finetune_speed.SHOWN[options.task]} after {options.steps} steps of {options.batch_size}:"
    ]
    for who in SIDES:
        scores = [line["score"] for line in sorted(done(options), key=lambda line: line["seed"]) if line["side"] == who]
        if scores:
            spread = statistics.stdev(scores) if len(scores) > 1 else 0.0
            each = ", ".join(f"{score:.4f}" for score in scores)
            said.append(f"{who} {statistics.mean(scores):.4f} (standard deviation {spread:.4f}; {each})")
    return " ".join(said)


if __name__ == "__main__":
    sys.exit(main())
