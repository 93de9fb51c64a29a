"""The record of a long run: small as it is written, quick as it is read, its best exact and its mean curve true."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.running import events
from tests.toy import make_task, toy_settings
from training.artifact.learning_curves import plot
from training.events import EventLog, read_events, read_states
from training.fit import loop, thinning
from training.fit.experiment import Experiment, Fit, Part, run_experiment
from training.fit.loop import fit
from training.fit.thinning import STEPS, WAIT_SECONDS, Patience, StepWindow, is_kept, stride
from training.runs.run import Run
from training.thinned_events import MOST, read_thinned

LONG = 200_000  # steps


def points_of(steps: int, window: StepWindow | None = None) -> list[dict[str, float]]:
    window = window or StepWindow(0.0)
    found = [window.add(step, {"loss": float(step)}, 0.0) for step in range(1, steps + 1)]
    return [point for point in found if point]


def test_the_first_steps_are_written_each_and_later_ones_as_means() -> None:
    points = points_of(4 * STEPS)
    assert points[:STEPS] == [{"step": step, "loss": float(step)} for step in range(1, STEPS + 1)]
    assert points[STEPS] == {"step": STEPS + 2, "loss": STEPS + 1.5}
    assert points[-1] == {"step": 4 * STEPS, "loss": 4 * STEPS - 1.5}
    assert len(points) == 2 * STEPS


def test_ten_million_steps_take_at_most_thirty_thousand_lines() -> None:
    written, step = STEPS, STEPS
    while step < 10_000_000:
        written, step = written + STEPS // 2, 2 * step
    assert written < 30_000
    assert sum(is_kept(step, STEPS) for step in range(1, 1_000_001)) < 21_000


@given(st.integers(1, 10**8), st.sampled_from([1, 64, 1000, 4096]))
def test_every_part_of_a_curve_has_half_as_many_points_as_are_dense_at_least(number: int, dense: int) -> None:
    apart = stride(number, dense)
    assert apart & (apart - 1) == 0
    assert apart == 1 if number <= dense else number / dense <= apart < 2 * number / dense


def test_a_slow_run_is_written_after_ten_seconds_and_a_thousandth_of_its_time() -> None:
    window = StepWindow(0.0)
    step = 5 * STEPS + 1
    assert window.add(step, {"loss": 1.0}, WAIT_SECONDS) is None
    assert window.add(step + 1, {"loss": 2.0}, WAIT_SECONDS + 0.1) == {"step": step + 1, "loss": 1.5}
    waiting = Patience(0.0)
    waiting.written = 100_000.0
    assert not waiting.is_over(100_099.0)
    assert waiting.is_over(100_102.0)


def test_what_is_left_of_a_window_is_written_before_a_checkpoint() -> None:
    window = StepWindow(0.0)
    points_of(STEPS, window)
    assert window.add(STEPS + 1, {"loss": 3.0}, 0.0) is None
    assert window.rest() == {"step": STEPS + 1, "loss": 3.0}
    assert window.rest() is None


@pytest.fixture
def few_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a run of forty steps were a long one."""
    for name, value in {"STEPS": 8, "EVALUATIONS": 4, "PREVIEWS": 2, "CHECKPOINTS": 2}.items():
        monkeypatch.setattr(thinning, name, value)
        monkeypatch.setattr(loop, name, value, raising=False)


@pytest.mark.usefixtures("few_lines")
def test_a_long_run_thins_its_record_and_keeps_best_and_last_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values: dict[str, Any] = {
        "steps": 40,
        "eval_every": 2,
        "checkpoint_every": 4,
        "dropout": 0.0,
        "keep_checkpoints": 1,
    }
    for name in ("thin", "whole"):
        (tmp_path / name).mkdir()
    progress = fit(make_task(toy_settings(**values)), toy_settings(**values), tmp_path / "thin")
    summary = Run(tmp_path / "thin").summary()
    assert (summary.step, summary.last) == (40, "finished")
    assert (summary.best, summary.metrics) == (progress.best_metrics, progress.metrics)
    steps = [event["step"] for event in events(tmp_path / "thin", "step")]
    assert steps[:8] == list(range(1, 9))
    assert len(steps) < 30
    assert steps[-1] == 40
    monkeypatch.undo()
    fit(make_task(toy_settings(**values)), toy_settings(**values), tmp_path / "whole")
    whole = {event["step"]: event["loss"] for event in events(tmp_path / "whole", "step")}
    assert len(whole) == 40
    before = 0
    for event in events(tmp_path / "thin", "step"):  # each line is the mean of the steps since the one before
        window = [whole[step] for step in range(before + 1, event["step"] + 1)]
        assert event["loss"] == pytest.approx(sum(window) / len(window), rel=1e-6)
        before = event["step"]
    numbers = {name: len(events(tmp_path / "thin", name)) for name in ("eval", "checkpoint")}
    assert numbers["checkpoint"] < 10 == len(events(tmp_path / "whole", "checkpoint"))
    bests = [event for event in events(tmp_path / "whole", "eval") if event["best"]]
    assert [event["step"] for event in events(tmp_path / "thin", "eval") if event["best"]] == [e["step"] for e in bests]


@pytest.fixture(scope="module")
def old_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A line for each of very many steps, as earlier versions wrote; the best evaluation is neither first nor last."""
    path = tmp_path_factory.mktemp("old") / "events.jsonl"
    log = EventLog(path)
    log.write("queued")
    log.write("started", step=0, steps=LONG, seconds=0.0)
    frame = '{"event": "step", "time": 1.0, "step": %d, "loss": %f, "learning_rate": 0.001, "rate": 9.0}\n'
    with path.open("a") as file:
        for step in range(1, LONG + 1):
            file.write(frame % (step, 1 / step))
            if step % 20 == 0:
                metrics = {"loss": abs(step - 77_740) / LONG}
                event = {"event": "eval", "time": 1.0, "step": step, "metrics": metrics, "best": step <= 77_740}
                file.write(json.dumps(event) + "\n")
    log.write("finished", step=LONG, metrics={"loss": 0.6}, message="Done.")
    return path


def test_a_status_needs_of_the_steps_the_last_alone(old_log: Path) -> None:
    first, following = read_states(old_log)
    assert sum(event["event"] == "step" for event in first) == 1
    assert following < old_log.stat().st_size
    summary = Run(old_log.parent).summary()
    assert (summary.last, summary.step, summary.steps, summary.loss) == ("finished", LONG, LONG, 1 / LONG)
    assert summary.best == {"loss": 0.0}


def test_a_long_record_comes_thinned_in_one_piece_with_its_best_and_its_last(old_log: Path) -> None:
    found, following = read_thinned(old_log)
    assert following == old_log.stat().st_size
    steps = [event["step"] for event in found if event["event"] == "step"]
    assert MOST["step"] <= len(steps) <= 2 * MOST["step"] + 1
    assert steps[0] < 70
    assert steps == sorted(steps)
    assert steps[-1] == LONG
    assert max(after - before for before, after in itertools.pairwise(steps)) < 70
    evaluations = [event for event in found if event["event"] == "eval"]
    assert len(evaluations) <= 2 * MOST["eval"] + 2
    assert [event["step"] for event in evaluations if event["best"]][-1] == 77_740
    assert [event["event"] for event in found][:2] == ["queued", "started"]
    assert found[-1]["event"] == "finished"


def test_a_short_record_comes_whole_and_from_any_offset(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log.write_all([{"event": "step", "time": 1.0, "step": step, "loss": 0.5} for step in range(1000)])
    log.write("finished", step=999)
    assert read_thinned(log.path) == read_events(log.path)
    offset = read_thinned(log.path)[1]
    log.write("queued")
    assert [event["event"] for event in read_thinned(log.path, offset)[0]] == ["queued"]
    assert read_thinned(tmp_path / "none.jsonl") == ([], 0)


def test_the_curves_of_a_long_record_are_drawn(old_log: Path) -> None:
    picture = plot(old_log)
    assert picture is not None
    assert picture.startswith(b"\x89PNG")


def test_the_parts_of_an_experiment_are_thinned_as_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part's steps were written as those of a run that began with it."""
    monkeypatch.setattr(thinning, "STEPS", 8)

    class Parts(Experiment):
        parts = [Part(name, {}, 8) for name in "abcd"]  # noqa: RUF012

        def run(self, part: Part, fit: Fit) -> dict[str, Any]:
            settings = toy_settings(steps=8, eval_every=8)
            return {"loss": len(str(fit(make_task(settings), settings)))}

        def metrics(self, results: list[dict[str, Any]]) -> dict[str, float]:
            return {}

    assert run_experiment(Parts(), tmp_path, {})
    steps = [event["step"] for event in events(tmp_path) if event["event"] == "step"]
    assert steps == [*range(1, 9), *range(10, 17, 2), *range(20, 33, 4)]
