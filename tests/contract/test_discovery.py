"""Plugins are found wherever they are, and a broken one is reported and never raised."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import plugins
from plugins import _discovery
from plugins._discovery import Found, discover, find, plugin_of_weights, starters_of
from training.errors import UserError

WHOLE = """
from plugins._contract import Kind, Plugin
from training.settings import TrainSettings

kind = Kind("fit", "Fit", "plugins.NAME", TrainSettings)
PLUGIN = Plugin("NAME", "Title", "A summary.", (kind,))
"""
Drop = Callable[[str, str], None]


@pytest.fixture
def drop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Drop]:
    """Writes a file into a folder that belongs to `plugins`."""
    monkeypatch.setattr(plugins, "__path__", [*plugins.__path__, str(tmp_path)])
    monkeypatch.delenv("SELFSUP_PLUGINS", raising=False)
    before = set(sys.modules)
    yield lambda name, code: void((tmp_path / f"{name}.py").write_text(code))
    for name in set(sys.modules) - before:
        if name.startswith("plugins."):
            del sys.modules[name]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Drop]:
    """Installs a package with an entry point of that name."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(name: str, code: str) -> None:
        info = tmp_path / f"{name}_package-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-package\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[selfsup.plugins]\n{name} = {name}_module:PLUGIN\n")
        (tmp_path / f"{name}_module.py").write_text(code)
        _discovery._entry_points.cache_clear()

    yield make
    _discovery._entry_points.cache_clear()


def void(_: object) -> None:
    return None


def whole(name: str) -> str:
    return WHOLE.replace("NAME", name)


def found(name: str, chosen: str | None = None) -> Found:
    return next(one for one in discover(chosen) if one.name == name)


def test_a_dropped_in_file_is_a_plugin(drop: Drop) -> None:
    drop("dropped", whole("dropped"))
    assert found("dropped").origin == "plugins.dropped"
    assert find("dropped").title == "Title"


def test_an_installed_entry_point_is_a_plugin(install: Drop) -> None:
    install("brought", whole("brought"))
    assert found("brought").origin == "brought_module:PLUGIN (installed)"
    assert find("brought").title == "Title"


def test_the_built_in_ones_come_first(drop: Drop) -> None:
    drop("aardvark", whole("aardvark"))
    names = [one.name for one in discover()]
    assert names.index("aardvark") > names.index("bert_finetune")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("raise RuntimeError('no such GPU')", "RuntimeError: no such GPU"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import a_library_nobody_has", "ModuleNotFoundError: No module named 'a_library_nobody_has'"),
        ("def oops(:", "SyntaxError: "),
        ("PLUGIN = {'name': 'x'}", "TypeError: PLUGIN is a dict, not a plugins._contract.Plugin."),
        ("", "AttributeError: module 'plugins.faulty' has no attribute 'PLUGIN'"),
        (whole("faulty").replace('"fit"', '"Fit it"'), "ValueError: Kind 'Fit it': the name must match"),
        (whole("faulty").replace("(kind,)", "()"), "ValueError: Plugin 'faulty' has no kind that can be trained."),
        (whole("other"), "ValueError: It is found as 'faulty', and its record is named 'other': make them one."),
    ],
    ids=["raises", "exits", "lacks a library", "syntax", "no plugin", "no record", "name", "no trainer", "other name"],
)
def test_a_broken_plugin_is_reported_and_the_others_live(drop: Drop, code: str, error: str) -> None:
    drop("faulty", code)
    broken = found("faulty")
    assert broken.plugin is None
    assert broken.error.startswith(error)
    assert "Traceback" in broken.details
    assert found("bert_finetune").plugin
    with pytest.raises(UserError, match=r"Plugin 'faulty' from plugins\.faulty is broken"):
        find("faulty")


def test_ctrl_c_is_no_fault_of_a_plugin(drop: Drop) -> None:
    drop("faulty", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        discover()


def test_of_two_plugins_with_one_name_the_first_is_kept_and_the_second_reported(install: Drop) -> None:
    install("bert_finetune", whole("bert_finetune"))
    assert found("bert_finetune").origin == "plugins.bert_finetune"
    second = found("bert_finetune_2")
    assert second.error == "There is a plugin 'bert_finetune' already, from plugins.bert_finetune."
    assert find("bert_finetune").title != "Title"


def test_an_unknown_name_lists_what_there_is(drop: Drop) -> None:
    with pytest.raises(UserError, match=r"There is no plugin 'gone'; there are: .*bert_finetune"):
        find("gone")


def test_finding_one_imports_no_other(drop: Drop) -> None:
    drop("bystander", "raise RuntimeError")
    find("bert_finetune")
    assert "plugins.bystander" not in sys.modules


def test_only_the_chosen_ones_are_imported(drop: Drop, monkeypatch: pytest.MonkeyPatch) -> None:
    drop("chosen", whole("chosen"))
    drop("left", "raise RuntimeError")
    monkeypatch.setenv("SELFSUP_PLUGINS", " chosen , gone")
    assert [one.name for one in discover()] == ["chosen"]
    assert "plugins.left" not in sys.modules


def test_builtin_means_no_third_party(drop: Drop, install: Drop) -> None:
    drop("dropped", whole("dropped"))
    install("bert_finetune", whole("bert_finetune"))
    names = [one.name for one in discover("builtin")]
    assert "bert_finetune" in names
    assert set(names) <= set(_discovery.BUILT_IN)


def test_builtin_can_be_joined_by_names(drop: Drop) -> None:
    drop("dropped", whole("dropped"))
    assert found("dropped", "builtin,dropped").plugin


def test_files_with_an_underscore_and_the_test_kit_are_no_plugins(drop: Drop) -> None:
    drop("_private", whole("_private"))
    assert not {"_private", "testing"} & {one.name for one in discover()}


def test_a_field_names_weights_of_another_plugin_if_that_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFSUP_PLUGINS", "builtin")
    bert = find("bert_finetune")
    settings = bert.kind("classify").trained_by
    assert plugin_of_weights(settings, "model", bert) is bert
    assert plugin_of_weights(settings, "prompted_model", bert).name == "gpt_prompting"
    assert starters_of(settings, bert).keys() == {*bert.starters, "tales"}
    monkeypatch.setenv("SELFSUP_PLUGINS", "bert_finetune")
    with pytest.raises(UserError, match="prompted_model names weights of the plugin gpt_prompting, which is not here"):
        plugin_of_weights(settings, "prompted_model", bert)
    assert starters_of(settings, bert).keys() == {*bert.starters}
