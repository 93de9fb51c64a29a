"""How quick the studio answers with many runs under one home, and with the record of one very long run.

    python -m benchmarks.many_runs                       # 10,000 runs, one run of 10 million steps; needs 3 GB of /tmp
    python -m benchmarks.many_runs --runs 1000 --steps 100000

Makes the runs with the files and events of real ones, then times each question twice, in a process of its own: with
nothing known (after a copy, or an update of the studio), and with what an earlier process left. The long run's events
are written twice: a line per step, as earlier versions did, and as the training loop writes them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

STATUSES = ("failed", "cancelled", "lost", "queued")  # of one run in 100 each; the others are finished
STEPS, EVALUATIONS = 60, 6
CONFIG = "plugin: {plugin}\ntrainer: {trainer}\nsettings:\n  data: data/reviews.csv\n  steps: 60\n  seed: {seed}\n"
KINDS = (("bert_finetune", "classify"), ("ae_anomaly", "fit"), ("gpt_prompting", "pretrain"))


def main() -> None:
    """Make the runs, and print a table of seconds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=10_000_000, help="Of the long run.")
    parser.add_argument("--worker", choices=("questions", "long"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        ask_all() if options.worker == "questions" else measure_long(options.steps)
        return
    with tempfile.TemporaryDirectory(prefix="many-runs-") as home:
        os.environ["SELFSUP_HOME"] = home
        make_runs(Path(home) / "runs", options.runs)
        first, second = worker("questions"), worker("questions")
        print(f"{options.runs:,} runs, seconds:\n| question | first time | second time |\n|---|---:|---:|")
        for question, seconds in first.items():
            print(f"| {question} | {seconds:.2f} | {second[question]:.2f} |")
    with tempfile.TemporaryDirectory(prefix="long-run-") as home:
        os.environ["SELFSUP_HOME"] = home
        print(f"\none run of {options.steps:,} steps:\n| | a line per step | thinned |\n|---|---:|---:|")
        for title, values in worker("long", "--steps", str(options.steps)).items():
            print(f"| {title} | " + " | ".join(values) + " |")


def worker(name: str, *more: str) -> dict[str, Any]:
    """What a process of its own measures."""
    command = [sys.executable, "-m", "benchmarks.many_runs", "--worker", name, *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    return json.loads(done.stdout.splitlines()[-1])


# -- many runs ---------------------------------------------------------------------------------------------------------


def make_runs(folder: Path, number: int) -> None:
    """Write so many runs, a second apart."""
    now = time.time()
    for place in range(number):
        plugin, trainer = KINDS[place % len(KINDS)]
        run = folder / f"{plugin}-{place:016x}"
        place_in_hundred = place % 100
        status = STATUSES[place_in_hundred] if place_in_hundred < len(STATUSES) else "finished"
        make_run(run, plugin, trainer, status, now - number + place)
        os.utime(run / "owner", (now - number + place, now - number + place))


def make_run(run: Path, plugin: str, trainer: str, status: str, began: float) -> None:
    """The files of one run."""
    (run / "data").mkdir(parents=True)
    (run / "owner").write_text("")
    (run / "config.yaml").write_text(CONFIG.format(plugin=plugin, trainer=trainer, seed=int(began)))
    (run / "data" / "reviews.csv").write_text("text,label\n" + "a fine film,good\n" * 20)
    (run / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events_of(status, began)))
    if status == "queued":
        return
    (run / "lock").touch()
    (run / "pid").write_text("4000000")
    (run / "log.txt").write_text("epoch 1\n" * 20)
    (run / "labels.json").write_text(json.dumps({"name": f"run {int(began)}", "tags": ["film"], "notes": ""}))
    (run / "artifact").mkdir()
    for name in ("model.safetensors", "config.json", "selfsup.json", "README.md", "tokenizer.json"):
        (run / "artifact" / name).write_text("{}" * 100)
    (run / "report.json").write_text(json.dumps({"figures": {"columns": ["name", "value"], "rows": [["f1", 0.5]]}}))


def events_of(status: str, began: float) -> Iterator[dict]:
    """The events of a run of that status."""
    yield {"event": "queued", "time": began}
    if status == "queued":
        return
    yield {"event": "starting", "time": began}
    reasons = {
        name: {"value": 8, "reason": "By the number of rows and their length."} for name in ("steps", "batch_size")
    }
    yield {"event": "auto", "time": began, "choices": reasons}
    yield {
        "event": "started",
        "time": began,
        "step": 0,
        "steps": STEPS,
        "rows": 600,
        "parameters": 10**6,
        "seconds": 0.0,
    }
    for step in range(1, STEPS + 1):
        yield {"event": "step", "time": began, "step": step} | step_values(step)
        if step % (STEPS // EVALUATIONS) == 0:
            metrics = {"accuracy": step / 100, "loss": 1 / step}
            yield {"event": "eval", "time": began, "step": step, "metrics": metrics, "best": True}
            yield {"event": "sample", "time": began, "step": step, "items": [{"text": "a fine film"}] * 4}
    if status != "lost":
        yield {"event": status, "time": began + 9, "step": STEPS, "metrics": metrics, "best": metrics, "message": ""}


def step_values(step: int) -> dict[str, float]:
    """The numbers of a step event."""
    return {"loss": 2.0 + 1 / step, "learning_rate": 1e-4, "grad_norm": 0.7312345678, "rate": 512.25}


def ask_all() -> None:
    """Ask each question as page, API, command line and queue do; prints the seconds as JSON."""
    seconds = {"`python -m training list`": timed(lambda: subprocess.run(LIST, check=True, stdout=subprocess.DEVNULL))}
    seconds |= {title: timed(question) for title, question in questions()}
    print(json.dumps(seconds))


LIST = [sys.executable, "-m", "training", "list"]


def questions() -> Iterator[tuple[str, Callable[[], object]]]:
    """Each question and the call that answers it, in the order in which a server that starts meets them."""
    from spaces_app.page.home import cards
    from spaces_app.services import Services
    from spaces_app.settings import Settings
    from training.runs.queue import Dispatcher
    from training.runs.table import Query

    services = Services(Settings())
    dispatcher = Dispatcher(services.runs.store, at_once=1)
    dispatcher._start = lambda run: None  # type: ignore[method-assign] - nothing trains here
    services.runs._queue._start = lambda run: None  # type: ignore[method-assign]
    newest = services.runs.newest
    yield "first look of the queue", dispatcher.pump
    yield "the queue, each second", dispatcher.pump
    yield "the page's table", lambda: services.run_table.table("", Query(page_size=25))
    yield (
        "the page's table, a search",
        lambda: services.run_table.table("", Query("film 7", sort="metric", page_size=25)),
    )
    yield "/runs, a page of 25", lambda: services.run_table.list("", Query(page_size=25))
    yield "/runs, all", lambda: services.run_table.list("", Query())
    yield "Home: the cards", lambda: cards(services, "somebody")
    yield "Home: lost runs", lambda: services.runs.lost("")
    yield "/run: the newest", lambda: newest("")
    yield "/run: a poll", lambda: services.runs.events(newest(""), "", 0)
    yield "menus of runs with weights", lambda: services.runs.descriptions("", with_weights=True)
    yield "menu of a family's weights", lambda: services.models.labels(services.plugins.get("bert_finetune"), "")
    yield "the operator's page", lambda: (services.operator.facts(""), services.operator.table(""))


def timed(call: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


# -- one long run ------------------------------------------------------------------------------------------------------


def measure_long(steps: int) -> None:
    """Write and read the record of a long run, both ways; prints title -> a cell for each as JSON."""
    from training.home import runs_folder

    cells: dict[str, list[str]] = {}
    for number, write in enumerate((write_each, write_thinned)):
        run = runs_folder() / f"gpt_prompting-{number:016x}"
        run.mkdir(parents=True)
        (run / "config.yaml").write_text(CONFIG.format(plugin="gpt_prompting", trainer="pretrain", seed=1))
        write(run / "events.jsonl", steps)
        cells.setdefault("events.jsonl", []).append(f"{(run / 'events.jsonl').stat().st_size / 1e6:,.1f} MB")
        for title, cell in read_long(run.name):
            cells.setdefault(title, []).append(cell)
        shutil.rmtree(run)
    print(json.dumps(cells))


def read_long(name: str) -> Iterator[tuple[str, str]]:
    """Title and cell of each thing that is asked of a run."""
    from spaces_app.services import Services
    from spaces_app.settings import Settings
    from training.artifact.learning_curves import plot
    from training.runs.comparison import curves

    services = Services(Settings())
    run = services.runs.store.get(name)
    described: list[dict] = []
    yield "status, first time", f"{timed(lambda: described.append(run.describe())):.2f} s"
    assert described[0]["best"] == {"loss": 0.5}, described[0]["best"]
    yield "status, again", f"{timed(run.describe):.3f} s"
    polls = page_polls(services, name)
    yield "the run's page: seconds of polls", f"{sum(seconds for seconds, _ in polls):.2f} s"
    yield "the run's page: polls, events", f"{len(polls)}, {sum(count for _, count in polls):,}"
    yield "curves of a comparison", f"{timed(lambda: curves(run)):.2f} s"
    yield "curves of the model card", f"{timed(lambda: plot(run.folder / 'events.jsonl')):.2f} s"


def page_polls(services: Any, name: str) -> list[tuple[float, int]]:
    """Seconds and events of each poll until the page has all; it polls once a second."""
    polls, offset, following = [], -1, 0
    poll = getattr(services.runs, "page_events", services.runs.events)
    while following != offset:
        offset, started = following, time.perf_counter()
        answer = poll(name, "", offset)
        json.dumps(answer["events"])
        polls.append((time.perf_counter() - started, len(answer["events"])))
        following = answer["offset"]
    return polls


def write_each(path: Path, steps: int) -> None:
    """A line per step, and ten evaluations, as the loop of version 0.1 wrote."""
    frame = '{"event": "step", "time": 1764416703.123, "step": %d, "loss": 2.0312345, "learning_rate": 0.0001234567, '
    frame += '"grad_norm": 0.7312345678, "rate": 512.25}\n'
    with path.open("w") as file:
        for event in long_events(steps):
            if event["event"] == "steps":
                file.writelines(frame % step for step in range(event["from"], event["to"]))
            else:
                file.write(json.dumps(event) + "\n")


def write_thinned(path: Path, steps: int) -> None:
    """As `training.fit.metric_log` writes it."""
    from training.events import EventLog
    from training.fit.thinning import StepWindow

    log, window = EventLog(path), StepWindow(0.0)
    for event in long_events(steps):
        if event["event"] == "steps":
            found = (
                window.add(step, {"loss": 2.0312345, "grad_norm": 0.73}, 0.0)
                for step in range(event["from"], event["to"])
            )
            log.write_all(
                [point | step_values(1) | {"event": "step", "time": 1764416703.123} for point in found if point]
            )
        else:
            log.write_all([event])


def long_events(steps: int) -> Iterator[dict]:
    """The events of a long run; `steps` stands for those of many steps. The best evaluation is the sixth of ten."""
    yield {"event": "queued", "time": 1.0}
    yield {"event": "started", "time": 2.0, "step": 0, "steps": steps, "seconds": 0.0}
    for part in range(10):
        yield {"event": "steps", "from": part * steps // 10 + 1, "to": (part + 1) * steps // 10 + 1}
        metrics = {"loss": 0.5 + abs(part - 5) / 10}
        yield {"event": "eval", "time": 3.0, "step": (part + 1) * steps // 10, "metrics": metrics, "best": part <= 5}
    yield {"event": "finished", "time": 4.0, "step": steps, "message": ""}


if __name__ == "__main__":
    main()
