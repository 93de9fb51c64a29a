"""check_plugin: the contract as a test, which the author of a plugin runs too.

def test_my_plugin_keeps_the_contract(tmp_path):
    check_plugin(PLUGIN, tmp_path, {"fit": {"data": "rows.csv"}}, {"fit": lambda model: embed(model, "a text")})
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from plugins._contract import Kind, Plugin
from training.artifact.lineage import describe_run
from training.artifact.store import read_record
from training.events import read_events
from training.figures import TITLE
from training.fit.experiment import run_task
from training.runs.registry import Runs
from training.runs.run import Run
from training.settings import RunSettings, parse_settings

QUICK = {"steps": 2, "eval_every": 1}  # settings of the runs
PICKLED = {".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth"}


def check_plugin(
    plugin: Plugin,
    folder: Path,
    settings: Mapping[str, Mapping[str, Any]],
    calls: Mapping[str, Callable[[Any], Any]] | None = None,
) -> None:
    """Train each kind of a plugin for two steps on the CPU and hold it to what the studio relies on.

    Args:
        plugin: The record.
        folder: An empty folder to work in.
        settings: Kind -> the settings of a small run, its data file among them.
        calls: Kind -> a call of an endpoint on what `load` returned; its answer must be the same at each load.

    Raises:
        AssertionError: Says which kind broke which rule.
    """
    missing = [kind.name for kind in plugin.trainable if kind.name not in settings]
    assert not missing, f"{plugin.name}: give sample settings for {', '.join(missing)}."
    for kind in plugin.trainable:
        where = f"{plugin.name} {kind.name}"
        quick = {name: value for name, value in QUICK.items() if name in kind.trained_by.settable_fields()}
        sample = parse_settings(kind.trained_by, {**settings[kind.name], **quick, "device": "cpu"})
        check_settings(where, plugin, kind, sample, folder)
        run = check_resume(where, plugin, kind, sample, folder)
        check_artifact(where, plugin, kind, run)
        check_load(where, kind, run.artifact, (calls or {}).get(kind.name))


def check_settings(where: str, plugin: Plugin, kind: Kind, settings: RunSettings, folder: Path) -> None:
    """The settings survive a run's YAML, and the preflight sheet lets the sample pass."""
    run = Runs(folder / "settings").create(plugin.name, kind.name, settings)
    kept, files = run.settings(kind.trained_by), set(settings.file_fields())
    assert kept.model_dump(exclude=files) == settings.model_dump(exclude=files), f"{where}: settings changed in YAML."
    kind.examine(kept)[1].raise_if_blocked()


def check_resume(where: str, plugin: Plugin, kind: Kind, settings: RunSettings, folder: Path) -> Run:
    """A run that is stopped after its first step and resumed ends in the weights of the unbroken one, to the bit."""
    runs = Runs(folder / "runs")
    unbroken, broken = (runs.create(plugin.name, kind.name, settings) for _ in range(2))
    _train(unbroken, plugin, kind)
    broken.cancel()
    _train(broken, plugin, kind)
    assert broken.summary().step == 1, f"{where}: it did not stop at a touched `cancel` file."
    broken.resume()
    _train(broken, plugin, kind)
    assert _losses(broken) == _losses(unbroken), f"{where}: stopped and resumed, it has other losses than unbroken."
    assert _weights(broken) == _weights(unbroken), f"{where}: stopped and resumed, it has other weights than unbroken."
    return unbroken


def check_artifact(where: str, plugin: Plugin, kind: Kind, run: Run) -> None:
    """The artifact says what made it, names no path of this machine, and holds no pickle."""
    record = read_record(run.artifact)
    assert (record["plugin"], record["trainer"]) == (plugin.name, kind.name), f"{where}: the record is another's."
    assert (run.artifact / "README.md").is_file(), f"{where}: the artifact has no model card."
    for path in (each for each in run.artifact.rglob("*") if each.suffix in (".json", ".md")):
        assert str(run.folder.parent) not in path.read_text(encoding="utf-8"), (
            f"{where}: {path.relative_to(run.artifact)} names a path of this machine."
        )
    report = json.loads((run.folder / "report.json").read_text(encoding="utf-8"))
    if record["metrics"]:  # something was held out
        assert report.get(TITLE, {}).get("rows"), f"{where}: the report has no figure that says how good they are."
    pickled = [path.name for path in run.artifact.rglob("*") if path.suffix in PICKLED]
    assert not pickled, f"{where}: save weights as safetensors, not as {', '.join(pickled)}."
    assert _weights(run), f"{where}: the artifact has no safetensors."


def check_load(where: str, kind: Kind, artifact: Path, call: Callable[[Any], Any] | None) -> None:
    """The artifact loads as the kind's endpoints, and answers the same each time."""
    first, second = kind.load(artifact), kind.load(artifact)
    assert kind.endpoints is None or isinstance(first, kind.endpoints), (
        f"{where}: `load` returned a {type(first).__name__}, which is no {kind.endpoints.__name__}."
    )
    if call:
        assert _plain(call(first)) == _plain(call(second)), f"{where}: loaded twice, it gives two answers."


def _train(run: Run, plugin: Plugin, kind: Kind) -> None:
    settings = run.settings(kind.trained_by)
    task = kind.build(kind.read(settings), settings)
    run_task(task, settings, run.folder, describe_run(run.id, plugin, kind, settings, None))


def _losses(run: Run) -> list[tuple[int, float]]:
    events, _ = read_events(run.folder / "events.jsonl")
    return [(event["step"], event["loss"]) for event in events if event["event"] == "step"]


def _weights(run: Run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.artifact.rglob("*.safetensors")}


def _plain(value: object) -> Any:
    """A file as its bytes, anything else as JSON has it."""
    return value.read_bytes() if isinstance(value, Path) else json.dumps(value)
