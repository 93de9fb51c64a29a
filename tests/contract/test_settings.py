"""Settings: declared once, the same through YAML, refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from plugins._contract import Kind
from plugins._discovery import discover
from plugins.bert_finetune.classify.settings import ClassifySettings
from tests.toy import ToySettings, toy_settings
from training.cli.flags import settings_from_file
from training.errors import UserError
from training.runs.config_file import to_yaml
from training.runs.registry import Runs
from training.settings import TableData, TrainSettings, extra_of, parse_settings


class TableSettings(TrainSettings, TableData):
    """Of a kind that trains on a table."""


TRAINERS = [trainer for found in discover("builtin") if found.plugin for trainer in found.plugin.trainable]
values = st.fixed_dictionaries(
    {},
    optional={
        "text_column": st.text(max_size=50),
        "label_separator": st.text(min_size=1, max_size=3),
        "steps": st.integers(0, 10_000_000),
        "batch_size": st.integers(0, 65_536),
        "learning_rate": st.floats(1e-12, 10),
        "seed": st.integers(0, 2**32 - 1),
        "eval_share": st.floats(0, 0.5),
        "precision": st.sampled_from(["auto", "fp32", "bf16", "fp16"]),
        "schedule": st.sampled_from(["linear", "cosine", "constant"]),
        "multi_label": st.booleans(),
        "ema_decay": st.floats(0, 1, exclude_max=True),
        "dataset": st.sampled_from(["", "imdb", "owner/name", "owner/na.me:con-fig_1", "a:b"]),
    },
)


@given(values)
def test_settings_survive_yaml(given_values: dict[str, Any]) -> None:
    settings = parse_settings(ClassifySettings, given_values)
    content = yaml.safe_load(to_yaml("bert_finetune", "classify", settings.changed()))
    assert parse_settings(ClassifySettings, content["settings"]) == settings


@given(values)
def test_only_what_differs_from_the_defaults_is_written(given_values: dict[str, Any]) -> None:
    changed = parse_settings(ClassifySettings, given_values).changed()
    assert all(value != ClassifySettings.model_fields[name].default for name, value in changed.items())


@pytest.mark.parametrize(
    ("wrong", "right"), [("learning_rat", "learning_rate"), ("batchsize", "batch_size"), ("num_steps", "steps")]
)
def test_an_unknown_name_suggests_the_close_one(wrong: str, right: str) -> None:
    with pytest.raises(UserError, match=f"There is no setting '{wrong}'. Did you mean '{right}'"):
        parse_settings(TrainSettings, {wrong: 1})


@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", -1), ("learning_rate", -1), ("eval_share", 0.6), ("seed", -1), ("precision", "fp8"), ("steps", "many"),
     ("dataset", "../etc"), ("learning_rate", float("nan")), ("time_limit", float("inf")), ("steps", None)],
)  # fmt: skip
def test_a_wrong_value_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(UserError, match=rf"^{name}: '{str(value)[:20]}.* was given; it should"):
        parse_settings(TableSettings, {name: value})


def test_every_wrong_field_gets_a_line_of_its_own() -> None:
    with pytest.raises(UserError) as error:
        parse_settings(TrainSettings, {"steps": -1, "seed": -1})
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == ["seed", "steps"]


def test_fields_that_do_not_fit_each_other_are_named() -> None:
    with pytest.raises(UserError, match=r"^batch_size 2 is less than the 4 micro-batches it is cut into"):
        parse_settings(TrainSettings, {"batch_size": 2, "gradient_accumulation": 4})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        TrainSettings().steps = 3  # type: ignore[misc]


@pytest.mark.parametrize("trainer", TRAINERS, ids=lambda trainer: trainer.name)
def test_every_field_has_a_description_that_is_a_sentence(trainer: Kind) -> None:
    for name, field in trainer.settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith((".", "?")), name


@pytest.mark.parametrize("trainer", TRAINERS, ids=lambda trainer: trainer.name)
def test_no_setting_is_a_secret(trainer: Kind) -> None:
    assert not [
        name for name in trainer.settings.model_fields if name.split("_")[-1] in ("token", "key", "password", "secret")
    ]


def test_a_trainer_with_an_undescribed_setting_is_refused() -> None:
    class Bare(TrainSettings):
        width: int = 3

    with pytest.raises(ValueError, match="settings without a description: width"):
        Kind("fit", "Fit", "tests.toy", Bare)


def test_a_run_file_finds_its_data_beside_it(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("settings: {points: points.csv, steps: 7}\n")
    found = settings_from_file(tmp_path / "run.yaml", "toy", "fit", ToySettings)
    assert found == {"points": str(tmp_path / "points.csv"), "steps": 7}


@pytest.mark.parametrize("text", ["- 1\n", "settings: 3\n", "settings: {a: [\n", "\xff"], ids=range(4))
def test_a_run_file_of_another_shape_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.yaml").write_text(text, encoding="latin-1")
    with pytest.raises(UserError, match=r"run\.yaml"):
        settings_from_file(tmp_path / "run.yaml", "toy", "fit", ToySettings)


def test_a_run_file_of_another_trainer_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("plugin: toy\ntrainer: other\n")
    with pytest.raises(UserError, match="is for toy other, not for toy fit"):
        settings_from_file(tmp_path / "run.yaml", "toy", "fit", ToySettings)


def test_the_file_that_a_run_keeps_gives_the_same_settings(tmp_path: Path) -> None:
    points = tmp_path / "points.csv"
    points.write_text("0,0,1\n" * 9)
    run = Runs(tmp_path / "runs").create("toy", "fit", toy_settings(points=str(points), steps=7))
    points.unlink()
    kept = run.settings(ToySettings)
    assert kept.steps == 7
    assert Path(kept.points).read_text() == "0,0,1\n" * 9
    assert Path(kept.points).is_relative_to(run.folder)


def test_file_fields_say_so() -> None:
    assert ToySettings.file_fields() == ["data", "eval_data", "points"]
    assert extra_of(ToySettings.model_fields["points"]) == {"kind": "file"}
