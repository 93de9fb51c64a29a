"""Files of a backup, and the marker file that lists their names, sizes and checksums."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from training.backup import pickle_free_state
from training.errors import UserError
from training.fit import checkpoint
from training.home import RUN_ID
from training.hub.file_listing import check_file_name
from training.hub.push import PUSHED_PATTERNS

if TYPE_CHECKING:
    from training.runs.run import Run

MARKER = "selfsup-backup.json"
FORMAT = 1
FILES = ("config.yaml", "events.jsonl", "report.json")
FOLDERS = ("data", "artifact")
CHECKPOINT = re.compile(r"checkpoint/step-(\d{9})/([A-Za-z0-9_]+(\.bin|\.pkl|\.pt)?\.safetensors)")
RANDOM = "random_states"  # not needed: batches and noise are functions of seed and step (decision 2)
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Marker:
    """Content of the marker file.

    Args:
        step: Of the checkpoint; 0 if there is none.
        status: The last event that changed the run's state: started, cancelled, failed or finished.
        files: Name -> sha256 and size_bytes.
    """

    run: str
    plugin: str
    trainer: str
    step: int
    status: str
    files: dict[str, dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def parse(cls, value: Any, repo: str) -> Marker:
        """Validate a marker of unknown origin.

        Raises:
            UserError: If it has another form, or names a file that no backup has.
        """
        if not _is_marker(value):
            raise UserError(f"{MARKER} of {repo} is not the record of a backup: nothing of it is fetched.")
        for name in value["files"]:
            check_file_name(name, repo)
            if not is_backed_up(name):
                raise UserError(f"{repo} has a file {name[:100]!r}, which no backup has: nothing of it is fetched.")
        marker = cls(**{key: content for key, content in value.items() if key != "format"})
        steps = {int(match[1]) for name in marker.files if (match := CHECKPOINT.fullmatch(name))}
        if steps != ({marker.step} if marker.step else set()):
            raise UserError(f"{repo} has no checkpoint of step {marker.step}, or others beside it: it is not restored.")
        return marker


def _is_marker(value: Any) -> bool:
    kinds = {"format": int, "run": str, "plugin": str, "trainer": str, "step": int, "status": str, "files": dict}
    if not isinstance(value, dict) or {key: type(content) for key, content in value.items()} != kinds:
        return False
    if value["format"] != FORMAT or not RUN_ID.fullmatch(value["run"]) or value["step"] < 0:
        return False
    has_entries = all(_is_entry(entry) for entry in value["files"].values())
    return has_entries and "config.yaml" in value["files"] and value["run"].rpartition("-")[0] == value["plugin"]


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("sha256"), str)
        and SHA256.fullmatch(entry["sha256"]) is not None
        and type(entry.get("size_bytes")) is int
        and entry["size_bytes"] >= 0
    )


def is_backed_up(name: str) -> bool:
    """Whether a backup may hold a file of this name; none of them is a pickle."""
    if name in FILES or CHECKPOINT.fullmatch(name):
        return True
    if name.startswith("artifact/"):
        return any(Path(name).match(pattern) for pattern in PUSHED_PATTERNS)
    return re.fullmatch(r"data/[^/]+", name) is not None


def stage(run: Run, folder: Path) -> int:
    """Link the run's files into `folder`, since training may replace or delete them. Returns the checkpoint's step.

    The checkpoint's pickles are linked as they are, for `pack_checkpoint`: training waits for this function.
    """
    sources = [run.folder / name for name in FILES]
    for part in FOLDERS:
        sources += [path for path in (run.folder / part).rglob("*") if path.is_file()]
    sources = [path for path in sources if is_backed_up(path.relative_to(run.folder).as_posix())]
    newest = checkpoint.latest(run.folder / "checkpoint")
    if newest:
        sources += [path for path in newest.iterdir() if not path.name.startswith(RANDOM)]
    for path in sources:
        if path.is_file():
            _link(path, folder / path.relative_to(run.folder))
    return int(newest.name[5:]) if newest else 0


def pack_checkpoint(folder: Path) -> None:
    """Convert the pickles of a staged checkpoint to safetensors."""
    for path in list((folder / "checkpoint").rglob("*")):
        if path.suffix in pickle_free_state.PICKLED:
            pickle_free_state.pack(path, path.with_name(path.name + pickle_free_state.SUFFIX))
            path.unlink()


def unpack_checkpoint(folder: Path) -> None:
    """Convert a restored checkpoint to the form that accelerate reads: pickles are written here, from tensors and JSON.

    Raises:
        UserError: If a file has another form than `pack_checkpoint` writes.
    """
    for path in list((folder / "checkpoint").rglob("*" + pickle_free_state.SUFFIX)):
        target = path.with_suffix("")
        if target.suffix in pickle_free_state.PICKLED:
            pickle_free_state.unpack(path, target)
            path.unlink()


def staged_files(folder: Path) -> dict[str, Path]:
    """Return name in the repository -> file."""
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.name == "events.jsonl":  # it grows, and a link would grow with it
        shutil.copyfile(source, target)
        return
    try:
        os.link(source, target)
    except OSError:  # a mounted bucket has no links
        shutil.copyfile(source, target)
