"""Sample data that ship with a plugin, and `sample:NAME`, which names them in place of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.errors import UserError
from training.settings import SAMPLE

NAME = re.compile(r"[a-z][a-z0-9-]{1,39}")


@dataclass(frozen=True)
class Sample:
    """Data to train a kind on without files of one's own.

    Args:
        name: Identifier, as in sample:spam.
        title: What a list shows.
        about: What the data are, how many, and what can be learned from them: one or two sentences.
        files: File field of the kind's settings -> the file, `data` among them.
        source: Who made the data, and where.
        license: Its SPDX identifier, or "public domain".
        settings: Settings that go with the data, where they are not chosen otherwise.
    """

    name: str
    title: str
    about: str
    files: Mapping[str, Path]
    source: str
    license: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"Sample {self.name!r}: the name must match {NAME.pattern}.")
        if "data" not in self.files:
            raise ValueError(f"Sample {self.name!r}: files need a file for data.")

    @property
    def value(self) -> str:
        """What a file field holds to mean this sample."""
        return f"{SAMPLE}{self.name}"


def is_sample(value: object) -> bool:
    """Whether a value of a file field names a sample."""
    return isinstance(value, str) and value.startswith(SAMPLE)


def with_sample(samples: Sequence[Sample], files: Sequence[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Put a sample's files and settings in place of its name.

    `data` may be sample:NAME: the sample's other files and its settings come with it, unless `values` has those
    fields, be they empty. Another file field that names a sample has that sample's file of this field.

    Args:
        samples: Those of the kind.
        files: The kind's file fields.
        values: Values of settings, as they were given.

    Raises:
        UserError: If there is no such sample, or it has no file for the field.
    """
    chosen = {name: _find(samples, name, values[name]) for name in files if is_sample(values.get(name))}
    paths = {name: _file(sample, name) for name, sample in chosen.items()}
    if "data" not in chosen:
        return {**values, **paths}
    sample = chosen["data"]
    return {**sample.settings, **{name: str(path) for name, path in sample.files.items()}, **values, **paths}


def _find(samples: Sequence[Sample], field: str, value: str) -> Sample:
    sample = next((sample for sample in samples if sample.value == value), None)
    if sample is None:
        known = f"there are: {', '.join(sample.value for sample in samples)}" if samples else "there is none"
        raise UserError(f"{field}: {value[:80]!r} is no sample of this kind; {known}.")
    return sample


def _file(sample: Sample, field: str) -> str:
    if field not in sample.files:
        raise UserError(f"{field}: {sample.value} has no file for it; it has: {', '.join(sample.files)}.")
    return str(sample.files[field])
