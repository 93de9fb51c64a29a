"""A tab starts a run, and the page's address opens a tab."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from plugins._contract import NewRun
from plugins._discovery import discover
from plugins._ui.events import message_area
from spaces_app.panels.workbench import PluginWorkbench
from spaces_app.services import Services
from spaces_app.settings import Settings
from tests.page import TINY, write_reviews
from training.errors import UserError
from training.labelling.sessions import ROWS, TEXTS, create_session, open_session, session_of_run
from training.runs.labels import read_labels


@pytest.fixture
def workbench(home: Path) -> PluginWorkbench:
    """Of BERT, with GPT beside it; its queue is not worked, so that runs wait."""
    services = Services(Settings(), discover("bert_finetune,gpt_prompting"))
    services.runs._queue.pump = lambda: None  # type: ignore[method-assign]
    return PluginWorkbench(services, services.plugins.get("bert_finetune"))


def pressed(workbench: PluginWorkbench, new: NewRun | UserError) -> list[Any]:
    """What the button's event puts into the address and the message."""

    def make() -> NewRun:
        if isinstance(new, UserError):
            raise new
        return new

    with gr.Blocks() as demo:
        button, message = gr.Button(), message_area()
        workbench.start_run(button, "classify", make, [], message)
    start: Any = next(iter(demo.fns.values())).fn
    return start(SimpleNamespace(cookies={}, session_hash="one"))


def test_a_button_starts_a_run_with_a_name_that_leads_back_to_its_session(
    workbench: PluginWorkbench, tmp_path: Path
) -> None:
    reviews = write_reviews(tmp_path / "reviews.csv")
    session = create_session(TEXTS, reviews, ("a", "b"), {})
    address, message = pressed(workbench, NewRun(TINY, {"data": reviews}, "24 labels", session.key))
    assert address.startswith("./run?run=bert_finetune-") and message == ""
    run = workbench.services.runs.get(address.rpartition("=")[2], "")
    assert run.config()["settings"]["steps"] == TINY["steps"]
    assert read_labels(run.folder).name == "24 labels"
    assert session_of_run(run.folder) == session.key


def test_a_mistake_is_said_in_the_box_and_no_run_is_made(workbench: PluginWorkbench, tmp_path: Path) -> None:
    address, message = pressed(workbench, UserError("Label texts of two classes first."))
    assert not isinstance(address, str) or not address
    assert "Label texts of two classes first." in message
    assert workbench.services.runs.own("") == []


def test_an_address_opens_the_tabs_that_asked_for_it(workbench: PluginWorkbench) -> None:
    with gr.Blocks(), gr.Tabs() as outer, gr.Tab("Try") as first, gr.Tabs() as inner, gr.Tab("Label") as second:
        workbench.on(workbench.plugin.kind("encode").endpoints).opened_by("labels")  # type: ignore[arg-type]
    assert workbench.opened == {"labels": ((outer, first), (inner, second))}
    assert first.id is not None and second.id is not None


def test_a_session_of_texts_is_not_opened_as_one_of_rows(workbench: PluginWorkbench, tmp_path: Path) -> None:
    session = create_session(TEXTS, write_reviews(tmp_path / "reviews.csv"), ("a", "b"), {})
    assert open_session(session.key).data == session.data
    with pytest.raises(UserError, match="a session about texts"):
        open_session(session.key, ROWS)


def test_a_tab_reaches_the_weights_of_another_plugin_that_is_here(workbench: PluginWorkbench) -> None:
    with gr.Blocks():
        other = workbench.other("gpt_prompting")
        assert other is not None
        picker = other.weights_picker("Prompt a GPT", starter="")
    assert picker.value == ""
    [listed] = workbench.pickers  # the page fills them together, each with its own plugin's weights
    assert (listed.component, listed.plugin.name) == (picker, "gpt_prompting")
    assert {kind.name for kind in listed.kinds} == {"pretrain", "shots"}
    assert workbench.other("no_such_plugin") is None
