"""Which kind can use a folder: its record says it, else its configuration; what contradicts itself is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from plugins._discovery import discover
from plugins._recognition import recognise
from training.errors import UserError

PLUGINS = [found.plugin for found in discover("builtin") if found.plugin]


def folder_with(folder: Path, **files: dict) -> Path:
    for name, values in files.items():
        (folder / f"{name}.json").write_text(json.dumps(values))
    return folder


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_every_starter_is_of_the_kind_that_ships_it(plugin) -> None:
    for kind in plugin.kinds:
        for folder in kind.starters:
            owner, recognised = recognise(folder, folder.name, PLUGINS)
            assert owner is plugin and kind in plugin.answering(kind.endpoints)
            assert recognised in plugin.answering(kind.endpoints)


def test_a_record_that_contradicts_the_configuration_is_refused(tmp_path: Path) -> None:
    made = {"plugin": "ae_anomaly", "trainer": "fit"}
    folder = folder_with(tmp_path, selfsup=made, config={"architectures": ["BertForMaskedLM"]})
    with pytest.raises(
        UserError, match="says that ae_anomaly fit made it, but its configuration names BertForMaskedLM"
    ):
        recognise(folder, "them/odd", PLUGINS)


def test_a_record_of_a_plugin_or_a_kind_that_is_not_here_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="was made by the plugin 'other', which is not here"):
        recognise(folder_with(tmp_path, selfsup={"plugin": "other"}), "them/odd", PLUGINS)
    with pytest.raises(UserError, match="ae_anomaly has no trainer 'other'"):
        recognise(folder_with(tmp_path, selfsup={"plugin": "ae_anomaly", "trainer": "other"}), "them/odd", PLUGINS)


def test_what_no_plugin_takes_is_named(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, config={"architectures": ["ViTForImageClassification"]})
    with pytest.raises(UserError, match="them/odd is an image classifier, ViTForImageClassification"):
        recognise(folder, "them/odd", PLUGINS)


def test_a_damaged_configuration_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match=r"config\.json cannot be read as JSON"):
        recognise(tmp_path, "them/odd", PLUGINS)
