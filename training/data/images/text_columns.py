"""Columns of texts beside images: class numbers become names, lists become one caption or several."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from training.data.arrow_texts import shared
from training.data.encoding import open_bytes
from training.data.table import Table
from training.preflight.sheet import Finding

CAPTION_WORDS = ("caption", "text", "sentence", "prompt", "description")  # in the name of a column
TEXT_FIELDS = ("raw", "caption", "text", "sentence")  # of records
CAPTION_LENGTH = 3  # words on average: shorter items of a list are tags, which are joined

ClassNames = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class TextColumns:
    """One text (or None) per row and column; of columns with several captions per row also all of them."""

    columns: dict[str, list[str | None]]
    several: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    notices: tuple[Finding, ...] = ()


def text_columns(table: Table, class_names: ClassNames, without: Sequence[str] = ()) -> TextColumns:
    """Return the columns that can be written as text.

    Args:
        class_names: Names of the classes of columns that hold their numbers.
        without: Columns that are left out.
    """
    columns: dict[str, list[str | None]] = {}
    several: dict[str, list[tuple[str, ...]]] = {}
    for name in (name for name in table.names if name not in without):
        items = _lists(table, name, class_names.get(name, ()))
        if items is not None and _are_captions(name, items):
            several[name] = [tuple(texts) for texts in items]
            columns[name] = [texts[0] if texts else None for texts in items]
        elif items is not None:
            columns[name] = [", ".join(texts) or None for texts in items]
        elif name in class_names:
            columns[name] = [_class_name(value, class_names[name]) for value in table.columns[name].to_pylist()]
        elif _is_plain(table.columns[name].type):
            columns[name] = shared(table.iter_strings(name))
    notices = tuple(Finding("green", *several_captions(name)) for name in several)
    return TextColumns(columns, several, notices)


def several_captions(column: str) -> tuple[str, str]:
    """Say what becomes of several captions."""
    title = f"The column {column!r} holds several captions per image"
    return title, "One of them is drawn each time that an image is trained on; it is evaluated with the first."


def parquet_class_names(path: Path) -> dict[str, list[str]]:
    """Read the names of the classes that `datasets` writes into the metadata of a Parquet file; none if damaged."""
    try:
        with open_bytes(path) as file:
            metadata = pq.read_schema(file).metadata or {}
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        named = {column: _names_of(feature) for column, feature in features.items()}
    except (KeyError, TypeError, ValueError, AttributeError, OSError, pa.ArrowException):
        return {}
    return {column: names for column, names in named.items() if names}


def _names_of(feature: Any) -> list[str]:
    """Return the names of a ClassLabel, also within a list; empty for other features."""
    if isinstance(feature, list):
        return _names_of(feature[0]) if feature else []
    if not isinstance(feature, dict):
        return []
    if feature.get("_type") == "ClassLabel":
        return [str(name) for name in feature.get("names") or ()]
    return _names_of(feature.get("feature"))


def _class_name(value: object, names: Sequence[str]) -> str | None:
    """Return the name of a class by its number; other texts as they are, None for the Hub's -1, "no label"."""
    if not isinstance(value, int):
        return None if value is None else str(value)
    return names[value] if 0 <= value < len(names) else None


def _lists(table: Table, name: str, names: Sequence[str]) -> list[list[str]] | None:
    """Return the texts of each row of a column of lists, or of records with a text; None for other columns."""
    values = table.columns[name]
    kind = values.type
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    item = kind.value_type if is_list else kind
    key = next((one for one in TEXT_FIELDS if pa.types.is_struct(item) and item.get_field_index(one) >= 0), "")
    if not (is_list and (_is_plain(item) or key)) and not key:
        return None
    rows = [row if is_list else [row] for row in values.to_pylist()]
    cells = [[cell.get(key) if key and cell else cell for cell in row or ()] for row in rows]
    texts = [[_class_name(cell, names) if names else cell for cell in row] for row in cells]
    return [[text for cell in row if cell is not None and (text := str(cell).strip())] for row in texts]


def _are_captions(name: str, items: Sequence[Sequence[str]]) -> bool:
    """Whether lists hold captions, each of which describes the image, or tags, which do so together."""
    if max(map(len, items), default=0) < 2:
        return False
    if any(word in name.lower() for word in CAPTION_WORDS):
        return True
    lengths = [len(text.split()) for texts in items for text in texts]
    return sum(lengths) >= CAPTION_LENGTH * max(1, len(lengths))


def _is_plain(kind: pa.DataType) -> bool:
    return not (pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
