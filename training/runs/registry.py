"""The runs below one folder: create, find and list them."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from pathlib import Path

from training import files
from training.errors import UserError
from training.home import RUN_ID, runs_folder
from training.runs.config_file import to_yaml
from training.runs.index import RunIndex
from training.runs.run import Run
from training.settings import RunSettings

MAX_SHARE_OF_DISK = 0.9  # of what is free, that a run's data may take


class Runs:
    """The runs below one folder. Caches each run's summary, so that polling reads new events only."""

    def __init__(self, folder: Path | None = None):
        self.folder = folder or runs_folder()
        self._cache: dict[str, Run] = {}
        self.index = RunIndex(self.folder, self.get)

    def create(
        self, plugin: str, trainer: str, settings: RunSettings, owner: str = "", folder: Path | None = None
    ) -> Run:
        """Create the folder of a new run, copy its data into it and queue it.

        Raises:
            UserError: If the disk has no room for the data, or `folder` already holds a run.
        """
        run = Run(folder or self.folder / f"{plugin}-{secrets.token_hex(8)}")
        if (run.folder / "config.yaml").exists():
            raise UserError(f"{run.folder.name} already holds a run; resume it, or choose another folder.")
        run.folder.mkdir(parents=True, exist_ok=True)
        values = settings.changed() | _copy_files(settings, run.folder)
        files.write_text(run.folder / "owner", owner)
        files.write_text(run.folder / "config.yaml", to_yaml(plugin, trainer, values))
        run.write_event("queued")
        run.announce()
        return run

    def get(self, run_id: str) -> Run:
        """Return the run of that id.

        Raises:
            UserError: If the id is not of the form that ids have, or there is no such run.
        """
        if not RUN_ID.fullmatch(run_id):
            raise UserError(f"{run_id[:60]!r} is not a run's id; ids look like bert_finetune-0123456789abcdef.")
        folder = self.folder / run_id
        if not (folder / "config.yaml").exists():
            self._cache.pop(run_id, None)
            raise UserError(f"There is no run {run_id}.")
        return self._cache.setdefault(run_id, Run(folder))

    def known(self, run_id: str) -> Run:
        """The run of an id that was listed, without a look whether it is still there."""
        return self._cache.get(run_id) or self._cache.setdefault(run_id, Run(self.folder / run_id))

    def all(self) -> list[Run]:
        """Return every run, the newest first."""
        names = (
            [path.name for path in self.folder.iterdir() if RUN_ID.fullmatch(path.name)] if self.folder.exists() else []
        )
        created: list[tuple[float, Run]] = []
        for name in names:
            with contextlib.suppress(FileNotFoundError, UserError):  # being created or deleted
                created.append((_created(self.folder / name), self.get(name)))
        return [run for _, run in sorted(created, key=lambda pair: pair[0], reverse=True)]

    def unfinished(self, max_age: float = 0.0) -> list[Run]:
        """Return every run that waits, trains, or cannot be read, the newest first; an ended one costs no reading.

        Args:
            max_age: As of `RunIndex.unfinished`.
        """
        created: list[tuple[float, Run]] = []
        for run in self.index.unfinished(max_age):
            with contextlib.suppress(FileNotFoundError):  # being deleted
                created.append((_created(run.folder), run))
        return [run for _, run in sorted(created, key=lambda pair: pair[0], reverse=True)]


def _created(folder: Path) -> float:
    owner = folder / "owner"  # written once
    return (owner if owner.exists() else folder).stat().st_mtime


def named_run(name: str) -> Run:
    """Return the run of an id, or of a folder.

    Raises:
        UserError: If there is none.
    """
    folder = Path(name)
    return Run(folder.resolve()) if (folder / "config.yaml").is_file() else Runs().get(name)


def _copy_files(settings: RunSettings, folder: Path) -> dict[str, str]:
    """Copy each file field into `folder/data`, a folder as a zip; returns field -> path relative to the run.

    Folders that a stream reads stay where they are.
    """
    from training.data.images.zip_folder import pack  # numpy and pyarrow: not for `--help` and `list`
    from training.data.streams.sources import absolute
    from training.data.table_cache import carry_over

    copied: dict[str, str] = {}
    for name in settings.file_fields():
        source = Path(getattr(settings, name)) if getattr(settings, name) else None
        if source is None:
            continue
        if name == "data" and settings.value("streaming") and not source.is_file():
            copied[name] = absolute(str(source), Path.cwd())
            continue
        _check_space(folder, files.size_bytes(source) if source.is_dir() else source.stat().st_size)
        target = folder / "data" / (source.name if name == "data" else f"{name}-{source.name}")
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            target = target.with_name(f"{target.name}.zip")
            pack(source, target)
        else:
            shutil.copyfile(source, target)
            carry_over(source, target)
        copied[name] = str(target.relative_to(folder))
    return copied


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free * MAX_SHARE_OF_DISK:
        raise UserError(
            f"The data take {needed / 2**20:.0f} MB and the disk has {free / 2**20:.0f} MB left: delete old runs first."
        )
