"""`starter`: train the weights that ship with a plugin, by their recipe: one run after another, each resumable.

A recipe is a folder of run files (`plugins/X/starter/recipe/*.yaml`). In a run file, `starter` is the name of the
weights that it makes, `licence` that of the data, for their card, and `after` names the runs that it goes on from:
`after: {model: 1-examples}` sets `model` to what the run of `1-examples.yaml` made. Where a run keeps its low-rank
adapters alone, those are the starter.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugins import _discovery
from plugins._contract import Kind, Plugin
from training import files
from training.cli.execute import run_here
from training.errors import UserError
from training.home import home
from training.runs.config_file import absolute_files, read_config
from training.runs.registry import Runs
from training.runs.run import Run
from training.settings import parse_settings
from training.wording import counted, listed, spell_seconds

PLUGINS = Path(_discovery.__file__).parent
RECIPES = "*/starter/recipe/*.yaml"


@dataclass(frozen=True)
class Stage:
    """One run of a recipe.

    Args:
        after: A field of weights -> the stage whose weights it gets.
        licence: Of its data.
    """

    path: Path
    starter: str
    plugin: str
    trainer: str
    values: dict[str, Any]
    after: dict[str, str]
    licence: str = ""

    @property
    def name(self) -> str:
        return self.path.stem

    def kind(self) -> tuple[Plugin, Kind]:
        """The plugin and the kind that it trains."""
        plugin = _discovery.find(self.plugin)
        return plugin, plugin.kind(self.trainer)


def add_commands(commands: Any) -> None:
    """Add it."""
    parser = commands.add_parser(
        "starter",
        help="train the weights that ship with a plugin, by their recipe; without NAME, list them",
        description="Trains the runs of a recipe one after another. Started again, it goes on where it was stopped or "
        "killed. The README beside a recipe says where its data comes from.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="The starter, PLUGIN/NAME where two have one name.")
    parser.add_argument("--data", type=Path, default=Path(), metavar="DIR", help="The folder of the data files.")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="Where the runs live. Default: under SELFSUP_HOME.")
    parser.set_defaults(command=starter_command)


def starter_command(options: argparse.Namespace) -> int:
    """Train the runs of a recipe that are not finished; print where the weights are."""
    recipes = read_recipes(PLUGINS)
    if options.name is None:
        print("\n".join(recipes))
        return 0
    last = _find(options.name, recipes)
    folder = (options.folder or home() / "recipes" / last.plugin).resolve()
    stages = in_order(last)
    _check_files(stages, options.data)
    for stage in stages:
        if code := _train(stage, options.data, folder):
            return code
    made = folder / "starters" / last.starter
    seconds = sum(Run(folder / stage.name).describe()["seconds"] for stage in stages)
    _collect(last, folder / last.name / "artifact", made, {"runs": len(stages), "time": spell_seconds(seconds)})
    print(f"{last.starter}: {counted(len(stages), 'run')}, {spell_seconds(seconds)}\n{made}")
    return 0


def read_recipes(folder: Path) -> dict[str, Stage]:
    """The last stage of each starter of the plugins in a folder, by `plugin/starter`."""
    stages = map(read_stage, sorted(folder.glob(RECIPES)))
    return {f"{stage.plugin}/{stage.starter}": stage for stage in stages if stage.starter}


def _find(name: str, recipes: dict[str, Stage]) -> Stage:
    found = [stage for key, stage in recipes.items() if name in (key, stage.starter)]
    if len(found) == 1:
        return found[0]
    several = [f"{stage.plugin}/{stage.starter}" for stage in found]
    raise UserError(
        f"Which {name}? {' or '.join(several)}."
        if several
        else f"There is no recipe for {name}. There are: {listed(list(recipes), 20)}."
    )


def read_stage(path: Path) -> Stage:
    """One run file of a recipe."""
    content = read_config(path)
    names = content["plugin"], content["trainer"]
    optional = content.get("after", {}), content.get("licence", "")
    return Stage(path, content.get("starter", ""), *names, content["settings"], *optional)


def in_order(last: Stage) -> list[Stage]:
    """A stage after all that it goes on from, each once."""
    found: dict[str, Stage] = {}

    def add(stage: Stage) -> None:
        for name in stage.after.values():
            if name not in found:
                add(read_stage(stage.path.with_name(f"{name}.yaml")))
        found[stage.name] = stage

    add(last)
    return list(found.values())


def _check_files(stages: Sequence[Stage], data: Path) -> None:
    missing = dict.fromkeys(
        stage.values[name]
        for stage in stages
        for name in stage.kind()[1].trained_by.file_fields()
        if stage.values.get(name) and not (data / stage.values[name]).exists()
    )
    if missing:
        raise UserError(
            f"{data.resolve()} lacks {', '.join(missing)}. The README of the recipe says how they are made; "
            "--data names their folder."
        )


def _train(stage: Stage, data: Path, folder: Path) -> int:
    """Train a stage, or go on with it; returns the exit code."""
    plugin, kind = stage.kind()
    run = Run(folder / stage.name)
    if (run.folder / "config.yaml").exists():
        if run.status() == "finished":
            print(f"{stage.name} is finished", flush=True)
            return 0
        run.resume()
    else:
        weights = {field: str(folder / name / "artifact") for field, name in stage.after.items()}
        values = absolute_files(stage.values, kind.trained_by, data.resolve()) | weights
        run = Runs().create(plugin.name, kind.name, parse_settings(kind.trained_by, values), folder=run.folder)
    print(f"{stage.name}: {kind.title}", flush=True)
    return run_here(run, plugin, kind)


def _collect(stage: Stage, artifact: Path, target: Path, training: dict[str, Any]) -> None:
    """Copy the weights of the last stage, or its adapters, with the time of all stages in their card."""
    from training.artifact import model_card, store
    from training.nn import adapters

    alone = artifact / adapters.FOLDER
    with files.replacing(target) as new:
        shutil.copytree(alone if alone.is_dir() else artifact, new, dirs_exist_ok=True)
        record = store.read_record(artifact)
        record["training"] |= training
        if stage.licence:
            record["data"]["data_licence"] = stage.licence
        if alone.is_dir():
            record = adapters.described(record, new)
        files.write_json(new / store.RECORD, record)
        files.write_text(new / "README.md", model_card.render(record))
