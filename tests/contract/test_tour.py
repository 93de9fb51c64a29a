"""The stops of the guided tour as data: what they link to is there, values are checked, all text is escaped."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from plugins import _drawing
from plugins._discovery import discover
from plugins._tour import Choice, Link, Range, Stop, Text, tour_of
from spaces_app.identity import Caller
from spaces_app.services.closing_stop import CLOSING, in_disorder
from spaces_app.services.plugins import PluginCatalog
from spaces_app.services.tour import ORDER, TourService
from training.errors import UserError

PLUGINS = {found.name: found.plugin for found in discover("builtin") if found.plugin}
STOPS = [*(stop for plugin in PLUGINS.values() for stop in tour_of(plugin).STOPS), CLOSING]  # type: ignore[union-attr]
HOSTILE = '<img src=x onerror="alert(1)">'


def service(plugins: str = "builtin", models: Any = None) -> TourService:
    return TourService(PluginCatalog(discover(plugins)), models)


def echo(calls: list[Any]) -> Stop:
    """A stop that counts its calls and shows its values."""

    def answer(call: Any, *values: Any) -> str:
        calls.append(values)
        return _drawing.paragraph(str(values))

    fields = (Text("Sentence", "a"), Choice("Task", ("one", "two"), "one"), Range("Rows", 1, 9, 1, 5))
    return Stop("echo", "Echo", "About.", "Notice.", "Question?", ("b", "two", 6), fields, answer, ())


def test_the_order_names_every_stop_once() -> None:
    assert sorted(ORDER) == sorted(stop.name for stop in STOPS)
    assert [stop.name for stop in service().stops] == list(ORDER)


def test_a_stop_without_its_plugin_is_left_out() -> None:
    assert {plugin for stop in service("ae_anomaly").stops for plugin in stop.plugins} == {"ae_anomaly"}
    assert CLOSING not in service("bert_finetune").stops  # it asks GPT too


@pytest.mark.parametrize("link", [link for stop in STOPS for link in stop.links], ids=lambda link: link.text)
def test_links_lead_to_pages_and_sample_data_that_are_there(link: Link) -> None:
    plugin = PLUGINS[link.plugin]
    assert set(link.query) <= {"sample"}
    if link.kind:
        kind = next(kind for kind in plugin.trainable if kind.name == link.kind)
        assert link.query.get("sample", kind.samples[0].name) in [sample.name for sample in kind.samples]


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: stop.name)
def test_what_a_stop_fills_in_can_be_used(stop: Stop) -> None:
    assert stop.checked(stop.values) == stop.values
    assert stop.checked(stop.trial) == stop.trial
    assert stop.trial != stop.values


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ((" ", "one", 5), "Sentence: write a text."),
        ((None, "one", 5), "Sentence: write a text."),
        (("a" * 2001, "one", 5), "at most 2,000"),
        (("a", "three", 5), "Task: choose one of one, two."),
        (("a", "one", 10), "Rows: give a number from 1 to 9."),
        (("a", "one", float("nan")), "Rows: give a number"),
        (("a", "one", None), "Rows: give a number"),
        (("a", "one", "5"), "Rows: give a number"),
    ],
)
def test_a_bad_value_is_a_sentence_before_any_work(monkeypatch: Any, values: tuple[Any, ...], sentence: str) -> None:
    calls: list[Any] = []
    monkeypatch.setattr(TourService, "stops", [echo(calls)])
    with pytest.raises(UserError, match=sentence):
        service().answer("echo", values, Caller())
    assert calls == []


def test_what_a_stop_fills_in_is_computed_once_and_a_visitors_values_each_time(monkeypatch: Any) -> None:
    calls: list[Any] = []
    stop = echo(calls)
    monkeypatch.setattr(TourService, "stops", [stop])
    tour = service()
    for values in (stop.values, stop.trial, ("mine", "one", 2)) * 2:
        assert tour.answer("echo", values, Caller()) == f"<p>{_drawing.html.escape(str(values))}</p>"
    assert calls == [stop.values, stop.trial, ("mine", "one", 2), ("mine", "one", 2)]


def test_no_name_is_the_first_stop_and_an_unknown_one_is_said() -> None:
    assert service().stop("").name == ORDER[0]
    with pytest.raises(UserError, match="no stop 'nowhere'"):
        service().stop("nowhere")


def test_a_card_that_fails_is_empty_and_the_others_are_there(monkeypatch: Any) -> None:
    class Models:
        def call(self, who: Any, plugin: str, *rest: Any) -> Any:
            raise UserError("This server has no memory for it.") if plugin == "bert_finetune" else RuntimeError

    tour = service(models=Models())
    assert not tour.is_ready
    tour.compute_cards()
    assert tour.is_ready
    assert [tour.card(plugin) for plugin in PLUGINS] == [""] * 5


def test_drawings_escape_their_text() -> None:
    drawn = [
        _drawing.paragraph(HOSTILE),
        _drawing.bars(HOSTILE, [(HOSTILE, 0.5, HOSTILE)]),
        _drawing.table(HOSTILE, [HOSTILE], [[HOSTILE]]),
        _drawing.pictures(HOSTILE, [(HOSTILE, HOSTILE)]),
        _drawing.picture(HOSTILE, HOSTILE),
        _drawing.shaded_words(HOSTILE, [(HOSTILE, 0.5)], HOSTILE),
        _drawing.curves(HOSTILE, HOSTILE, HOSTILE, {HOSTILE: [(1, 0.1), (10, 0.9)]}),
    ]
    assert not any("<img src=x" in part for part in drawn)
    assert not any('onerror="' in part for part in drawn)


def test_a_stop_has_no_more_fields_than_the_page() -> None:
    fields = (Text("a", "a"), Text("b", "b"), Text("c", "c"))
    with pytest.raises(ValueError, match="more than 2 fields"):
        Stop("many", "", "", "", "", ("", "", ""), fields, lambda call: "", ())


def test_words_in_disorder_are_the_same_words_elsewhere() -> None:
    text = "one two three four"
    assert in_disorder(text) != text
    assert sorted(in_disorder(text).split()) == sorted(text.split())
    assert in_disorder(text) == in_disorder(text)
    with pytest.raises(UserError, match="three different words"):
        in_disorder("no no no no")


def test_stops_import_neither_torch_nor_gradio() -> None:
    modules = ", ".join(f"plugins.{name}.tour" for name in PLUGINS)
    code = (
        f"import sys, {modules}; print([name for name in ('torch', 'gradio', 'transformers') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
