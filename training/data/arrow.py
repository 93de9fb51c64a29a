"""Convert Arrow columns: plain types in place of encoded ones, class numbers to names, text, and JSON-ready cells."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

FEATURES = b"huggingface"  # key of the schema under which the library `datasets` stores the types of its columns


def plain_columns(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    """Return the columns by name: dictionaries and runs as their values, views and large types as the usual ones.

    Class numbers become class names where the schema's metadata lists them (`datasets.ClassLabel`).
    """
    names = class_names(table.schema)
    columns = zip(table.column_names, table.columns, strict=True)
    return {name: named(plain(values), names.get(name)) for name, values in columns}


def plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column in the plain type of its values: most compute functions know no other."""
    kind = values.type
    if isinstance(kind, pa.BaseExtensionType):
        return plain(pa.chunked_array([chunk.storage for chunk in values.chunks], kind.storage_type))
    if pa.types.is_dictionary(kind):
        return plain(pa.chunked_array([chunk.dictionary_decode() for chunk in values.chunks], kind.value_type))
    if pa.types.is_run_end_encoded(kind):
        compute: Any = pc
        return plain(compute.run_end_decode(values))
    target = _plain_type(kind)
    return values if target == kind else values.cast(target)


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string_view(kind) or pa.types.is_large_string(kind):
        return pa.string() if pa.types.is_string_view(kind) else kind
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_float16(kind):
        return pa.float32()
    if _is_list(kind) and not pa.types.is_map(kind):
        return pa.list_(_plain_type(kind.value_type))
    return kind


def _is_list(kind: pa.DataType) -> bool:
    tests = ("is_list", "is_large_list", "is_fixed_size_list", "is_list_view", "is_large_list_view")
    return any(getattr(pa.types, test)(kind) for test in tests)


def is_binary(kind: pa.DataType) -> bool:
    """Whether the cells are bytes without a text form."""
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)


def class_names(schema: pa.Schema) -> dict[str, list[str]]:
    """Return the names of the classes, by column, that `datasets` has written beside a Parquet file's columns."""
    try:
        features = json.loads((schema.metadata or {})[FEATURES])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    found = {name: _names_of(feature) for name, feature in features.items()} if isinstance(features, Mapping) else {}
    return {name: names for name, names in found.items() if names}


def _names_of(feature: Any) -> list[str] | None:
    """Return the class names of a feature, or of a list of such."""
    if isinstance(feature, list) and len(feature) == 1:
        return _names_of(feature[0])
    if not isinstance(feature, Mapping):
        return None
    names = feature.get("names")
    if feature.get("_type") == "ClassLabel" and isinstance(names, list):
        return [str(name) for name in names]
    return _names_of(feature.get("feature")) if "feature" in feature else None


def named(values: pa.ChunkedArray, names: Sequence[str] | None) -> pa.ChunkedArray:
    """Turn class numbers into names; a number without a name, such as -1 for "no label", becomes null."""
    if names is None:
        return values
    if pa.types.is_integer(values.type):
        return pa.chunked_array([_taken(chunk, names) for chunk in values.chunks], pa.string())
    if pa.types.is_list(values.type) and pa.types.is_integer(values.type.value_type):
        cells = [[_name(item, names) for item in cell] if cell is not None else None for cell in values.to_pylist()]
        return pa.chunked_array([pa.array(cells, pa.list_(pa.string()))])
    return values


def _taken(numbers: pa.Array, names: Sequence[str]) -> pa.Array:
    compute: Any = pc
    known = compute.and_(compute.greater_equal(numbers, 0), compute.less(numbers, len(names)))
    return pa.array(names, pa.string()).take(compute.if_else(known, numbers, None).cast(pa.int64()))


def _name(number: int | None, names: Sequence[str]) -> str | None:
    return names[number] if number is not None and 0 <= number < len(names) else None


def as_text(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Cast to strings; None for types without a text form (bytes, records)."""
    compute: Any = pc
    values = plain(values) if isinstance(values, pa.ChunkedArray) else values
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        if pa.types.is_nested(values.type.value_type) or is_binary(values.type.value_type):
            return None
        return compute.binary_join(values.cast(pa.list_(pa.string())), ", ")
    if pa.types.is_nested(values.type) or is_binary(values.type):
        return None
    if pa.types.is_floating(values.type):
        values = compute.if_else(compute.is_nan(values), None, values)
    if pa.types.is_duration(values.type):
        values = seconds_of(values)
    text = values if pa.types.is_large_string(values.type) else values.cast(pa.string())
    if pa.types.is_timestamp(values.type) or pa.types.is_time(values.type):
        return _short(text)
    return text


def _short(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Leave out zeros at the end of fractions of a second."""
    compute: Any = pc
    text = compute.replace_substring_regex(text, r"(\.\d*[1-9])0+([-+Z].*)?$", r"\1\2")
    return compute.replace_substring_regex(text, r"\.0+([-+Z].*)?$", r"\1")


def seconds_of(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return times of day and durations as seconds, float64."""
    compute: Any = pc
    unit = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[values.type.unit]
    number = values.cast(pa.int32()) if pa.types.is_time32(values.type) else values
    return compute.divide(number.cast(pa.int64()).cast(pa.float64()), unit)


def json_cells(values: pa.ChunkedArray) -> list[Any]:
    """Return cells that JSON can hold: dates, times and decimals as text, durations as seconds, no bytes."""
    kind = values.type
    if pa.types.is_duration(kind):
        return seconds_of(values).to_pylist()
    if pa.types.is_temporal(kind) or pa.types.is_decimal(kind):
        text = as_text(values)
        return text.to_pylist() if text is not None else [None] * len(values)
    if is_binary(kind):
        return [None if cell is None else f"({len(cell):,} bytes)" for cell in values.to_pylist()]
    return [_json_ready(cell) for cell in values.to_pylist()]


def _json_ready(cell: object) -> Any:
    if isinstance(cell, float):
        return None if math.isnan(cell) else cell if math.isfinite(cell) else str(cell)
    if cell is None or isinstance(cell, bool | int | str):
        return cell
    if isinstance(cell, bytes):
        return f"({len(cell):,} bytes)"
    if isinstance(cell, Mapping):
        return {str(name): _json_ready(value) for name, value in cell.items()}
    if isinstance(cell, list | tuple):
        return [_json_ready(value) for value in cell]
    return str(cell)


def spelled_cells(values: pa.ChunkedArray) -> list[str | None]:
    """Return every cell as text: as written in separated text, records as JSON, bytes in base 64."""
    text = as_text(values)
    if text is not None:
        return text.to_pylist()
    if is_binary(values.type):
        return [None if cell is None else base64.b64encode(cell).decode() for cell in values.to_pylist()]
    return [None if cell is None else json.dumps(_json_ready(cell), ensure_ascii=False) for cell in values.to_pylist()]
