"""Convert Arrow columns: dictionary-encoded ones to their values, any plain type to text."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def plain_columns(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    """Return the columns by name, dictionary-encoded ones as their values."""
    return {
        name: values.cast(values.type.value_type) if pa.types.is_dictionary(values.type) else values
        for name, values in zip(table.column_names, table.columns, strict=True)
    }


def as_text(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Cast to strings; None for types without a text form (bytes, records)."""
    compute: Any = pc
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        if pa.types.is_nested(values.type.value_type) or pa.types.is_binary(values.type.value_type):
            return None
        return compute.binary_join(values.cast(pa.list_(pa.string())), ", ")
    if pa.types.is_nested(values.type) or pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
        return None
    if pa.types.is_floating(values.type):
        values = compute.if_else(compute.is_nan(values), None, values)
    return values if pa.types.is_large_string(values.type) else values.cast(pa.string())
