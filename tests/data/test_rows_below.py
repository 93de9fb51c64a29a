"""Empty rows, totals and notes that spreadsheets put below a table are no data."""

import json

import pytest

from training.data.table import read_table
from training.data.tabular.rows_below import without_rows_below

ROWS = "".join(f"{'AB'[n % 2]},{n},{n * 3}\n" for n in range(30))


def read(tmp_path, below, rows=ROWS):
    path = tmp_path / "sales.csv"
    path.write_text(f"shop,sales,units\n{rows}{below}")
    return without_rows_below(read_table(path))


@pytest.mark.parametrize(
    "below",
    [
        "Total,435,1305\n",
        "Gesamt:,435,1305\n",
        ",,\nSource: the office,,\n",
        "Figures of the office,,\nExported on Monday,,\n",
        ",,\n,,\n",
    ],
)
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


@pytest.mark.parametrize("last", [10, 1])
def test_a_word_for_totals_that_the_column_has_again_is_a_value(tmp_path, last):
    rows = "".join(f"{level},{n},2\n" for level in ("alta", "baja", "media") for n in range(10))
    assert len(read(tmp_path, "media,7,2\n" * last, rows)) == 30 + last


def test_rows_of_a_name_alone_stay(tmp_path):
    rows = "".join(f"s{n},{n},2\n" for n in range(25))
    assert len(read(tmp_path, "s30,,\ns31,,\n", rows)) == 27
    people = "".join(f"Anna Smith-Miller {n},{n},2\n" for n in range(25))
    assert len(read(tmp_path, "Bob Ray,,\n", people)) == 26


def test_the_last_row_of_a_json_file_stays(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{"shop": "A", "sales": n, "units": n * 3} for n in range(30)]
    rows += [{"shop": "Total", "sales": 1, "units": 2}, {"shop": "Source: the office", "sales": None, "units": None}]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert len(without_rows_below(read_table(path))) == 32
