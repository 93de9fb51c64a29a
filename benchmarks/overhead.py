"""What events and checkpoints cost: the share of a run's time that is not spent in steps, and a checkpoint's own time.

    python benchmarks/overhead.py --data train.tsv

Trains `classify` (a BERT of 1.5 million parameters, where overhead weighs most) with and without the record: the second arm's event log and
checkpoints are switched off inside the loop. The arms alternate in one process; the figure is the ratio of their medians.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(options.rounds):
        for recorded in (True, False):
            times[recorded].append(train(options, recorded))
    medians = {recorded: statistics.median(found) for recorded, found in times.items()}
    print(
        f"recorded {medians[True]:.2f} s, bare {medians[False]:.2f} s for {options.steps} steps: {100 * (medians[True] / medians[False] - 1):+.1f} %"
    )
    print(f"one checkpoint: {checkpoint_seconds(options):.3f} s; they are spaced to cost under 1 % of the time")


def train(options: argparse.Namespace, recorded: bool) -> float:
    from plugins.bert_finetune.classify.data import read
    from plugins.bert_finetune.classify.settings import ClassifySettings
    from plugins.bert_finetune.classify.task import build_task
    from training.fit import loop

    with tempfile.TemporaryDirectory() as folder:
        settings = ClassifySettings.model_validate(
            {"data": options.data, "eval_share": 0, "steps": options.steps, "eval_every": 10**6, "device": "cpu"}
        )
        task = build_task(read(settings), settings.with_usual())
        before = loop.EventLog, loop.CHECKPOINT_SECONDS
        if not recorded:
            loop.EventLog, loop.CHECKPOINT_SECONDS = Nothing, 1e9  # type: ignore[assignment, misc]
        try:
            started = time.perf_counter()
            loop.fit(task, settings, Path(folder))
            return time.perf_counter() - started
        finally:
            loop.EventLog, loop.CHECKPOINT_SECONDS = before  # type: ignore[misc]


class Nothing:
    """An event log that keeps nothing."""

    def __init__(self, *_: object):
        pass

    def write(self, *_: object, **__: object) -> None:
        pass

    def write_all(self, *_: object) -> None:
        pass


def checkpoint_seconds(options: argparse.Namespace) -> float:
    from plugins.bert_finetune.classify.data import read
    from plugins.bert_finetune.classify.settings import ClassifySettings
    from plugins.bert_finetune.classify.task import build_task
    from training.events import read_events
    from training.fit.loop import fit

    with tempfile.TemporaryDirectory() as folder:
        settings = ClassifySettings.model_validate(
            {"data": options.data, "eval_share": 0, "steps": 20, "checkpoint_every": 5, "device": "cpu"}
        )
        fit(build_task(read(settings), settings.with_usual()), settings, Path(folder))
        events, _ = read_events(Path(folder) / "events.jsonl")
    return statistics.median(event["seconds"] for event in events if event["event"] == "checkpoint")


if __name__ == "__main__":
    main()
