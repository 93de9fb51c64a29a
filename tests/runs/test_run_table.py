"""The table of runs below one folder: labels, filters, order, the cache of descriptions, CSV; and the order of the queue."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.running import queue
from training.errors import UserError
from training.runs.index import FILE, FORMAT, RunIndex
from training.runs.labels import Labels, checked_labels, edit_labels, read_labels
from training.runs.metrics import lower_is_better, main_metric
from training.runs.queue import Dispatcher, move_to_front
from training.runs.registry import Runs
from training.runs.run import Run
from training.runs.table import Query, page_of, select, to_csv


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "runs")


def ended(runs: Runs, status: str = "finished", **metrics: float) -> Run:
    """A run as its trainer leaves it."""
    run = queue(runs, steps=3)
    run.write_event("started", step=0, steps=3)
    run.write_event("eval", step=3, metrics=metrics, best=True)
    run.write_event(status, step=3)
    return run


# -- labels --------------------------------------------------------------------------------------------------------


def test_a_label_that_is_left_out_stays_as_it_is(tmp_path: Path) -> None:
    edit_labels(tmp_path, name="first", tags=["a", "b", "a"])
    edit_labels(tmp_path, notes="seen\nagain")  # of a second editor
    assert read_labels(tmp_path) == Labels("first", ("a", "b"), "seen\nagain")


def test_labels_are_one_line_without_control_characters() -> None:
    found = checked_labels(" a\n\u202eb \x00c ", ["x\ty", "  "], "1\n2\x1b")
    assert found == Labels("a b c", ("x y",), "1\n2")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "x" * 81}, "name: .* has 81 characters; at most 80"),
        ({"notes": "x" * 2001}, "notes: .* at most 2000"),
        ({"tags": ["x" * 31]}, "tags: .* at most 30"),
        ({"tags": map(str, range(9))}, "tags: 9 were given; a run has at most 8"),
    ],
)
def test_a_label_that_is_too_long_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        checked_labels(**given)


@pytest.mark.parametrize("content", ["", "[]", '{"name": 3}', "[" * 50_000, "\udcff"])
def test_damaged_labels_are_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "labels.json").write_text(content, encoding="utf-8", errors="surrogateescape")
    assert read_labels(tmp_path) == Labels()


# -- the index -----------------------------------------------------------------------------------------------------


def test_a_description_follows_every_change_of_its_run(runs: Runs) -> None:
    run = ended(runs, "failed", accuracy=0.5)
    assert runs.index.rows()[0]["status"] == "failed"
    run.resume()
    assert runs.index.rows()[0]["status"] == "queued"
    run.write_event("finished", step=9)
    assert (runs.index.rows()[0]["status"], runs.index.rows()[0]["step"]) == ("finished", 9)
    edit_labels(run.folder, name="mine")
    runs.index.forget(run.id)
    assert runs.index.rows()[0]["name"] == "mine"
    run.delete()
    assert runs.index.rows() == []


def test_an_ended_run_is_read_once_and_not_again_by_the_next_server(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [ended(runs, accuracy=place / 60).id for place in range(60)]
    first = runs.index.rows()
    assert (runs.folder / FILE).exists()
    monkeypatch.setattr(Run, "describe", lambda run: pytest.fail(f"{run.id} was read again"))
    assert runs.index.rows() == first
    assert Runs(runs.folder).index.rows() == first
    assert sorted(row["id"] for row in first) == sorted(made)


@pytest.mark.parametrize("content", ["", "{}", '{"format": 2, "ended": [3]}', '{"format": 99, "ended": {}}', "\x00"])
def test_a_damaged_index_costs_nothing_but_time(runs: Runs, content: str) -> None:
    ended(runs, accuracy=1.0)
    (runs.folder / FILE).write_text(content)
    assert [row["best"] for row in RunIndex(runs.folder, runs.get).rows()] == [{"accuracy": 1.0}]


def test_a_broken_run_is_listed_and_hurts_no_other(runs: Runs) -> None:
    good, bad = ended(runs, accuracy=1.0), ended(runs)
    (bad.folder / "config.yaml").write_text("{")
    rows = {row["id"]: row for row in runs.index.rows()}
    assert (rows[bad.id]["status"], rows[good.id]["status"]) == ("broken", "finished")
    assert [row["id"] for row in select(list(rows.values()), Query(status="broken"))] == [bad.id]


def test_ten_thousand_runs_answer_in_under_a_second(tmp_path: Path) -> None:
    folder, ended_rows = tmp_path / "runs", {}
    events = json.dumps({"event": "finished", "time": 1.0, "step": 1}) + "\n"
    for number in range(10_000):
        run = folder / f"toy-{number:016x}"
        run.mkdir(parents=True)
        (run / "events.jsonl").write_text(events)
        about = {"id": run.name, "made": number, "status": "finished", "name": f"run {number}", "tags": [], "notes": ""}
        about |= {"plugin": "toy", "trainer": "fit", "data": "", "metric": None}
        inside, written = run.stat(), (run / "events.jsonl").stat()
        ended_rows[run.name] = [[inside.st_mtime_ns, written.st_mtime_ns, written.st_size], about]
    (folder / FILE).write_text(json.dumps({"format": FORMAT, "ended": ended_rows}))
    runs = Runs(folder)
    started = time.process_time()
    rows = select(runs.index.rows(), Query("run 77", sort="name"))
    assert time.process_time() - started < 1.5  # of the machine's slowest core; 0.5 s on a quiet one
    assert [row["made"] for row in rows] == sorted(
        (number for number in range(10_000) if "77" in f"{number} {number:x}"), key=str, reverse=True
    )


# -- filter, sort, pages, CSV --------------------------------------------------------------------------------------


def row(number: int, **values: Any) -> dict[str, Any]:
    about = {"id": f"toy-{number:016x}", "name": "", "tags": [], "notes": "", "plugin": "toy", "trainer": "fit"}
    about |= {"status": "finished", "data": "", "metric": None, "made": number, "seconds": 0.0, "size_bytes": 0}
    return {**about, "step": 1, "steps": 1, "created": float(number), **values}


def scored(number: int, name: str, value: float) -> dict[str, Any]:
    return row(number, metric=main_metric({name: value}))


def numbers(rows: list[dict[str, Any]]) -> list[int]:
    return [row["made"] for row in rows]


def test_filters_are_all_of_them_together() -> None:
    rows = [
        row(1, name="Film reviews", tags=["best"]),
        row(2, notes="of films"),
        row(3, status="failed", tags=["best"]),
    ]
    assert numbers(select(rows, Query(text="FILM"))) == [2, 1]
    assert numbers(select(rows, Query(tag="best"))) == [3, 1]
    assert numbers(select(rows, Query(tag="best", status="finished"))) == [1]
    assert numbers(select(rows, Query(text="film best"))) == [1]
    assert numbers(select(rows, Query(trainer="other"))) == []


def test_the_best_metric_comes_first_whichever_its_direction_and_none_last() -> None:
    losses = [scored(1, "loss", 0.3), row(2), scored(3, "loss", 0.1)]
    assert numbers(select(losses, Query(sort="metric"))) == [3, 1, 2]
    assert numbers(select(losses, Query(sort="metric", descending=False))) == [1, 3, 2]
    scores = [scored(1, "accuracy", 0.3), scored(3, "accuracy", 0.1)]
    assert numbers(select(scores, Query(sort="metric"))) == [1, 3]


@pytest.mark.parametrize(
    "name", ["loss", "eval_loss", "perplexity", "bits_per_byte", "mean squared error", "rmse", "wer"]
)
def test_errors_are_better_when_lower(name: str) -> None:
    assert lower_is_better(name)


@pytest.mark.parametrize("name", ["accuracy", "macro_f1", "psnr", "chrf", "auroc", "confidence", "precision", "terms"])
def test_scores_are_better_when_higher(name: str) -> None:
    assert not lower_is_better(name)


def test_a_page_beyond_the_last_is_the_last() -> None:
    rows = [row(number) for number in range(5)]
    assert numbers(page_of(rows, Query(page=2, page_size=2))) == [2, 3]
    assert numbers(page_of(rows, Query(page=99, page_size=2))) == [4]
    assert page_of([], Query(page=3, page_size=2)) == []


@pytest.mark.parametrize("wrong", [{"sort": "beauty"}, {"page": 0}, {"page_size": 501}])
def test_what_a_query_cannot_be_is_said(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"may be: created|page counts from 1"):
        Query(**wrong)


def test_csv_runs_no_formula_and_keeps_numbers() -> None:
    text = to_csv([scored(1, "loss", -0.5) | {"name": "=HYPERLINK(1)", "tags": ["+a", "b"], "notes": 'say "x",\ny'}])
    (line,) = csv.DictReader(io.StringIO(text))
    assert (line["name"], line["tags"], line["notes"]) == ("'=HYPERLINK(1)", "'+a, b", 'say "x",\ny')
    assert (line["metric"], line["metric_value"], line["created"]) == ("loss", "-0.5", "1.0")


# -- the queue's order ---------------------------------------------------------------------------------------------


def test_a_run_moved_to_the_front_takes_the_place_of_its_owners_first_and_no_other_waits_longer(runs: Runs) -> None:
    mine, other, second, third = (queue(runs) for _ in range(4))
    move_to_front(third, [mine, second, third])
    assert Dispatcher(runs).positions() == {third.id: 1, other.id: 2, mine.id: 3, second.id: 4}
    assert Dispatcher(Runs(runs.folder)).position(third) == 1  # another process sees the same
    move_to_front(second, [mine, second, third])
    assert Dispatcher(runs).positions() == {second.id: 1, other.id: 2, third.id: 3, mine.id: 4}


def test_only_a_run_that_waits_has_a_place(runs: Runs) -> None:
    run = ended(runs)
    with pytest.raises(UserError, match="is finished: only a run that waits"):
        move_to_front(run, [run])


def test_a_resumed_run_waits_at_the_end_though_it_was_at_the_front(runs: Runs) -> None:
    first, second = queue(runs), queue(runs)
    move_to_front(second, [first, second])
    second.write_event("failed", step=0)
    second.resume()
    assert Dispatcher(runs).positions() == {first.id: 1, second.id: 2}


@pytest.mark.parametrize("content", ["", "soon", "nan"])
def test_a_damaged_place_is_none(runs: Runs, content: str) -> None:
    run = queue(runs)
    (run.folder / "place").write_text(content)
    assert run.place() == run.summary().queued
