"""What a visitor may do with several runs: see, write on, compare, export, order and sweep their own."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from plugins._discovery import discover
from spaces_app.panels.runs.calls import Calls
from spaces_app.services import Services
from spaces_app.services.run_request import RunRequest
from spaces_app.services.sweeps import SweepRequest
from spaces_app.settings import Settings
from tests.page import TINY, write_reviews
from training.errors import UserError
from training.runs.labels import read_labels
from training.runs.run import Run
from training.runs.table import Query
from training.settings import parse_settings


@pytest.fixture
def services(home: Path) -> Services:
    """Of one's own machine; its queue is not worked, so that runs wait."""
    return make()


def make(**settings: Any) -> Services:
    made = Services(Settings(**settings), discover("bert_finetune"))
    made.runs._queue.pump = lambda: None  # type: ignore[method-assign]
    return made


@pytest.fixture
def shared(home: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    """Of a server that strangers share."""
    monkeypatch.setenv("SELFSUP_SHARED", "1")
    return make(max_sweep=8)


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    return write_reviews(tmp_path / "reviews.csv")


def base(data: Path, **settings: Any) -> RunRequest:
    return RunRequest("bert_finetune", "classify", {**TINY, **settings}, {"data": data})


def made(services: Services, visitor: str = "", status: str = "finished", **metrics: float) -> Run:
    """A run as its trainer leaves it."""
    settings = parse_settings(services.plugins.get("bert_finetune").kind("classify").trained_by, TINY)
    run = services.runs.store.create("bert_finetune", "classify", settings, visitor)
    if metrics:
        run.write_event("eval", step=4, metrics=metrics, best=True)
    if status != "queued":
        run.write_event(status, step=4)
    return run


def sweep(
    services: Services, request: RunRequest, fields: dict[str, Any], who: str = "", **more: Any
) -> dict[str, Any]:
    return services.sweeps.start(SweepRequest(request, fields, **more), who)


# -- whose runs ----------------------------------------------------------------------------------------------------


def test_a_stranger_sees_edits_moves_compares_deletes_and_sweeps_nothing_of_mine(
    shared: Services, reviews: Path
) -> None:
    mine, more = made(shared, "alice"), made(shared, "alice", "queued")
    started = sweep(shared, base(reviews), {"steps": [2, 3]}, "alice")
    calls: list[Any] = [
        lambda: shared.run_table.edit(mine.id, "bob", name="x"),
        lambda: shared.runs.to_front(more.id, "bob"),
        lambda: shared.compare.compare([mine.id, more.id], "bob"),
        lambda: shared.sweeps.base_of(mine.id, "bob"),
        lambda: shared.sweeps.status(started["id"], "bob"),
        lambda: shared.sweeps.stop(started["id"], "bob"),
        lambda: shared.sweeps.resume(started["id"], "bob"),
    ]
    for call in calls:
        with pytest.raises(UserError, match=r"There is no (run|sweep)"):
            call()
    assert shared.run_table.delete([mine.id], "bob") == {
        "deleted": [],
        "kept": {mine.id: f"There is no run {mine.id}."},
    }
    for nobody in ("bob", ""):
        assert shared.run_table.table(nobody, Query())["all"] == 0 and shared.sweeps.list(nobody) == []
        assert len(shared.run_table.csv(nobody, Query()).splitlines()) == 1
    assert len(shared.run_table.list("alice", Query())) == 4 and read_labels(mine.folder).name == ""


def test_moving_to_the_front_passes_ones_own_runs_only(shared: Services) -> None:
    first, other, last = (made(shared, who, "queued") for who in ("alice", "bob", "alice"))
    assert shared.runs.to_front(last.id, "alice")["queue_position"] == 1
    rows = {row["id"]: row["queue_position"] for who in ("alice", "bob") for row in shared.run_table.rows(who)}
    assert rows == {last.id: 1, other.id: 2, first.id: 3}


# -- the table -----------------------------------------------------------------------------------------------------


def test_the_table_gives_a_page_and_what_can_be_filtered_by(services: Services) -> None:
    runs = [made(services, accuracy=place / 10) for place in range(5)]
    services.run_table.edit(runs[3].id, "", name="Best", tags=["reviews"])
    table = services.run_table.table("", Query(sort="metric", page=1, page_size=2))
    assert [row["id"] for row in table["rows"]] == [runs[4].id, runs[3].id]
    assert (table["selected"], table["all"], table["tags"], table["statuses"]) == (5, 5, ["reviews"], ["finished"])
    assert table["rows"][1]["name"] == "Best" and table["rows"][0]["title"].startswith("BERT: ")
    assert not {"owner", "made"} & set(table["rows"][0])


def test_two_tabs_that_edit_a_run_lose_nothing_of_each_other(services: Services) -> None:
    run = made(services)
    services.run_table.edit(run.id, "", name="one")
    assert services.run_table.edit(run.id, "", tags=["two"]) == {
        "run": run.id, "name": "one", "tags": ["two"], "notes": "",
    }  # fmt: skip
    assert services.run_table.list("", Query(text="one"))[0]["tags"] == ["two"]


def test_deleting_several_keeps_those_that_cannot_be_and_says_why(services: Services) -> None:
    gone, held = made(services), made(services)
    with held.lock():
        answer = services.run_table.delete([gone.id, held.id, gone.id], "")
    assert answer["deleted"] == [gone.id] and "being trained" in answer["kept"][held.id]
    assert [row["id"] for row in services.run_table.list("", Query())] == [held.id]


def test_csv_has_what_is_filtered(services: Services) -> None:
    wanted, _ = made(services, accuracy=0.5), made(services, status="failed")
    (line,) = csv.DictReader(io.StringIO(services.run_table.csv("", Query(status="finished"))))
    assert (line["id"], line["metric"], line["metric_value"]) == (wanted.id, "accuracy", "0.5")


def test_the_dashboard_says_what_to_do_where_it_cannot_open(services: Services, shared: Services) -> None:
    with pytest.raises(UserError, match="own machine only"):
        shared.run_table.dashboard("alice")


def test_without_a_tracked_run_the_dashboard_says_how_to_track_one(services: Services) -> None:
    made(services)
    with pytest.raises(UserError, match="setting tracker set to trackio"):
        services.run_table.dashboard("")


# -- comparison ----------------------------------------------------------------------------------------------------


def test_a_comparison_has_curves_settings_and_metrics_in_the_order_asked_for(services: Services) -> None:
    one, two = made(services, accuracy=0.5, loss=0.7), made(services, accuracy=0.75)
    found = services.compare.compare([two.id, one.id], "")
    assert [run["id"] for run in found["runs"]] == [two.id, one.id]
    assert found["curves"]["accuracy"] == [[(4, 0.75)], [(4, 0.5)]] and found["curves"]["loss"] == [[], [(4, 0.7)]]
    assert [(row["name"], row["best"]) for row in found["metrics"]] == [("accuracy", [0]), ("loss", [])]


@pytest.mark.parametrize("number", [1, 9])
def test_one_run_or_too_many_are_not_compared(services: Services, number: int) -> None:
    with pytest.raises(UserError, match=f"Choose 2 to 8 runs to compare; {number} were chosen"):
        services.compare.compare([made(services).id for _ in range(number)], "")


def test_a_broken_run_is_not_compared_and_says_so(services: Services) -> None:
    one, broken = made(services), made(services)
    (broken.folder / "config.yaml").write_text("{")
    with pytest.raises(UserError, match=f"Run {broken.id} is broken"):
        services.compare.compare([one.id, broken.id], "")


# -- sweeps --------------------------------------------------------------------------------------------------------


def test_a_sweep_queues_a_run_for_each_combination_named_and_tagged(services: Services, reviews: Path) -> None:
    found = sweep(services, base(reviews), {"learning_rate": [0.1, 0.01], "seed": [0, 1]}, name="rates")
    assert found["counts"] == {"queued": 4} and found["best"] is None
    runs = [services.runs.get(each["run"], "") for each in found["runs"]]
    assert [run.config()["settings"].get("learning_rate") for run in runs] == [0.1, 0.1, 0.01, 0.01]
    assert read_labels(runs[0].folder).name == "learning_rate 0.1, seed 0"
    assert {row["id"] for row in services.run_table.list("", Query(tag="rates"))} == {run.id for run in runs}
    assert services.sweeps.list("")[0]["runs"] == 4


def test_a_sweep_from_a_run_has_its_settings_and_data(services: Services, reviews: Path) -> None:
    settings = parse_settings(services.plugins.get("bert_finetune").kind("classify").trained_by, {**TINY, "seed": 7})
    run = services.runs.store.create("bert_finetune", "classify", settings.model_copy(update={"data": str(reviews)}))
    found = sweep(services, services.sweeps.base_of(run.id, ""), {"batch_size": [4, 8]})
    made_by = [services.runs.get(each["run"], "") for each in found["runs"]]
    assert [each.config()["settings"]["seed"] for each in made_by] == [7, 7]
    assert all((each.folder / "data" / "reviews.csv").read_bytes() == reviews.read_bytes() for each in made_by)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"steps": [4, -1]}, "steps: '-1' was given"),
        ({"model": ["", "nowhere"]}, "There are no weights 'nowhere'"),
        ({"text_column": ["text", "words"]}, "With text_column words: .*words"),
        ({"seed": list(range(101))}, "a sweep has at most 100"),
    ],
)
def test_one_wrong_combination_makes_no_run(
    services: Services, reviews: Path, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=f"(?s){message}"):
        sweep(services, base(reviews), fields)
    assert services.runs.store.all() == [] and services.sweeps.list("") == []


def test_a_sweep_is_bounded_by_what_one_visitor_may_have(home: Path, reviews: Path) -> None:
    services = make(runs_per_visitor=3)
    made(services, status="queued")
    with pytest.raises(UserError, match="3 runs were asked for, and you may have 2 more"):
        sweep(services, base(reviews), {"seed": [0, 1, 2]})
    assert len(sweep(services, base(reviews), {"seed": [0, 1]})["runs"]) == 2


def test_a_sheet_is_made_again_only_where_a_varied_setting_can_change_it(
    services: Services, reviews: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheets: list[Any] = []
    sheet = services.checks.sheet
    monkeypatch.setattr(services.checks, "sheet", lambda *given: sheets.append(given[2]) or sheet(*given))
    sweep(services, base(reviews), {"learning_rate": [0.1, 0.01, 0.001], "max_length": [8, 16]})
    assert [each.max_length for each in sheets] == [8, 16]


def test_a_sweep_tells_its_best_by_the_direction_of_the_metric(services: Services, reviews: Path) -> None:
    found = sweep(services, base(reviews), {"learning_rate": [0.1, 0.001]})
    for each, (accuracy, loss) in zip(found["runs"], [(0.9, 0.8), (0.6, 0.1)], strict=True):
        run = services.runs.get(each["run"], "")
        run.write_event("eval", step=4, metrics={"accuracy": accuracy, "loss": loss}, best=True)
        run.write_event("finished", step=4)
    state = services.sweeps.status(found["id"], "")
    assert (state["metric"], state["best"]) == ("accuracy", found["runs"][0]["run"])
    assert state["fields"] == [{"name": "learning_rate", "log": True}]
    state = services.sweeps.status(found["id"], "", "loss")
    assert (state["best"], state["lower_is_better"]) == (found["runs"][1]["run"], True)
    with pytest.raises(UserError, match="has measured 'beauty'"):
        services.sweeps.status(found["id"], "", "beauty")


def test_a_sweep_is_stopped_as_a_whole_and_what_failed_is_resumed(services: Services, reviews: Path) -> None:
    found = sweep(services, base(reviews), {"seed": [0, 1, 2]})
    services.runs.get(found["runs"][0]["run"], "").write_event("finished", step=4)
    assert services.sweeps.stop(found["id"], "")["counts"] == {"finished": 1, "cancelled": 2}
    assert services.sweeps.resume(found["id"], "")["counts"] == {"finished": 1, "queued": 2}
    with pytest.raises(UserError, match="Nothing of this sweep can be resumed"):
        services.sweeps.resume(found["id"], "")


def test_a_deleted_run_stays_in_its_sweep_as_deleted(services: Services, reviews: Path) -> None:
    found = sweep(services, base(reviews), {"seed": [0, 1]})
    services.runs.delete(found["runs"][0]["run"], "")
    assert services.sweeps.status(found["id"], "")["counts"] == {"deleted": 1, "queued": 1}


# -- the page's calls ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("__init__", {}, "There is no call"),
        ("_token", {}, "There is no call"),
        ("answer", {}, "There is no call"),
        ("edit", {}, "edit needs run"),
        ("edit", {"run": 3}, "run: '3' was given"),
        ("edit", {"run": "x", "who": "bob"}, "takes no 'who'"),
        ("table", {"page": "two"}, "page: 'two' was given"),
        ("compare", {"runs": "all"}, "runs: 'all' was given"),
        ("edit", {"run": "x", "name": "\ud800"}, "half of a surrogate pair"),
    ],
)
def test_a_call_of_a_stranger_is_checked(services: Services, name: str, values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Calls(services).answer(name, values, None)
