"""Recipes: runs that go on from each other, up to the weights that ship."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from plugins._discovery import discover
from plugins.bert_finetune.starter import ADAPTERS
from training.artifact.store import read_record
from training.cli import starter
from training.cli.main import main
from training.runs.run import Run
from training.settings import parse_settings

TINY = {"layers": 1, "heads": 1, "hidden_size": 16, "vocabulary_size": 300, "max_length": 32, "precision": "fp32"}
STAGES = {
    "first": {"settings": {"model": "scratch", **TINY}},
    "second": {"starter": "small", "after": {"model": "first"}, "settings": {"learning_rate": 0.0001}},
}


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    recipe = tmp_path / "plugins" / "gpt_prompting" / "starter" / "recipe"
    recipe.mkdir(parents=True)
    for name, stage in STAGES.items():
        settings = {"data": "corpus.txt", "steps": 2, "batch_size": 2, "eval_share": 0.2, **stage["settings"]}
        content = {"plugin": "gpt_prompting", "trainer": "pretrain", **stage, "settings": settings}
        (recipe / f"{name}.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setattr(starter, "PLUGINS", tmp_path / "plugins")
    monkeypatch.setenv("SELFSUP_HOME", str(tmp_path / "home"))
    (tmp_path / "data").mkdir()
    documents = (f"Chapter {n}. The river ran past the mill, and stone {n} lay in it.\n\n" for n in range(60))
    (tmp_path / "data" / "corpus.txt").write_text("".join(documents))
    return tmp_path / "data"


def test_recipe_trains_its_runs_in_order_and_goes_on_where_it_ended(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "home" / "recipes" / "gpt_prompting"
    assert main(["starter", "small", "--data", str(data)]) == 0
    made = runs / "starters" / "small"
    assert capsys.readouterr().out.splitlines()[-1] == str(made)
    record = read_record(made)
    assert record["training"]["runs"] == 2
    assert record["training"]["time"] in (made / "README.md").read_text()
    assert len(record["lineage"]) == 1  # the run that it goes on from
    first, second = (Run(runs / name) for name in STAGES)
    before = (first.folder / "events.jsonl").read_bytes()

    (second.folder / "events.jsonl").unlink()  # as if it had been killed at its start
    assert main(["starter", "small", "--data", str(data)]) == 0
    assert (first.folder / "events.jsonl").read_bytes() == before  # not trained again
    assert second.status() == "finished"


def test_missing_data_and_names_are_refused_before_any_run(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "corpus.txt").unlink()
    assert main(["starter", "small", "--data", str(data)]) == 2
    assert "lacks corpus.txt. The README of the recipe" in capsys.readouterr().err
    assert main(["starter", "large"]) == 2
    assert "There is no recipe for large. There are: gpt_prompting/small." in capsys.readouterr().err
    assert not (tmp_path / "home" / "recipes").exists()


def test_each_starter_has_a_recipe_with_valid_settings() -> None:
    recipes = starter.read_recipes(starter.PLUGINS)
    shipped = {
        f"{found.name}/{name}"
        for found in discover("builtin")
        if found.plugin
        for name, folder in found.plugin.starters.items()
        if folder.is_relative_to(starter.PLUGINS)
    }
    adapters = {f"bert_finetune/{folder.name}" for folder in ADAPTERS}  # offered where their encoder is installed
    assert set(recipes) == shipped | adapters
    for last in recipes.values():
        for stage in starter.in_order(last):
            parse_settings(stage.kind()[1].trained_by, dict.fromkeys(stage.after, "owner/weights") | stage.values)
    with pytest.raises(SystemExit):
        main(["starter", "--help"])
