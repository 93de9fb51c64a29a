"""Weights that were deleted while the app runs: one sentence, no menu entry, and the Hub's are fetched again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from plugins._contract import Plugin
from plugins._discovery import discover
from plugins.ae_anomaly import PLUGIN
from plugins.ae_anomaly.fit.endpoints import DetectAnomalies
from spaces_app.identity import Caller
from spaces_app.panels.workbench import PluginWorkbench
from spaces_app.services import Services
from spaces_app.services import models as service
from spaces_app.services.answering import answering
from spaces_app.settings import Settings
from training.errors import UserError
from training.hub.pull import Pulled
from training.nn import adapters

ME = Caller()
REPOSITORY = "owner/rows"


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    monkeypatch.setenv("SELFSUP_HOME", str(tmp_path / "home"))
    made = Services(Settings(), discover("ae_anomaly"))
    yield made
    made.close()


@pytest.fixture
def plugin(tmp_path: Path) -> Plugin:
    """The plugin with two copies of its starter."""
    kind = PLUGIN.kind("fit")
    copies = [Path(shutil.copytree(kind.starters[0], tmp_path / name)) for name in ("first", "second")]
    return replace(PLUGIN, kinds=(replace(kind, starters=tuple(copies)),))


def test_a_deleted_starter_is_not_offered_and_the_next_one_answers(services: Services, plugin: Plugin):
    assert [*services.models.names(plugin, ME.visitor)] == ["first", "second"]
    shutil.rmtree(plugin.starters["first"])
    assert [*services.models.names(plugin, ME.visitor)] == ["second"]
    assert services.models.load(plugin, "", DetectAnomalies, ME)
    with pytest.raises(UserError, match=r"^The starter first is not on this machine any more: choose other weights"):
        services.models.load(plugin, "first", DetectAnomalies, ME)
    shutil.rmtree(plugin.starters["second"])
    with pytest.raises(UserError, match=r"^The starter first is not on this machine any more"):
        services.models.load(plugin, "", DetectAnomalies, ME)


def test_after_a_reload_a_choice_of_weights_begins_with_those_that_answer(services: Services, plugin: Plugin):
    with gr.Blocks():
        bench = PluginWorkbench(services, plugin).on(DetectAnomalies)
        chosen, optional = (bench.weights_picker(starter=starter) for starter in (None, ""))
    assert [chosen.value, optional.value] == ["first", ""]
    shutil.rmtree(plugin.starters["first"])
    names = services.models.names(plugin, ME.visitor)

    def sent(**values: str) -> list[str | None]:
        """The value that the page is sent, None for none: what is there stays."""
        return [picker.update(names, {}, **values).constructor_args.get("value") for picker in bench.pickers]

    assert sent() == ["second", None]
    assert sent(chosen="first") == [None, None]  # of a page that is open: its message says to choose others
    assert plugin.default_weights(DetectAnomalies) == "second"


def test_pulled_weights_that_were_deleted_are_pulled_again(
    services: Services, plugin: Plugin, monkeypatch: pytest.MonkeyPatch
):
    folder, again = plugin.starters["first"], plugin.starters["second"]
    services.models.offer(REPOSITORY, plugin, plugin.kind("fit"), folder, ME.visitor)
    pulled: list[str] = []

    def pull(name: str, *_: object) -> Pulled:
        pulled.append(name)
        return Pulled(again, name, "0" * 40, ())

    monkeypatch.setattr(service, "pull", pull)
    services.models.load(plugin, REPOSITORY, DetectAnomalies, ME)
    assert pulled == []
    shutil.rmtree(folder)
    services.models.load(plugin, REPOSITORY, DetectAnomalies, ME)
    assert pulled == [REPOSITORY]


def test_weights_of_the_hub_are_named_with_the_commit_that_answers(
    services: Services, plugin: Plugin, monkeypatch: pytest.MonkeyPatch
):
    commit = "0123456789" * 4
    folder = plugin.starters["first"].rename(plugin.starters["first"].with_name(commit))
    monkeypatch.setattr(service, "pull", lambda *_: Pulled(folder, REPOSITORY, commit, ()))
    named = answering(services.models, "ae_anomaly_score", f"{REPOSITORY}@main", ME)
    assert (named["weights"], named["source"], named["kind"]) == (f"{REPOSITORY}@{commit}", "hub", "fit")


def test_adapters_whose_base_was_deleted_say_how_to_install_it(tmp_path: Path):
    base = adapters.Base("owner/encoder", 1, "0")
    with pytest.raises(UserError, match="adapters of owner/encoder, which is not installed here"):
        adapters._checked("mine", base, tmp_path / "gone")
