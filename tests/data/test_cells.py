"""What a cell means: numbers, dates, times, booleans and missing words of many countries and programs, one by one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.files import write
from training.data.arrow import FEATURES, spelled_cells
from training.data.table import Table, read_table
from training.data.tabular.booleans import merged_spellings, same_value
from training.data.tabular.column_findings import columns_found
from training.data.tabular.column_types import Column, guess_column_types
from training.data.tabular.dates import DateFormat, parse_date, spell_date
from training.data.tabular.encoder import TableEncoder
from training.data.tabular.numbers import NumberFormat, parse_clock, parse_number, spell_number, to_numbers
from training.data.tabular.scaling import Scaler

ONE_WAY = {
    "1.234,50": 1234.5, "1,234.50": 1234.5, "2\u202f019,91": 2019.91, "2\u00a0019.91": 2019.91, "2'019.91": 2019.91,
    "2’019.91": 2019.91, "(2,019.91)": -2019.91, "-$2,019.91": -2019.91, "$-5": -5, "1234.50-": -1234.5,
    "\u22125": -5, "1,23,456.50": 123456.5, "12.3 USD": 12.3, "R$ 1.234,50": 1234.5, "10,00 €": 10, "1.4k": 1400,
    "5 M€": 5e6, "3 Mio": 3e6, "1.234.567": 1234567, "1,234,567": 1234567, "0,125": 0.125, "0.125": 0.125,
    "1434.50": 1434.5, "1434,5": 1434.5, "+5": 5, "1E-310": 1e-310, "9e307": 9e307, "٣٫٥": 3.5, "12%": 12.0,
    "CHF 1'000.50": 1000.5, "-1.5e3": -1500, "True": 1, "FALSE": 0, "-inf": -np.inf, "1 234 567": 1234567,
    "$ (1,234.50)": -1234.5, "$ -": 0, "- €": 0, "1.000.000.000": 1e9, "2.100.200.150": 2100200150,
}  # fmt: skip


@pytest.mark.parametrize("decimal", [".", ","])
@pytest.mark.parametrize("cell", ONE_WAY)
def test_a_cell_of_one_reading_has_it_in_every_column(cell: str, decimal: Any) -> None:
    parsed = parse_number(cell, NumberFormat(decimal=decimal))
    assert parsed is not None and parsed.value == pytest.approx(ONE_WAY[cell], rel=1e-15)


def test_the_column_decides_what_a_cell_leaves_open() -> None:
    point, comma = NumberFormat(decimal="."), NumberFormat(decimal=",")
    values = [parse_number(cell, form) for cell in ("1.234", "1,234") for form in (point, comma)]
    assert [one.value for one in values if one] == [1.234, 1234, 1234, 1.234]


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "abc",
        "1.2.3",
        "--5",
        "12-13",
        "12 34",
        "1,2,3",
        "5e",
        "12 kg",
        "(5",
        "1.23.456",
        "#DIV/0!",
    ],
)
def test_what_is_no_number_is_none(cell: str) -> None:
    assert parse_number(cell, NumberFormat()) is None


def test_a_unit_is_the_columns_own() -> None:
    kg = NumberFormat(unit="kg")
    assert [parse_number(cell, kg) for cell in ("12 kg", "12kg")] and parse_number("500 g", kg) is None


def test_a_number_is_read_alike_alone_and_among_others() -> None:
    cells = [*ONE_WAY, "1.234", "1,234", "7", "7.5", "oops", None]
    for form in (NumberFormat(), NumberFormat(decimal=",")):
        together = to_numbers(pa.chunked_array([pa.array(cells)]), form)
        alone = [to_numbers(pa.chunked_array([pa.array([cell], pa.string())]), form) for cell in cells]
        assert np.array_equal(together[0], [one[0][0] for one in alone], equal_nan=True)
        assert together[1].tolist() == [bool(one[1][0]) for one in alone]


@pytest.mark.parametrize(
    ("cell", "decimal"),
    [("1.234,50", ","), ("2\u202f019,91", ","), ("2’019.91", "."), ("-$2,019.91", "."), ("20,1 %", ","),
     ("R$ 1.234,50", ","), ("12.3 USD", "."), ("200.000", ",")],
)  # fmt: skip
def test_a_number_is_written_as_it_was_read(cell: str, decimal: Any) -> None:
    parsed = parse_number(cell, NumberFormat(decimal=decimal))
    assert parsed is not None
    spelling = {"group": parsed.group, "decimals": parsed.decimals, "before": parsed.before, "after": parsed.after}
    assert spell_number(parsed.value, NumberFormat(decimal=decimal, **spelling)) == cell


DATES = {
    "03/15/2024 12:30:10": "2024-03-15T12:30:10", "15/03/2024 12:30:10": "2024-03-15T12:30:10",
    "15.03.2024 12:30:10": "2024-03-15T12:30:10", "2024/03/15 12:30": "2024-03-15T12:30:00",
    "15-03-2024 12:30": "2024-03-15T12:30:00", "03/15/2024 07:00 PM": "2024-03-15T19:00:00", "15.03.24": "2024-03-15",
    "15 Mar 2024": "2024-03-15", "15. März 2024": "2024-03-15", "15 de marzo de 2024": "2024-03-15",
    "March 15, 2024 3:04 PM": "2024-03-15T15:04:00", "Fri, 15 Mar 2024 07:00:13 +0000": "2024-03-15T07:00:13",
    "2024-03-15 07:00:13 UTC": "2024-03-15T07:00:13", "20240315T070013Z": "2024-03-15T07:00:13", "20240315": "2024-03-15",
    "2024-03-15T13:00:00+02:00": "2024-03-15T11:00:00", "2024-03-15T07:00:00-0400": "2024-03-15T11:00:00",
    "15-Mar-24": "2024-03-15", "2024年3月15日": "2024-03-15", "15/Mar/2024:07:00:13 +0100": "2024-03-15T06:00:13",
    "Fri Mar 15 2024 07:00:13 GMT+0100 (CET)": "2024-03-15T06:00:13", "1710486013": "2024-03-15T07:00:13",
}  # fmt: skip


@pytest.mark.parametrize("cell", DATES)
def test_a_date_is_read_in_any_common_spelling(cell: str) -> None:
    parsed = parse_date(cell, "mdy")
    assert parsed is not None and parsed.seconds == np.datetime64(DATES[cell], "s").astype(int)
    if parsed.spelling:
        assert spell_date(parsed.seconds, DateFormat("mdy", parsed.spelling, parsed.offset or 0)) == cell


@pytest.mark.parametrize(
    "cell", ["2024-02-30", "1.2.3", "12:30", "hello", "2024-13-01", "31/31/2024", "2024-01-01 25:00"]
)
def test_what_is_no_date_is_none(cell: str) -> None:
    assert parse_date(cell, "mdy") is None


def test_times_of_day_and_durations_are_seconds() -> None:
    cells = {"09:32": 34320, "9:32 PM": 77520, "26:15:00": 94500, "1 days 02:00:00": 93600, "00:00:01.5": 1.5}
    assert {cell: one.value for cell in cells if (one := parse_clock(cell))} == cells
    assert parse_clock("12:75") is None


def test_yes_and_no_are_one_vocabulary_in_any_spelling() -> None:
    assert [same_value(word, ("True", "False")) for word in ("TRUE", "true", "1", "no")] == [
        "True",
        "True",
        "True",
        "False",
    ]
    assert same_value("yes", ("t", "f")) == "t" and same_value("yes", ("red", "blue")) is None
    assert merged_spellings({"True": 9, "TRUE": 2, "0": 5}) == {"True": "True", "TRUE": "True", "0": "0"}
    assert merged_spellings({"T": 1, "F": 2, "Y": 3, "N": 4}) == {"T": "T", "F": "F", "Y": "Y", "N": "N"}  # codes


# -- columns ---------------------------------------------------------------------------------------------------------------


def table(tmp_path: Path, lines: str, name: str = "a.csv") -> Table:
    return read_table(write(tmp_path / name, lines))


def fitted(table: Table, **options: Any) -> tuple[TableEncoder, dict[str, Column], str]:
    """The encoder, also from JSON, its columns and what is amber on the sheet."""
    encoder = TableEncoder.fit(table, guess_column_types(table, **options))
    encoder = TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    said = "; ".join(f"{one.title}: {one.detail}" for one in columns_found(table, encoder) if one.level == "amber")
    return encoder, {column.name: column for column in encoder.kinds}, said


def values(encoder: TableEncoder, table: Table, name: str) -> np.ndarray:
    place = next(n for n, feature in enumerate(encoder.numbers) if feature.column == name)
    return encoder.numbers[place].scaler.restored(encoder.encode(table).numbers[:, place])


def test_european_thousands_are_told_by_the_other_columns(tmp_path: Path) -> None:
    rows = "".join(f"{n * 7 + 3}.{n:03d};{n % 9},5{n % 3}\n" for n in range(60))
    read = table(tmp_path, "einwohner;anteil\n" + rows)
    encoder, columns, said = fitted(read)
    assert columns["einwohner"].numbers.decimal == "," and "leave open" not in said
    assert values(encoder, read, "einwohner")[:2] == pytest.approx([3000, 10001], rel=1e-4)


def test_thousands_that_nothing_shows_are_said_to_be_open(tmp_path: Path) -> None:
    read = table(tmp_path, "a;b\n" + "".join(f"{n + 1}.{(37 * n) % 1000:03d};{'xyz'[n % 3]}\n" for n in range(60)))
    assert "leave open whether '.' is a decimal sign" in fitted(read)[2]


def test_per_cent_and_shares_are_one_value_and_said(tmp_path: Path) -> None:
    read = table(tmp_path, "a,b\n" + "".join(f"{30 + n}.0%,{n % 7}\n0.{30 + n}0,{n % 5}\n" for n in range(40)))
    encoder, _, said = fitted(read)
    found = values(encoder, read, "a")
    assert found[0] == pytest.approx(0.3, abs=1e-5) and found[0] == found[1] and "per cent sign" in said


def test_integers_beyond_two_to_the_53_stay_apart_in_every_format(tmp_path: Path) -> None:
    accounts = [1234567890123456700 + 11 * (n % 6) for n in range(90)]
    pq.write_table(pa.table({"account": accounts, "x": [n % 7 / 3 for n in range(90)]}), tmp_path / "a.parquet")
    text = table(tmp_path, "account,x\n" + "".join(f"{one},{n % 7 / 3}\n" for n, one in enumerate(accounts)))
    typed = read_table(tmp_path / "a.parquet")
    encoder, columns, _ = fitted(text)
    assert columns["account"].kind == "category" and len(encoder.categories[0].values) == 6
    assert fitted(typed)[1]["account"].kind == "category"
    assert np.array_equal(encoder.encode(text).categories, encoder.encode(typed).categories)
    assert not encoder.encode(typed).unseen.any()


@pytest.mark.parametrize("unit", [1e-310, 1e-13, 1.0, 1e160, 1e307])
def test_a_scale_is_measured_in_any_unit(unit: float) -> None:
    numbers = np.random.default_rng(0).normal(10, 2, 500)
    usual = Scaler.fit(numbers, "auto").scaled(numbers)
    scaler = Scaler.fit(numbers * unit, "auto")
    assert scaler.scaled(numbers * unit) == pytest.approx(usual, abs=1e-3)
    assert scaler.restored(usual) == pytest.approx(numbers * unit, rel=1e-4, abs=0)


def test_one_cell_far_out_does_not_flatten_the_others() -> None:
    numbers = np.append(np.random.default_rng(0).normal(10, 2, 500), 1e308)
    assert Scaler.fit(numbers, "auto").scaled(numbers)[:-1].std() > 0.5


def test_words_for_missing_are_values_where_the_user_says_so(tmp_path: Path) -> None:
    rows = "".join(f"{('NA', 'BW', 'DE')[n % 3]},{'A' if n % 2 else '-'},{n % 7 / 3}\n" for n in range(60))
    read = table(tmp_path, "country,grade,x\n" + rows)
    _, _, said = fitted(read)
    assert "20 cells of 'country' counted as missing: 'NA': Where they are values: literal_columns: country" in said
    encoder, _, said = fitted(read, literal=["country", "grade"])
    vocabularies = {feature.column: set(feature.values) for feature in encoder.categories}
    assert vocabularies == {"country": {"NA", "BW", "DE"}, "grade": {"A", "-"}} and "count as missing" not in said


def test_errors_of_spreadsheets_are_missing_and_counted(tmp_path: Path) -> None:
    cells = [("#DIV/0!", "<NA>", "1.#QNAN")[n % 3] if n % 10 == 0 else f"{n / 7:.4f}" for n in range(90)]
    _, columns, said = fitted(table(tmp_path, "v,x\n" + "".join(f"{one},{n % 8}\n" for n, one in enumerate(cells))))
    assert columns["v"].kind == "number" and columns["v"].unread == 0
    assert "3 errors of a spreadsheet in 'v': '#DIV/0!'" in said


def test_dates_that_are_not_read_are_counted(tmp_path: Path) -> None:
    cells = ["soon" if n == 5 else f"{n % 28 + 1:02d}/05/2024 {9 + n % 8:02d}:30:10" for n in range(60)]
    read = table(tmp_path, "when,x\n" + "".join(f"{one},{n % 7 / 3}\n" for n, one in enumerate(cells)))
    encoder, columns, said = fitted(read)
    assert columns["when"].unread == 1 and "1 cell of 'when' counted as missing: not a date" in said
    assert columns["when"].dates.order == "dmy"
    assert {feature.part for feature in encoder.numbers if feature.column == "when"} >= {"day", "hour_sin"}


def test_an_instant_is_one_value_in_every_format(tmp_path: Path) -> None:
    stamps = np.datetime64("2024-06-01T08:00") + np.arange(60) * np.timedelta64(613, "m")
    east = [f"{stamp + np.timedelta64(120, 'm')}:00+02:00" for stamp in stamps]
    lines = "".join(f"{one},{n % 7}\n" for n, one in enumerate(east))
    text = table(tmp_path, "at,x\n" + lines)
    typed = pa.array(stamps.astype("datetime64[us]"), pa.timestamp("us", "Europe/Berlin"))
    pq.write_table(pa.table({"at": typed, "x": [n % 7 for n in range(60)]}), tmp_path / "a.parquet")
    records = "".join(json.dumps({"at": f"{stamp}:00Z", "x": n % 7}) + "\n" for n, stamp in enumerate(stamps))
    encoder = fitted(text)[0]
    for other in (read_table(tmp_path / "a.parquet"), read_table(write(tmp_path / "a.jsonl", records))):
        assert np.array_equal(encoder.encode(text).numbers, encoder.encode(other).numbers)


def test_every_arrow_type_is_read_or_left_out_with_a_word(tmp_path: Path) -> None:
    rows, base = 60, np.arange(60)
    columns = {
        "view": pa.array([f"v{n % 5}" for n in base], pa.string_view()),
        "decimal": pa.array([f"{n / 7:.2f}" for n in base], pa.string()).cast(pa.decimal128(8, 2)),
        "date": pa.array(base.astype("datetime64[D]")),
        "stamp": pa.array((base * 3601).astype("datetime64[s]")),
        "length": pa.array((base * 7).astype("timedelta64[s]")),
        "time": pa.array(base * 61 * 10**6, pa.time64("us")),
        "half": pa.array(base.astype(np.float16) / 7),
        "bytes": pa.array([bytes([n]) for n in base]),
        "coded": pa.array([f"v{n % 5}" for n in base]).dictionary_encode(),
        "list": pa.array([[n % 3, 2] for n in base]),
        "record": pa.array([{"a": int(n)} for n in base]),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    read = read_table(tmp_path / "a.parquet")
    json.dumps(read.head(rows))
    _, kinds, said = fitted(read)
    assert {name: column.kind for name, column in kinds.items()} == {
        "view": "category", "decimal": "number", "date": "date", "stamp": "date", "length": "number", "time": "number",
        "half": "number", "bytes": "ignore", "coded": "category", "list": "category", "record": "ignore",
    }  # fmt: skip
    assert "'bytes' is left out: holds binary" in said
    assert spelled_cells(read.column("bytes"))[1] == "AQ==" and spelled_cells(read.column("record"))[1] == '{"a": 1}'


def test_class_numbers_become_the_names_in_the_files_metadata(tmp_path: Path) -> None:
    feature = {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
    data = pa.table({"label": [1, 0, -1]}).replace_schema_metadata(
        {FEATURES: json.dumps({"info": {"features": feature}})}
    )
    pq.write_table(data, tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").strings("label") == ["dog", "cat", None]


def test_columns_saved_by_earlier_versions_are_still_read() -> None:
    old = {"name": "a", "kind": "number", "reason": "", "unread": 0, "decimal_comma": True}
    assert Column.from_dict(old).numbers.decimal == ","
    assert Column.from_dict({**old, "kind": "date"}, day_first=True).dates.order == "dmy"
