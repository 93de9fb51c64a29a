"""Files that tests of reading write, read and see refused."""

from pathlib import Path

import pytest

from training.data.table import Table, read_table
from training.errors import UserError

SHARED = Path(__file__).parents[1].parent / "shared"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the data sets are not beside this checkout")


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows_of(table: Table) -> list[tuple]:
    return [tuple(row.values()) for row in table.head(len(table))]


def refusal(path: Path, **limits: int) -> str:
    with pytest.raises(UserError) as caught:
        read_table(path, **limits)
    assert str(path.parent) not in str(caught.value)
    return str(caught.value)
