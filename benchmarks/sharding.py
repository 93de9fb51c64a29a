"""What each process holds of a GPT whose weights are shared: bytes of weights, gradients and optimiser at a step.

    python -m benchmarks.sharding --processes 1 2 4

Processes are on the CPU, over gloo; GPUs are sharded by the same code. One process is not sharded.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from benchmarks.gpu_check import kind_of, task_of
from benchmarks.held_bytes import run_measured
from benchmarks.plan_tables import full_rows
from training.fit.loop import _Fit
from training.runs.queue import child_environment

NAME = "gpt_prompting.pretrain"
NETWORK = {"model": "scratch", "layers": 4, "heads": 4, "hidden_size": 128, "max_length": 32}
PARTS = {"weights": "weights", "gradients": "gradients", "optimizer": "optimiser"}  # and how the table names them


def main() -> None:
    """Print a table, or be one of its processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--folder", type=Path, help="Where a process of the launcher writes what it held.")
    options = parser.parse_args()
    if options.folder:
        write_held(options.folder, options.processes[0])
        return
    print("| processes | " + " | ".join(PARTS.values()) + " | of unsharded |\n|---:|" + "---:|" * (len(PARTS) + 1))
    whole: list[int] = []
    for processes in options.processes:
        held = measure(processes)
        sizes = [max(each[part] for each in held) for part in PARTS]
        whole = whole or sizes
        cells = [f"{size / 1e6:.2f} MB" for size in sizes]
        print(f"| {processes} | " + " | ".join(cells) + f" | {sum(sizes) / sum(whole):.3f} |", flush=True)


def measure(processes: int) -> list[dict[str, int]]:
    """What each of so many processes held."""
    with tempfile.TemporaryDirectory() as place:
        launcher = ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        own = ["-m", "benchmarks.sharding", "--processes", str(processes), "--folder", place]
        done = subprocess.run(
            [sys.executable, "-m", *launcher, *own],
            env=child_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(done.stderr[-2000:])
        return [json.loads((Path(place) / f"{rank}.json").read_text()) for rank in range(processes)]


def write_held(folder: Path, processes: int) -> None:
    """Train two steps, and write what this process held at the last."""
    torch.set_num_threads(1)
    _, kind = kind_of(NAME)
    sharding = "full" if processes > 1 else "none"
    with tempfile.TemporaryDirectory() as data:
        common = {"steps": 2, "batch_size": 4 * processes, "learning_rate": 1e-3, "processes": processes}
        settings = full_rows(NAME, kind, {**NETWORK, **common, "sharding": sharding}, Path(data))
        task = task_of(kind, kind.read(settings), settings)
    (folder / "run").mkdir(exist_ok=True)
    fit = _Fit(task, settings, folder / "run", {}, None)
    held = run_measured(fit)
    (folder / f"{fit.rank}.json").write_text(json.dumps(held))


if __name__ == "__main__":
    main()
