"""Resolve a name of weights (a starter, a run's id or `owner/repo[@revision]`) to a local folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from training.errors import UserError
from training.home import RUN_ID
from training.hub.pull import pull, repository
from training.nn import adapters
from training.runs.registry import Runs


def resolve_weights(
    name: str, starters: Mapping[str, Path], runs: Runs, *, allow_folder: bool = False, token: str | None = None
) -> Path:
    """Resolve a starter's name (or an empty one), a run's id or `owner/repo[@revision]` to a folder of weights.

    Args:
        allow_folder: Whether an absolute path is a name too: on the command line, never for an API caller.

    Raises:
        UserError: If there are no such weights; the message says what a name may be.
    """
    if not name:
        if not starters:
            raise UserError("This plugin ships no starter weights: give a run's id or owner/repo.")
        return _whole(next(iter(starters.values())), starters)
    if name in starters:
        return _whole(starters[name], starters)
    if RUN_ID.fullmatch(name):
        return runs.get(name).weights()
    if allow_folder and Path(name).is_absolute() and Path(name).is_dir():
        return Path(name)
    check_weights_name(name, starters)
    return pull(name, token=token).folder


def _whole(folder: Path, starters: Mapping[str, Path]) -> Path:
    """A starter's folder; of adapters, that of the starter they were trained on with the adapters merged.

    Raises:
        UserError: If it was deleted, or the adapters' weights are not here.
    """
    if not folder.is_dir():
        raise UserError(
            f"The starter {folder.name} is not on this machine any more: choose other weights, or install it again."
        )
    if not adapters.are_adapters(folder):
        return folder
    return adapters.merged(folder, starters.get(adapters.Base.named_in(folder).name.rpartition("/")[2]))


def check_weights_name(name: str, starters: Mapping[str, Path]) -> None:
    """Refuse a name that is not empty, a starter, a run's id or `owner/repo[@revision]`: a path, say.

    Raises:
        UserError: Saying what a name may be.
    """
    if not name or name in starters or RUN_ID.fullmatch(name) or repository(name):
        return
    known = f"a starter ({', '.join(starters)}), " if starters else ""
    raise UserError(f"There are no weights {name[:100]!r}. Give {known}a run's id or owner/repo[@revision] of the Hub.")


def artifact_name(folder: Path) -> str:
    """The name of a folder of weights: a run's id, a Hub repository with its commit, or a starter's folder."""
    if folder.name == "artifact":
        return folder.parent.name
    if folder.parent.name == "snapshots":  # the Hub's cache: models--owner--repo/snapshots/commit
        repo = folder.parents[1].name.removeprefix("models--").replace("--", "/", 1)
        return f"{repo}@{folder.name[:12]}"
    return folder.name
