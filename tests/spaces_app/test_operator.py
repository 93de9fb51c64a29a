"""The operator's tab: who sees it, what it says, and what it ends and clears; and the limits of one visitor."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from plugins._discovery import Found
from spaces_app.page.shell import build
from spaces_app.panels.operator import CONFIRM_CLEAR
from spaces_app.services import Services
from spaces_app.services.fairness import RateLimiter
from spaces_app.services.run_request import RunRequest
from spaces_app.settings import Settings
from tests.running import queue
from tests.toy import PLUGIN
from training.data.corpora import kept
from training.errors import UserError
from training.home import CACHES


def server(**settings: object) -> Services:
    return Services(Settings(**settings), [Found("toy", "tests", PLUGIN)])  # type: ignore[arg-type]


def test_on_a_shared_server_only_its_owner_sees_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert server().operator.may_operate("")
    monkeypatch.setenv("SYSTEM", "spaces")
    assert not server().operator.may_operate("ada") and not server().operator.may_operate("")
    monkeypatch.setenv("SPACE_AUTHOR_NAME", "ada")
    service = server().operator
    assert service.may_operate("ada") and not service.may_operate("guest:ada")
    assert not server(owner="bob").operator.may_operate("ada")
    for call in (
        service.facts,
        service.table,
        lambda name: service.end("x", name),
        lambda name: service.clear(1, name),
        service.clear_caches,
    ):
        with pytest.raises(UserError, match="Only the owner of this server"):
            call("bob")


def test_it_lists_ends_and_clears_everybodys_runs(home: Path) -> None:
    services = server()
    store = services.runs.store
    waiting, old, new = (queue(store) for _ in range(3))
    for run in (old, new):
        run.write_event("finished")
    os.utime(old.folder / "events.jsonl", (0, 0))
    (waiting.folder / "owner").write_text("ada")
    assert services.operator.facts("")["queue"] == "0 running, 1 waiting"
    assert {row[0]: (row[1], row[2]) for row in services.operator.table("")}[waiting.id] == ("ada", "queued")
    services.operator.end(waiting.id, "")
    assert waiting.status() == "cancelled"
    assert services.operator.clear(7, "")[0] == 1
    assert {run.id for run in store.all()} == {waiting.id, new.id}


def test_stopping_no_run_asks_which(home: Path) -> None:
    with pytest.raises(UserError, match=r"^Which run\? Write its id, as the table has it"):
        server().operator.end(" ", "")


@pytest.mark.parametrize(("days", "sentence"), [(None, "Days is empty"), (-1, "")])
def test_without_a_number_or_unconfirmed_no_run_is_deleted(home: Path, days: float | None, sentence: str) -> None:
    """An empty field was 0 days: every run that had ended was deleted."""
    demo = build(Settings(), [Found("toy", "tests", PLUGIN)])
    old = queue(demo.services.runs.store)  # type: ignore[attr-defined]
    old.write_event("finished")
    os.utime(old.folder / "events.jsonl", (0, 0))
    clear = next(event for event in demo.fns.values() if event.js == CONFIRM_CLEAR)
    message = clear.fn(days, None)[-1]  # type: ignore[misc]
    assert old.status() == "finished" and sentence in message and bool(message) == bool(sentence)


def test_it_shows_and_clears_the_caches(home: Path) -> None:
    service = server().operator
    kept("tokens", "a", lambda folder: (folder / "x").write_bytes(bytes(3 * 2**20)) and None, lambda folder: None)
    (home / "latents").mkdir()
    (home / "latents" / "a.npy").write_bytes(bytes(2**20))
    shown = service.facts("")
    assert shown["texts, tokens and images of training"] == "3.0 MB" and shown["latents of images"] == "1.0 MB"
    assert service.clear_caches("") >= 4 * 2**20
    assert {service.facts("")[name] for name in CACHES.values()} == {"0.0 MB"}


def test_a_visitor_may_have_so_many_runs_at_once(home: Path) -> None:
    services = server(runs_per_visitor=1)
    run = services.runs.store.create("toy", "fit", services.plugins.get("toy").kind("fit").trained_by(), "ada")
    with pytest.raises(UserError, match="You have 1 runs waiting or training"):
        services.runs.train(RunRequest("toy", "fit", {}), "ada")
    run.write_event("finished")
    services.runs.check_room("ada")


def test_a_server_that_closes_imports_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[str] = []
    services = server()
    monkeypatch.setattr(services.models, "_import_predictors", lambda: imported.append("all"))
    monkeypatch.setattr("spaces_app.services.models.IMPORT_DELAY_SECONDS", 0.3)
    before = {*threading.enumerate()}
    services.models.import_soon()
    [timer] = {*threading.enumerate()} - before
    services.close()
    timer.join(30)
    assert not timer.is_alive() and not imported


def test_calls_are_refused_with_the_seconds_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("spaces_app.services.fairness.time.monotonic", lambda: now[0])
    limiter = RateLimiter(per_minute=6)
    for _ in range(6):
        limiter.take("ada")
    with pytest.raises(UserError, match="Try again in 10 seconds"):
        limiter.take("ada")
    limiter.take("bob")
    now[0] = 10.0
    limiter.take("ada")
    assert RateLimiter(0).wait_for("ada") == 0
