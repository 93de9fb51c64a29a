"""A damaged run folder hurts itself alone: the queue works, the others are listed, and it can be deleted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from plugins._discovery import Found
from spaces_app.services import Services
from spaces_app.settings import Settings
from tests.running import queue
from tests.toy import PLUGIN
from training.errors import UserError
from training.events import Summary, read_events
from training.runs.queue import Dispatcher
from training.runs.registry import Runs
from training.runs.run import Run

Damage = Callable[[Path], object]


def event(**values: object) -> str:
    return json.dumps({"time": 1.0, **values}) + "\n"


def write(name: str, content: str | bytes) -> Damage:
    return lambda folder: (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def as_folder(name: str) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).mkdir()

    return damage


def without(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def with_folder(name: str) -> Damage:
    return lambda folder: (folder / name).mkdir(parents=True)


QUEUED = event(event="queued")
BROKEN: dict[str, Damage] = {
    "config empty": write("config.yaml", ""),
    "config a list": write("config.yaml", "[1]"),
    "config cut": write("config.yaml", "plugin: toy\ntrai"),
    "config without settings": write("config.yaml", "plugin: toy\ntrainer: fit\nsettings:\n"),
    "config with a number for a name": write("config.yaml", "plugin: 1\ntrainer: fit\nsettings: {}\n"),
    "config binary": write("config.yaml", b"\xff\xfe\x00\x80"),
    "config of zeros": write("config.yaml", b"\0" * 100),
    "config nested": write("config.yaml", "[" * 5000),
    "config a folder": as_folder("config.yaml"),
    "events a folder": as_folder("events.jsonl"),
    "lock a folder": as_folder("lock"),
    "cancel a folder": as_folder("cancel"),
}
HARMLESS: dict[str, Damage] = {
    "owner binary": write("owner", b"\xff\xfe"),
    "owner missing": without("owner"),
    "config of an unknown plugin": write("config.yaml", "plugin: gone\ntrainer: x\nsettings: {}\n"),
    "events missing": without("events.jsonl"),
    "events empty": write("events.jsonl", ""),
    "events torn": write("events.jsonl", QUEUED + '{"event": "st'),
    "events of zeros": write("events.jsonl", QUEUED.encode() + b"\0" * 4096 + b"\n"),
    "events binary": write("events.jsonl", bytes(range(256)) * 20),
    "events nested": write("events.jsonl", "[" * 100_000 + "\n"),
    "step without loss": write("events.jsonl", QUEUED + event(event="step", step=1)),
    "eval without metrics": write("events.jsonl", QUEUED + event(event="eval", step=1, best=True)),
    "metrics of text": write("events.jsonl", QUEUED + event(event="eval", step=1, best=True, metrics={"a": "b"})),
    "time of text": write("events.jsonl", json.dumps({"event": "queued", "time": "x"}) + "\n"),
    "name of a list": write("events.jsonl", event(event=["x"])),
    "step of text": write("events.jsonl", event(event="started", step="a", steps="b", seconds="c", message=4)),
    "log a folder": as_folder("log.txt"),
    "report half": write("report.json", '{"a'),
    "report a list": write("report.json", "[]"),
    "pid garbage": write("pid", "x"),
    "artifact a file": write("artifact", "x"),
    "artifact empty": with_folder("artifact"),
    "checkpoint half": with_folder("checkpoint/step-000000001"),
}


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SELFSUP_HOME", str(tmp_path_factory.mktemp("home")))
        return Services(Settings(), [Found("toy", "tests", PLUGIN)])


@pytest.fixture
def pair(services: Services, monkeypatch: pytest.MonkeyPatch) -> tuple[Run, Run]:
    """A run to damage, and one that is to be started all the same."""
    shutil.rmtree(services.runs.store.folder, ignore_errors=True)
    return queue(services.runs.store), queue(services.runs.store)


def started_by(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    started: list[str] = []
    dispatcher = Dispatcher(runs, at_once=2)
    monkeypatch.setattr(dispatcher, "_start", lambda run: started.append(run.id))
    dispatcher.pump()
    return started


@pytest.mark.parametrize("name", [*BROKEN, *HARMLESS])
def test_damage_hurts_no_other_run(
    name: str, services: Services, pair: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    hurt, good = pair
    (BROKEN | HARMLESS)[name](hurt.folder)
    assert good.id in started_by(services.runs.store, monkeypatch)
    listed = {run["id"]: run for run in services.runs.descriptions("me")}
    assert listed[good.id]["status"] == "queued"
    assert (listed[hurt.id]["status"] == "broken") == (name in BROKEN)
    services.models.names(PLUGIN, "me")
    services.runs.status(hurt.id, "me"), services.runs.report(hurt.id, "me")
    if name in BROKEN:
        assert listed[hurt.id]["message"].startswith("This run's folder is damaged: ")
        with pytest.raises(UserError):
            services.runs.resume(hurt.id, "me")
    else:
        services.runs.events(hurt.id, "me", 0)
    assert services.runs.delete(hurt.id, "me") == hurt.id
    assert [run["id"] for run in services.runs.descriptions("me")] == [good.id]


def test_a_run_that_cannot_be_started_fails_and_the_next_one_starts(
    services: Services, pair: tuple[Run, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = pair
    started: list[str] = []

    def start(run: Run) -> None:
        if run.id == first.id:
            raise OSError(28, "No space left on device")
        started.append(run.id)

    dispatcher = Dispatcher(services.runs.store, at_once=2)
    monkeypatch.setattr(dispatcher, "_start", start)
    dispatcher.pump()
    assert started == [second.id]
    assert first.status() == "failed" and "No space left" in first.describe()["message"]


def test_values_of_another_type_count_as_never_written(tmp_path: Path) -> None:
    path, summary = tmp_path / "events.jsonl", Summary()
    path.write_text(
        event(event="eval", step="7", metrics={"a": 1, "b": "x"}, best=True) + event(event="step", step=3, loss=None)
    )
    for found in read_events(path)[0]:
        summary.fold(found)
    assert (summary.step, summary.best, summary.loss) == (3, {"a": 1}, None)
