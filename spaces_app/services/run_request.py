"""A request to train: trainer, settings and uploaded files, validated before anything reads the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plugins._contract import Kind, Plugin
from plugins._discovery import plugin_of_weights
from plugins._samples import is_sample
from spaces_app.identity import may_see
from spaces_app.services.plugins import PluginCatalog
from spaces_app.settings import Settings
from training.errors import UserError
from training.home import RUN_ID
from training.runs.registry import Runs
from training.settings import RunSettings, parse_settings
from training.weights import check_weights_name


@dataclass(frozen=True)
class RunRequest:
    """What a visitor asks for: names, settings that differ from their default, and setting -> uploaded file.

    A file field may stand in the settings as sample:NAME, data that ship with the plugin.
    """

    plugin: str
    trainer: str
    values: dict[str, Any]
    files: Mapping[str, Path | None] = field(default_factory=dict)


def validate(request: RunRequest, plugins: PluginCatalog, server: Settings) -> tuple[Plugin, Kind, RunSettings]:
    """Check everything about a request that can be checked without its data.

    Raises:
        UserError: For an unknown plugin, trainer, setting or value, a path in place of a name, a missing file, or a
            limit of this server.
    """
    plugin = plugins.get(request.plugin)
    kind = plugin.kind(request.trainer)
    _check_files(request, kind)
    uploads = {name: str(path) for name, path in request.files.items() if path}
    settings = parse_settings(kind.trained_by, kind.with_sample({**request.values, **uploads}))
    settings.check_required()
    for name, weights in settings.named_weights().items():
        check_weights_name(weights, plugin_of_weights(type(settings), name, plugin).starters)
    return plugin, kind, server.check(settings)


def check_runs(settings: RunSettings, runs: Runs, visitor: str, server: Settings) -> None:
    """Refuse settings that name a run which this visitor may not see, or whose weights are not there yet.

    Raises:
        UserError: As for a run that does not exist.
    """
    for value in (value for value in dict(settings).values() if isinstance(value, str) and RUN_ID.fullmatch(value)):
        run = runs.get(value)
        if not may_see(run, visitor, server):
            raise UserError(f"There is no run {run.id}.")
        if value in settings.weights():
            run.weights()


def _check_files(request: RunRequest, kind: Kind) -> None:
    fields = kind.trained_by.file_fields()
    unknown = [name for name in request.files if name not in fields]
    if unknown:
        raise UserError(f"{kind.name} takes no file {', '.join(unknown)}; it takes: {', '.join(fields)}.")
    given = {name: request.values[name] for name in fields if request.values.get(name)}
    if named := [name for name, value in given.items() if not is_sample(value)]:
        raise UserError(
            f"{', '.join(named)}: files are uploaded, not named in the settings; a sample is named there: sample:NAME."
        )
    if twice := [name for name in given if request.files.get(name)]:
        raise UserError(f"{', '.join(twice)}: a file and a sample were given; leave one out.")
