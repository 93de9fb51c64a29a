"""Restore a run from its backup on the Hub: fetch, validate as files of unknown origin, add to the runs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training import files
from training.backup.contents import Marker, unpack_checkpoint
from training.backup.repository import fetch_marker
from training.backup.validate import check_run
from training.errors import UserError
from training.fit import checkpoint
from training.hub import checksums
from training.hub.client import hub_errors, open_api, with_retries
from training.hub.file_listing import check_sizes
from training.hub.pull import REPO
from training.runs.registry import Runs
from training.runs.run import Run
from training.settings import RunSettings

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Known = Callable[[str, str], tuple[type[RunSettings], Mapping[str, Path]]]  # plugin, trainer -> settings, starters


def restore(name: str, token: str | None, known: Known) -> Run:
    """Download the backup at `owner/repo[@revision]` as a run of this machine, under its id.

    Nothing of it is unpickled: tensors are safetensors, the rest JSON; the checkpoint that training reads is written
    here.

    Args:
        known: Says what trainer and starters belong to the names in the backup; raises a UserError if there are none.

    Raises:
        UserError: One sentence for each of: no such repository, no backup, a name outside the folder, an altered file,
            no disk space, settings that name files of this machine, a finished run, a run that exists here and is not
            older.
    """
    match = REPO.fullmatch(name)
    if not match:
        raise UserError(f"{name[:100]!r} is not a repository: write owner/repo or owner/repo@revision.")
    runs = Runs()
    with hub_errors(match["repo"]):
        api = open_api(token)
        info = with_retries(lambda: api.model_info(match["repo"], revision=match["revision"], files_metadata=True))
        marker = fetch_marker(api, info)
    _check_status(info.id, marker)
    _check_listing(info, marker, runs.folder)
    _check_older(runs.folder / marker.run, marker)
    with _beside(runs.folder) as folder:
        with hub_errors(info.id):
            _fetch(api, info, marker, folder)
        check_run(folder, marker, info.id, known)
        unpack_checkpoint(folder)
        files.write_text(folder / "owner", "")
        _put(folder, runs.folder / marker.run, marker)
    return runs.get(marker.run)


def _check_status(repo: str, marker: Marker) -> None:
    if marker.status == "finished":
        raise UserError(
            f"{repo} holds a run that is finished: there is nothing to resume. "
            "Its weights are in the repository's folder artifact."
        )


def _check_listing(info: Any, marker: Marker, folder: Path) -> None:
    """Compare the marker's files with the Hub's listing, before they are fetched."""
    sizes = {file.rfilename: file.size for file in info.siblings or []}
    wrong = [name for name, entry in marker.files.items() if sizes.get(name) != entry["size_bytes"]]
    if wrong:
        raise UserError(
            f"{wrong[0]} of {info.id} is missing or altered: the backup is incomplete. Try an older revision."
        )
    # The optimiser's state lies on the disk twice while it is rewritten.
    rewritten = sum(entry["size_bytes"] for name, entry in marker.files.items() if name.startswith("checkpoint/"))
    check_sizes(info.id, rewritten + sum(entry["size_bytes"] for entry in marker.files.values()), folder)


def _check_older(target: Path, marker: Marker) -> None:
    """Refuse to replace a run of this machine that is not behind the backup, or that has other settings or data."""
    if not (target / "config.yaml").exists():
        return
    run, newest = Run(target), checkpoint.latest(target / "checkpoint")
    step = int(newest.name[5:]) if newest else 0
    resume = f"Continue it with `python -m training resume {run.id}`"
    if run.status() in ("running", "finished"):
        raise UserError(f"Run {run.id} is on this machine already, and {run.status()}: nothing was restored.")
    if step >= marker.step:
        raise UserError(
            f"Run {run.id} is on this machine already, at step {step}; the backup is at step {marker.step}. {resume}."
        )
    same = all(
        (target / name).is_file() and files.sha256(target / name) == entry["sha256"]
        for name, entry in marker.files.items()
        if name == "config.yaml" or name.startswith("data/")
    )
    if not same:
        raise UserError(
            f"Run {run.id} is on this machine already, with other settings or data than the backup has. "
            f"{resume}, or delete it first."
        )


@contextmanager
def _beside(runs: Path) -> Iterator[Path]:
    """Make a temporary folder on the runs' disk, under a name that no run has."""
    runs.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".restore-", dir=runs))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fetch(api: HfApi, info: Any, marker: Marker, folder: Path) -> None:
    """Download the files that the marker lists, and verify each against the Hub's checksum and the marker's."""

    def fetch(name: str, again: bool = False) -> str:
        return with_retries(
            lambda: api.hf_hub_download(info.id, name, revision=info.sha, local_dir=folder, force_download=again)
        )

    for name in marker.files:
        fetch(name)
    chosen = [file for file in info.siblings if file.rfilename in marker.files]
    checksums.verify_checksums(folder, chosen, info.id, lambda name: fetch(name, again=True))
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the client's metadata
    for name, entry in marker.files.items():
        if files.sha256(folder / name) != entry["sha256"]:
            raise UserError(f"{name} of {info.id} is not what was backed up: it was altered. Nothing of it is loaded.")


def _put(folder: Path, target: Path, marker: Marker) -> None:
    """Move the folder to the run's place; an older state of the same run is replaced."""
    if not target.exists():
        folder.rename(target)
        return
    with Run(target).lock():
        _check_older(target, marker)
        old = target.with_name(f".old-{target.name}")
        shutil.rmtree(old, ignore_errors=True)
        target.rename(old)
        folder.rename(target)
    shutil.rmtree(old, ignore_errors=True)
