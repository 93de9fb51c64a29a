"""Sources of a stream: data sets of the Hub and folders of shards, with their shares of the training rows."""

from __future__ import annotations

import glob
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from training.errors import UserError
from training.wording import counted, listed

FORMATS = {  # suffix -> format
    **dict.fromkeys((".txt", ".text"), "text"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "jsonl"),
    ".parquet": "parquet",
}
PACKED = (".gz", ".zst")
CHARACTERS_PER_BYTE = {"text": 1.0, "jsonl": 0.9, "parquet": 1.8}  # to estimate from, of an unpacked file
PACKED_FACTOR = 3.0
SHARE = re.compile(r"(?P<name>.*?)\s*=\s*(?P<share>\d+(\.\d+)?|\.\d+)")
MIN_SHARE_OF_FORMAT = 0.95  # of the bytes of a folder, or it is not clear what is to be read
COMMIT = re.compile(r"[0-9a-f]{7,64}")


class Shard(NamedTuple):
    """A file of a source.

    Args:
        path: A path of this machine, or hf://datasets/owner/name@commit/file.
        version: Changes with the file's content, as far as that is known without reading it.
    """

    path: str
    size_bytes: int
    version: str = ""

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1] if self.is_local else self.path.split("@", 1)[-1].split("/", 1)[-1]

    @property
    def is_local(self) -> bool:
        return not self.path.startswith("hf://")

    @property
    def suffixes(self) -> list[str]:
        return [suffix.lower() for suffix in Path(self.name).suffixes]

    @property
    def packing(self) -> str:
        return next((suffix for suffix in self.suffixes if suffix in PACKED), "")

    @property
    def format(self) -> str:
        """text, jsonl or parquet; empty for anything else."""
        plain = [suffix for suffix in self.suffixes if suffix not in PACKED]
        return FORMATS.get(plain[-1] if plain else "", "")

    @property
    def characters(self) -> float:
        """An estimate, from the size of the file."""
        packed = PACKED_FACTOR if self.packing else 1.0
        return self.size_bytes * CHARACTERS_PER_BYTE[self.format] * packed


@dataclass(frozen=True)
class Source:
    """A data set of the Hub, or the shards of a folder.

    Args:
        name: As it was given.
        share: Of the training rows, above 0; those of all sources sum to 1.
        revision: The commit at the Hub; empty for files of this machine.
        shards: In the order of their names, none of them empty.
        left_out: Names of the files that hold nothing, or are of another format.
    """

    name: str
    share: float
    revision: str
    shards: tuple[Shard, ...]
    left_out: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What a person is told: no path of a server, since this goes into events."""
        return self.name if self.revision else Path(self.name).name or self.name

    @property
    def size_bytes(self) -> int:
        return sum(shard.size_bytes for shard in self.shards)


def read_sources(data: str, dataset: str, revision: str = "") -> tuple[Source, ...]:
    """Find the shards of the files and data sets that settings name; nothing of them is read yet.

    Args:
        data: A file, a folder or a pattern of this machine; or several with shares, "web=0.7, books=0.3".
        dataset: A data set of the Hub, or several with shares: "owner/a=0.7, owner/b:config=0.3".
        revision: Commits of the data sets, comma-separated in their order; empty for the newest.

    Raises:
        UserError: If the shares do not sum to 1, or a source has no file that can be read.
    """
    named = shares(data, dataset)
    files, sets = [name for name, _ in _paths(data)], split_names(dataset)
    commits = [commit.strip() for commit in revision.split(",")] if revision else [""] * len(sets)
    if len(commits) != len(sets) or not all(not commit or COMMIT.fullmatch(commit) for commit in commits):
        raise UserError(
            f"dataset_revision: '{revision[:100]}' was given for {counted(len(sets), 'data set')}. Expected the commit "
            "of each at the Hub, comma-separated; auto takes the newest."
        )
    local = [_local(name, named[name]) for name in files]
    return (*local, *(_of_hub(name, named[name], commit) for name, commit in zip(sets, commits, strict=True)))


def revisions(sources: Sequence[Source]) -> str:
    """The commits of the data sets as `read_sources` takes them."""
    return ",".join(source.revision for source in sources if source.revision)


def split_names(dataset: str) -> list[str]:
    """The data sets of "owner/a=0.7, owner/b=0.3", or of a single name, without shares."""
    return [name for name, _ in _entries(dataset)]


def absolute(text: str, folder: Path) -> str:
    """The same files with their paths resolved against a folder."""
    return ", ".join(str(folder / name) + (f"={share}" if share else "") for name, share in _paths(text))


def public_files(text: str) -> str:
    """The same files by their names alone, without the folders that hold them."""
    return ", ".join(Path(name).name + (f"={share}" if share else "") for name, share in _paths(text))


def shares(data: str, dataset: str) -> Mapping[str, float]:
    """Name -> share of the training rows. A single source has all; several without shares have equal ones.

    Raises:
        UserError: If only some have shares, the shares do not sum to 1, or a source is named twice.
    """
    entries = [*_paths(data), *_entries(dataset)]
    if not entries:
        raise UserError("There is no text: give files (data) or a Hub data set (dataset).")
    names = [name for name, _ in entries]
    given = [float(share) for _, share in entries if share]
    shown = ", ".join(name + (f"={share}" if share else "") for name, share in entries)[:200]
    if len(set(names)) < len(names):
        raise UserError(f"'{shown}' names a source twice: name each once, and give it the sum of the shares.")
    if not given:
        return dict.fromkeys(names, 1 / len(names))
    if len(given) < len(names) or min(given) <= 0 or abs(sum(given) - 1) > 0.001:
        raise UserError(
            f"'{shown}': give each source a share above 0, and shares that sum to 1, such as 'a=0.7, b=0.3'. "
            f"These sum to {sum(given):g}."
        )
    return {name: share / sum(given) for name, share in zip(names, given, strict=True)}


def _entries(text: str) -> list[tuple[str, str]]:
    """Name and share of each source, the share empty where none is given."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    return [(match["name"], match["share"]) if (match := SHARE.fullmatch(part)) else (part, "") for part in parts]


def _paths(text: str) -> list[tuple[str, str]]:
    """As `_entries`; without any share it is one path, which may hold commas."""
    entries = _entries(text)
    return entries if any(share for _, share in entries) else [(text, "")] if text else []


def _local(name: str, share: float) -> Source:
    path = Path(name)
    if path.is_dir():
        found = [each for each in sorted(path.rglob("*")) if each.is_file() and not _is_hidden(each, path)]
    else:
        found = [path] if path.is_file() else sorted(map(Path, glob.glob(name, recursive=True)))  # noqa: PTH207 - absolute too
        found = [each for each in found if each.is_file()]
        if not found:
            raise UserError(f"data: there is no file or folder {name}, and no file that it is a pattern of.")
    about = [(each, each.stat()) for each in found]
    shards = [Shard(str(each.resolve()), stat.st_size, str(stat.st_mtime_ns)) for each, stat in about]
    return _source(name, share, "", shards)


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)


def _of_hub(name: str, share: float, commit: str) -> Source:
    from training.data.streams.hub_shards import find_shards

    revision, shards = find_shards(name, commit)
    return _source(name, share, revision, shards)


def _source(name: str, share: float, revision: str, files: Sequence[Shard]) -> Source:
    """The files that can be read.

    Raises:
        UserError: If there are none, or they are of several formats.
    """
    readable = [each for each in files if each.format and not each.name.lower().startswith(("readme", "license"))]
    title = name if revision else Path(name).name or name
    if not readable:
        others = f" It holds {listed([each.name for each in files], 3)}." if files else ""
        raise UserError(
            f"{title}: there are no Parquet, JSONL or text files (.parquet, .jsonl, .txt, also .gz or .zst) to "
            f"read.{others}"
        )
    sizes = Counter[str]()
    for each in readable:
        sizes[each.format] += each.size_bytes
    [(kind, size), *_] = sizes.most_common()
    if size < MIN_SHARE_OF_FORMAT * sizes.total():
        raise UserError(
            f"{title} holds files of several formats ({', '.join(sorted(sizes))}): name those of one, by *.suffix."
        )
    shards = tuple(each for each in readable if each.size_bytes and each.format == kind)
    if not shards:
        raise UserError(f"{title}: {counted(len(readable), 'file')}, and all of them are empty.")
    return Source(name, share, revision, shards, tuple(each.name for each in readable if each not in shards))


def fingerprint(sources: Sequence[Source]) -> str:
    """Equal for sources of the same shards and shares."""
    digest = hashlib.sha256()
    for source in sources:
        digest.update(repr((source.name, source.share, source.revision, source.shards)).encode())
    return digest.hexdigest()[:32]
