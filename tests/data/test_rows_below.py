"""Empty rows, totals and notes that spreadsheets put below a table are no data."""

import pytest

from training.data.table import read_table
from training.data.tabular.rows_below import without_rows_below

ROWS = "".join(f"{'AB'[n % 2]},{n},{n * 3}\n" for n in range(30))


def read(tmp_path, below, rows=ROWS):
    path = tmp_path / "sales.csv"
    path.write_text(f"shop,sales,units\n{rows}{below}")
    return without_rows_below(read_table(path))


@pytest.mark.parametrize("below", ["Total,435,1305\n", "Gesamt:,435,1305\n", ",,\nSource: the office,,\n", ",,\n,,\n"])
def test_what_stands_below_the_rows_is_left_out_and_told(tmp_path, below):
    table = read(tmp_path, below)
    assert len(table) == 30 and table.strings("sales")[-1] == "29"
    assert table.notices[-1].level == "amber" and "left out" in table.notices[-1].title


@pytest.mark.parametrize("last", ["A,435,1305\n", "B,,\n", "C,1,\n", ",1,2\n"])
def test_a_last_row_of_data_stays(tmp_path, last):
    assert len(read(tmp_path, last)) == 31


def test_a_total_that_the_column_has_above_is_a_value(tmp_path):
    rows = "".join(f"{word},{n},2\n" for n in range(20) for word in ("Total", "Part"))
    assert len(read(tmp_path, "Total,9,9\n", rows)) == 41


def test_empty_rows_between_others_are_left_out(tmp_path):
    table = read(tmp_path, "A,1,2\n", ROWS + ",,\n")
    assert len(table) == 31 and table.lines[-1] == 33
    assert table.notices[-1].title == "1 empty row left out"
