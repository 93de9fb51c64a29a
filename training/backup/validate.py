"""Validate a restored run before it is added to the runs: settings, events, record and weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training import files
from training.artifact import store
from training.artifact.lineage import public_name
from training.backup.contents import Marker
from training.errors import UserError
from training.events import Summary, read_events
from training.home import RUN_ID
from training.hub import pull
from training.hub.file_contents import check_contents, check_weights, read_json
from training.runs.config_file import absolute_files, to_yaml
from training.runs.run import Run
from training.settings import HOSTED, RunSettings, parse_settings

if TYPE_CHECKING:
    from training.backup.restore import Known

TEXTS = ("event", "message", "device", "repo")
NUMBERS = ("time", "step", "steps", "rows", "eval_rows", "parameters", "processes", "seconds")
REQUIRED = {"step": "loss", "eval": "metrics"}  # event -> what its readers need
NUMBERS += ("loss", "rate", "learning_rate", "size_bytes")


def check_run(folder: Path, marker: Marker, repo: str, known: Known) -> None:
    """Validate the files of a run of unknown origin.

    Raises:
        UserError: Naming the file: unknown settings or settings that name files of this machine, another run's record,
            malformed events, damaged weights.
    """
    _check_config(folder, marker, repo, known)
    _check_events(folder, repo)
    names = [name for name in marker.files if name.startswith("artifact/")]
    check_contents(folder, names, folder, repo)
    record = store.read_record(folder / "artifact") if f"artifact/{store.RECORD}" in names else {}
    if record and record.get("run") != public_name(marker.run):
        raise UserError(f"The weights in {repo} are another run's than {marker.run}: it is not restored.")
    for name in marker.files:
        if name.startswith("checkpoint/"):
            check_weights(folder / name, f"{name} of {repo}")
    if "report.json" in marker.files and not isinstance(
        read_json(folder / "report.json", f"report.json of {repo}"), dict
    ):
        raise UserError(f"report.json of {repo} is no report: the run is not restored.")


def _check_config(folder: Path, marker: Marker, repo: str, known: Known) -> None:
    config: Any = Run(folder).config()
    if not isinstance(config, dict) or not isinstance(config.get("settings"), dict):
        raise UserError(f"config.yaml of {repo} is no run's: it is not restored.")
    if (config.get("plugin"), config.get("trainer")) != (marker.plugin, marker.trainer):
        raise UserError(f"config.yaml of {repo} is another run's than {marker.run}: it is not restored.")
    kind, starters = known(marker.plugin, marker.trainer)
    values = config["settings"]
    _check_files(values, kind, marker, repo)
    settings = parse_settings(kind, absolute_files(values, kind, folder))
    _check_model(settings, starters, repo)
    kept = {name: value for name, value in values.items() if not str(value).startswith(HOSTED)}
    if {**kept, "backup": repo} != values:  # never to another repository, nor texts to a server that a stranger names
        changed = to_yaml(marker.plugin, marker.trainer, {**kept, "backup": repo})
        files.write_text(folder / "config.yaml", changed)


def _check_files(values: Mapping[str, Any], kind: type[RunSettings], marker: Marker, repo: str) -> None:
    """A file that a setting names has to be one of the backup's, never one of this machine's."""
    for name in kind.file_fields():
        value = values.get(name)
        if value and not (isinstance(value, str) and value.startswith("data/") and value in marker.files):
            raise UserError(
                f"config.yaml of {repo} names a file that is not in the backup ({name}): it is not restored."
            )


def _check_model(settings: RunSettings, starters: Mapping[str, Path], repo: str) -> None:
    names = [name for name in settings.weights() if name not in starters]
    if any(RUN_ID.fullmatch(name) or not pull.repository(name) for name in names):
        raise UserError(f"config.yaml of {repo} starts from weights of another machine (model): it is not restored.")


def _check_events(folder: Path, repo: str) -> None:
    """Every event has to have the fields and types that its readers expect."""
    summary, offset = Summary(), -1
    path = folder / "events.jsonl"
    try:
        following = 0
        while following != offset:
            offset = following
            events, following = read_events(path, offset)
            for event in events:
                _check_event(event)
                summary.fold(event)
    except (KeyError, TypeError, ValueError, RecursionError):
        raise UserError(f"events.jsonl of {repo} is no record of a run: it is not restored.") from None


def _check_event(event: dict[str, Any]) -> None:
    is_valid = (
        all(isinstance(event.get(name, ""), str) for name in TEXTS)
        and all(isinstance(event.get(name), int | float | None) for name in NUMBERS)
        and type(event.get("step", 0)) is int
        and type(event.get("steps", 0)) is int
        and _is_scores(event.get("metrics", {}))
        and REQUIRED.get(event["event"], "time") in event
    )
    if not is_valid:
        raise ValueError("No event of a trainer.")


def _is_scores(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(score, int | float | None) for score in value.values())
