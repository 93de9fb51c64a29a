"""Sweeps: which combinations are made of values and bounds; and comparison of runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.running import queue
from tests.toy import ToySettings
from training.errors import UserError
from training.runs.comparison import MAX_POINTS, curves, differing, metric_table, predictions, settings_of
from training.runs.registry import Runs
from training.runs.run import Run
from training.runs.sweeps import Sweep, Sweeps, best_place, combinations, on_log_axis, sweepable, title_of


def made(fields: dict[str, Any], how: str = "grid", count: int = 8, seed: int = 0, most: int = 100) -> list[dict]:
    return combinations(ToySettings, fields, how, count, seed, most)


def test_a_grid_is_every_combination_in_order() -> None:
    assert made({"learning_rate": [0.1, 0.2], "steps": [3, 4]}) == [
        {"learning_rate": 0.1, "steps": 3},
        {"learning_rate": 0.1, "steps": 4},
        {"learning_rate": 0.2, "steps": 3},
        {"learning_rate": 0.2, "steps": 4},
    ]


def test_points_between_bounds_are_even_in_the_logarithm_where_the_bounds_are_far_apart() -> None:
    assert [each["learning_rate"] for each in made({"learning_rate": {"low": 1e-4, "high": 1e-2, "points": 3}})] == [
        1e-4, 1e-3, 1e-2,
    ]  # fmt: skip
    assert [each["dropout"] for each in made({"dropout": {"low": 0.1, "high": 0.5, "points": 3}})] == [0.1, 0.3, 0.5]
    assert [each["steps"] for each in made({"steps": {"low": 1, "high": 3, "points": 3}})] == [1, 2, 3]


@given(st.integers(2, 30), st.integers(0, 2**32))
def test_a_random_sweep_is_distinct_within_bounds_and_the_same_for_its_seed(count: int, seed: int) -> None:
    fields = {"learning_rate": {"low": 1e-5, "high": 1e-1}, "batch_size": [8, 16, 32]}
    drawn = made(fields, "random", count, seed)
    assert len(drawn) == count == len({repr(each) for each in drawn})
    assert all(1e-5 <= each["learning_rate"] <= 1e-1 and each["batch_size"] in (8, 16, 32) for each in drawn)
    assert drawn == made(fields, "random", count, seed)


def test_a_random_sweep_of_more_than_there_are_is_all_of_them() -> None:
    drawn = made({"batch_size": [8, 16], "seed": [0, 1]}, "random", 50)
    assert sorted(map(title_of, drawn)) == sorted(map(title_of, made({"batch_size": [8, 16], "seed": [0, 1]})))


def test_two_spellings_of_a_value_are_one_run() -> None:
    assert made({"batch_size": ["8", 8, "16"]}) == [{"batch_size": 8}, {"batch_size": 16}]


@pytest.mark.parametrize(
    ("fields", "how", "message"),
    [
        ({}, "grid", "choose 1 to 6 settings"),
        ({"stepz": [1, 2]}, "grid", "stepz: this kind has no such setting to vary"),
        ({"data": ["a", "b"]}, "grid", "data: this kind has no such setting to vary"),
        ({"backup": ["a/b", "c/d"]}, "grid", "backup: this kind has no such setting"),
        ({"steps": [1]}, "grid", "at least two combinations"),
        ({"steps": []}, "grid", "steps: give a list of values"),
        ({"steps": 5}, "grid", "steps: give a list of values"),
        ({"steps": {"low": 1, "high": 9}}, "grid", 'needs the number of "points"'),
        ({"steps": {"low": 9, "high": 1}}, "random", "low the smaller"),
        ({"steps": {"low": 1, "high": float("inf")}}, "random", "low and high are two numbers"),
        ({"steps": {"low": True, "high": 9}}, "random", "low and high are two numbers"),
        ({"dropout": {"low": 0, "high": 0.5, "log": True}}, "random", "logarithmic scale low is above 0"),
        ({"schedule": {"low": 0, "high": 1}}, "random", "schedule: give a list of values"),
        ({"seed": list(range(101))}, "grid", "101 runs were asked for; a sweep has at most 100"),
        ({"seed": [1, 2]}, "guess", "it is grid or random"),
    ],
)
def test_what_makes_no_sweep_is_said(fields: dict[str, Any], how: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        made(fields, how)


def test_what_can_be_varied_has_its_type_and_its_choices() -> None:
    found = sweepable(ToySettings)
    assert (found["learning_rate"]["type"], found["steps"]["type"]) == ("number", "integer")
    assert found["schedule"]["choices"] == ["linear", "cosine", "constant"]
    assert not {"data", "points", "backup", "device"} & set(found)


def test_the_best_follows_the_direction_of_the_metric() -> None:
    assert best_place([0.3, None, 0.1], "loss") == 2
    assert best_place([0.3, float("nan"), 0.1], "accuracy") == 0
    assert best_place([None], "loss") is None


def test_an_axis_is_logarithmic_over_a_decade_of_positive_numbers() -> None:
    assert on_log_axis([1e-4, 1e-3])
    assert not on_log_axis([0, 10]) and not on_log_axis([1, 9]) and not on_log_axis(["linear"]) and not on_log_axis([])


def test_a_damaged_record_hides_no_other(tmp_path: Path) -> None:
    records = Sweeps(tmp_path)
    records.write(Sweep("sweep-" + "0" * 16, "", "toy", "fit", "grid", ["steps"], {"toy-1": {"steps": 2}}))
    (records.folder / f"sweep-{'1' * 16}.json").write_text("{}")
    assert [each.values for each in records.all()] == [{"toy-1": {"steps": 2}}]
    with pytest.raises(UserError, match="damaged"):
        records.get("sweep-" + "1" * 16)
    with pytest.raises(UserError, match="is not a sweep's id"):
        records.get("../../etc/passwd")


# -- comparison ----------------------------------------------------------------------------------------------------


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "runs")


def with_report(run: Run, *rows: tuple[int, str, str, str]) -> Run:
    table = {"columns": ["line", "truth", "prediction", "text"], "rows": [list(row) for row in rows]}
    (run.folder / "report.json").write_text(
        json.dumps({"By class": {"columns": ["a"], "rows": []}, "Most wrong": table})
    )
    return run


def compared(*runs: Run) -> dict[str, Any]:
    return predictions(runs, [settings_of(run, ToySettings) for run in runs])


def test_curves_keep_the_last_value_of_a_step_and_their_end(runs: Runs) -> None:
    run = queue(runs)
    for step in [*range(1, 1001), 1000]:
        run.write_event("step", step=step, loss=float(step))
    run.write_event("eval", step=1000, metrics={"accuracy": 0.5, "loss": None}, best=True)
    found = curves(run)
    assert found["accuracy"] == [(1000, 0.5)] and "loss" not in found
    assert len(found["training loss"]) <= MAX_POINTS and found["training loss"][-1] == (
        1000,
        999.0,
    )  # mean of 998 to 1000
    assert sum(value for _, value in found["training loss"]) / len(found["training loss"]) == pytest.approx(
        500.5, rel=0.01
    )


def test_only_settings_that_differ_are_shown_defaults_included(runs: Runs) -> None:
    settings = [settings_of(run, ToySettings) for run in (queue(runs), queue(runs, steps=7, seed=3))]
    assert differing(settings) == [("seed", [0, 3]), ("steps", [40, 7])]


def test_best_values_are_marked_by_direction_and_none_where_all_are_equal() -> None:
    rows = metric_table([{"loss": 0.2, "f1": 0.5}, {"loss": 0.1, "f1": 0.5}, {"loss": None}])
    assert [(row["name"], row["best"]) for row in rows] == [("loss", [1]), ("f1", [])]


def test_predictions_of_the_same_rows_stand_side_by_side(runs: Runs) -> None:
    first = with_report(queue(runs), (3, "a", "b", "three"), (5, "a", "c", "five"))
    second = with_report(queue(runs, steps=9), (5, "a", "b", "five"))
    found = compared(first, second)
    assert found["rows"] == [["5", "five", "a", "c", "b"], ["3", "three", "a", "b", ""]]
    assert (found["wrong"], found["wrong_in_all"]) == ([2, 1], 1)


@pytest.mark.parametrize("other", [{"seed": 1}, {"eval_share": 0.2}])
def test_predictions_of_other_rows_are_not_compared(runs: Runs, other: dict[str, Any]) -> None:
    found = compared(
        with_report(queue(runs), (3, "a", "b", "x")), with_report(queue(runs, **other), (3, "a", "b", "x"))
    )
    assert "not evaluated on the same rows" in found["message"] and "rows" not in found


def test_predictions_of_another_file_are_not_compared(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("0,0,1\n")
    (tmp_path / "b.csv").write_text("0,1,1\n")
    first, again, other = (queue(runs, data=str(tmp_path / name)) for name in ("a.csv", "a.csv", "b.csv"))
    for run in (first, again, other):
        with_report(run, (3, "a", "b", "x"))
    assert "rows" in compared(first, again)
    assert "rows" not in compared(first, other)


def test_a_line_with_another_truth_is_another_row(runs: Runs) -> None:
    found = compared(with_report(queue(runs), (3, "a", "b", "x")), with_report(queue(runs), (3, "c", "b", "x")))
    assert "line 3 differs" in found["message"]


def test_runs_without_kept_predictions_are_told_so(runs: Runs) -> None:
    assert "nothing to compare" in compared(with_report(queue(runs), (3, "a", "b", "x")), queue(runs))["message"]
