"""Two `python app.py` on one home: runs are started by both, one server dies and comes back, and no run is hurt."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.chaos.visitor import Visitor
from tests.page import TINY, app_process, free_port, write_reviews
from tests.running import events, wait_for
from training.runs.registry import Runs

RUNS_OF_EACH = 4


@pytest.mark.slow
def test_each_run_of_two_servers_is_trained_once_whichever_dies(tmp_path: Path) -> None:
    home, reviews = tmp_path / "home", write_reviews(tmp_path / "reviews.csv").read_bytes()
    ports = [free_port(), free_port()]
    common = {"SELFSUP_PLUGINS": "bert_finetune"}
    made: list[str] = []

    def start_runs(port: int) -> None:
        visitor = Visitor(f"http://127.0.0.1:{port}")
        data = visitor.upload("reviews.csv", reviews)
        for seed in range(RUNS_OF_EACH):
            settings = {**TINY, "steps": 30, "seed": seed}
            made.append(visitor.result("train", "bert_finetune", "classify", settings, data)["id"])
        visitor.http.close()

    with app_process(home, ports[0], **common) as first:
        with app_process(home, ports[1], **common) as second:
            for port in ports:
                start_runs(port)
            wait_for(lambda: any(run.status() == "running" for run in Runs(home / "runs").all()), 120)
            os.kill(second.pid, signal.SIGKILL)
            second.wait()
        with app_process(home, ports[1], **common):
            start_runs(ports[1])
            runs = Runs(home / "runs")

            def ended() -> bool:
                states = [runs.get(run).status() for run in made]
                assert states.count("running") <= 1
                return all(state not in ("queued", "running") for state in states)

            wait_for(ended, 240)
        assert first.poll() is None
    assert len(set(made)) == 3 * RUNS_OF_EACH
    assert {run.id for run in Runs(home / "runs").all()} == set(made)
    for run in map(Runs(home / "runs").get, made):
        assert run.status() == "finished", run.describe()["message"]
        assert len(events(run.folder, "starting")) == len(events(run.folder, "finished")) == 1
        steps = [event["step"] for event in events(run.folder, "step")]
        assert steps == sorted(set(steps)) and steps[-1] == 30
