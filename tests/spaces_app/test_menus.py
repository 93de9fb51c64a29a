"""Menus of runs and weights: of many runs the newest, and the one that is chosen."""

from __future__ import annotations

import gradio as gr
import pytest

from spaces_app.panels import run_choice
from spaces_app.panels.run_choice import in_menu
from spaces_app.panels.workbench import WeightsPicker
from tests.toy import PLUGIN

RUNS = [f"toy-{number:016x}" for number in range(5)]  # the newest first


@pytest.fixture(autouse=True)
def short_menus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_choice, "SHOWN", 2)


def test_of_many_runs_a_menu_offers_the_newest() -> None:
    assert in_menu(["starter", *RUNS, "owner/name"]) == ["starter", *RUNS[:2], "owner/name"]


def test_the_chosen_run_is_offered_however_old() -> None:
    assert in_menu(RUNS, RUNS[4]) == [*RUNS[:2], RUNS[4]]


def test_a_picker_of_weights_offers_no_more() -> None:
    kind = PLUGIN.kinds[0]
    with gr.Blocks():
        picker = WeightsPicker(gr.Dropdown(), PLUGIN, (kind,), (), None, str)
        shown = picker.update(dict.fromkeys(RUNS, kind), {}, None, RUNS[3])
    assert [name for _, name in shown.choices] == [*RUNS[:2], RUNS[3]] and shown.value == RUNS[3]
