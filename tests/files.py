"""Files that tests of reading write, read and see refused."""

from pathlib import Path

import pytest

from training.data.table import Table, read_table
from training.errors import UserError

BAD_INPUTS = Path(__file__).parent / "bad_inputs"  # made-up files, each wrong or odd in one way; its README says how
PUBLISHED = Path(__file__).parents[1].parent / "shared" / "data"
NO_PUBLISHED_DATA = "the published data sets are not beside this checkout"
needs_published = pytest.mark.skipif(not PUBLISHED.is_dir(), reason=NO_PUBLISHED_DATA)


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
