"""Column types of a table: number, category, date, constant or ignored; guessed, unless the user sets them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.tabular import dates
from training.data.tabular.booleans import merged_spellings
from training.data.tabular.cells import EXACT, category_text, clean_text, is_clock, is_number, plain_numbers
from training.data.tabular.dates import DateFormat, fit_dates, looks_like_dates, to_seconds
from training.data.tabular.missing import MISSING, UNKNOWN
from training.data.tabular.number_fitting import SHARE_LIMIT, NumberCells
from training.data.tabular.numbers import NumberFormat, to_numbers
from training.errors import UserError

if TYPE_CHECKING:
    from training.data.table import Table

Kind = Literal["number", "category", "date", "constant", "ignore"]
COLUMN_TYPES = ("number", "category", "date", "ignore")  # that a user can set
ID_NAME = re.compile(r"(^|_|\b)(id|uuid|guid|index|row|rowid|key)$", re.IGNORECASE)
OCTET = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"  # of an address; 000 and 050 are thousands
MIN_READABLE = 0.95  # share of the filled cells that must parse as numbers or dates
MIN_DOUBTFUL = 0.3  # share of them from which on it is said that the others do not
MAX_WORDS_AMONG, MIN_NUMBERS_A_WORD = 3, 8  # different words for "missing" in a column, and numbers for each
MIN_SENTINELS = 0.005  # share of cells that have a number which may stand for "missing"
COMPACT_LENGTHS = (8, 14)  # of dates that are digits alone
MIN_ROWS_FOR_ID = 20  # below which distinct values do not show that a column is an id
PLAIN_NUMBERS, ISO_DATES = NumberFormat(), DateFormat()
MAX_WORDS = 4.0  # per cell, above which distinct texts are prose


@dataclass(frozen=True)
class Column:
    """The type of one column.

    Args:
        kind: "constant" columns are only monitored for change; "ignore" is left out.
        reason: Why, for the user; empty where it is obvious.
        unread: Number of filled cells that do not parse and count as missing.
        numbers, dates: How the cells of a number or a date are read and written.
        literal: Whether NA, None, - and the like are values and not missing.
        numeric: Whether the values of a category are numbers, so that 1,50 and 1.5 are one.
        doubts: What the cells leave open, for the user: (title, detail) each.
    """

    name: str
    kind: Kind
    reason: str = ""
    unread: int = 0
    numbers: NumberFormat = PLAIN_NUMBERS
    dates: DateFormat = ISO_DATES
    literal: bool = False
    numeric: bool = False
    doubts: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], day_first: bool = False) -> Column:
        """Restore a column from `asdict`, also after JSON, or from what earlier versions saved.

        Args:
            day_first: What earlier versions saved beside the columns.
        """
        found = dict(values)
        comma = found.pop("decimal_comma", False)
        numbers = NumberFormat(**found.pop("numbers", {"decimal": "," if comma else "."}))
        written = DateFormat(**found.pop("dates", {"order": "dmy" if day_first else "mdy"}))
        doubts = tuple((str(title), str(detail)) for title, detail in found.pop("doubts", ()))
        return cls(**found, numbers=numbers, dates=written, doubts=doubts)


def parse_column_types(words: str, names: Sequence[str]) -> dict[str, Kind]:
    """Parse "zip=category, note=ignore".

    Raises:
        UserError: For a part of another form, a kind or a column that there is not.
    """
    types: dict[str, Kind] = {}
    for part in filter(None, (text.strip() for text in words.split(","))):
        name, equals, kind = (text.strip() for text in part.rpartition("="))
        if not equals or kind not in COLUMN_TYPES:
            raise UserError(f"columns: {part!r} was given; write NAME=KIND, the kind one of {', '.join(COLUMN_TYPES)}.")
        if name not in names:
            raise UserError(f"columns: there is no column {name!r}; there are: {', '.join(names[:40])}.")
        types[name] = kind  # type: ignore[assignment]
    return types


def guess_column_types(
    table: Table,
    said: Mapping[str, Kind] | None = None,
    *,
    skip: Sequence[str] = (),
    missing: Sequence[str] = MISSING,
    literal: Sequence[str] = (),
) -> list[Column]:
    """Guess the type of every column except those of `skip`; types set by the user take precedence.

    Args:
        literal: Columns in which the words for "missing" are values.
    """
    said = said or {}
    guesses = []
    for name in table.names:
        if name not in skip:
            read = partial(table.column, name)
            guesses.append(Guess(name, read, said.get(name), ("",) if name in literal else missing, name in literal))
            guesses[-1].forget()
    signs = {sign for guess in guesses if (sign := guess.decimal_sign())}
    if not signs and _is_comma_separated(table):
        signs = {"."}
    orders = {order for guess in guesses if (order := guess.date_order())}
    of_table = (signs.pop() if len(signs) == 1 else "", orders.pop() if len(orders) == 1 else "")
    return [guess.column(*of_table) for guess in guesses]


def _is_comma_separated(table: Table) -> bool:
    """Whether commas separate the cells: then whoever wrote the file hardly writes decimal commas."""
    said = next((notice.title for notice in table.notices if notice.title.startswith("Separator ")), "")
    return said.startswith("Separator , ") or (not said and ".csv" in table.source.lower())


class Guess:
    """One column and what it may be: its own cells first, then what other columns show of the table's spellings."""

    def __init__(
        self,
        name: str,
        read: Callable[[], pa.ChunkedArray],
        said: Kind | None,
        missing: Sequence[str],
        literal: bool,
    ):
        self.name, self.read, self.missing, self.literal = name, read, missing, literal
        self.said: Kind | None = said
        self.is_typed = is_number(self.values.type) or is_clock(self.values.type)
        self.is_ignored = said == "ignore"
        self.is_plain = self.filled is not None and _are_floats(self.filled)
        self.date_sample = self._date_sample()
        self.is_date = self._is_date()
        has_cells = self.filled is not None and len(self.filled) and not self.is_date and said != "category"
        is_address = said is None and not self.is_plain and self.filled is not None and _are_addresses(self.filled)
        self.cells = NumberCells.of(self._read_filled) if has_cells and not is_address else None

    @cached_property
    def values(self) -> pa.ChunkedArray:
        """The cells."""
        return self.read()

    @cached_property
    def text(self) -> pa.ChunkedArray | None:
        """The cells as text; None of numbers, and of what has no text form."""
        return None if self.is_typed or self.is_ignored else clean_text(self.values, self.missing)

    @cached_property
    def filled(self) -> pa.ChunkedArray | None:
        """Those that are not missing."""
        return None if self.text is None else self.text.drop_null()

    def _read_filled(self) -> pa.ChunkedArray:
        assert self.filled is not None
        return self.filled

    def forget(self) -> None:
        """Keep no cells; they are read again when they are needed, so that one column is in memory at a time."""
        for name in ("values", "text", "filled"):
            self.__dict__.pop(name, None)

    def decimal_sign(self) -> str:
        """What the column shows of the table's decimal sign; empty where it is no number, or leaves it open."""
        return self.cells.evidence.sign if self.cells and self.cells.readable >= MIN_READABLE else ""

    def date_order(self) -> str:
        """What the column shows of the table's order of day, month and year; empty where it leaves it open."""
        if not self.is_date or not self.date_sample:
            return ""
        form, doubts = fit_dates(self.date_sample)
        shown = any(len(one.orders) == 1 for cell, _ in self.date_sample if (one := dates.parse_date(cell, "mdy")))
        return form.order if shown and not doubts else ""

    def column(self, decimal: str, order: str) -> Column:
        """Judge the column."""
        made = self._judged(decimal, order)
        self.forget()
        return replace(made, literal=self.literal)

    def _judged(self, decimal: str, order: str) -> Column:
        if self.is_ignored:
            return Column(self.name, "ignore", "as you said")
        if self.is_typed:
            return self._typed_numbers()
        if self.text is None or self.filled is None:
            return Column(self.name, "ignore", f"holds {self.values.type}")
        if not len(self.filled):
            return Column(self.name, "ignore", "empty in every row")
        if self.is_date:
            return self._dates(self.text, order)
        return self._numbers_or_categories(self.text, self.filled, decimal)

    def _is_date(self) -> bool:
        """Whether at least 95 % of the filled cells are read as dates, or the user says so."""
        if self.said == "date" or (self.said is None and _is_date_type(self.values.type)):
            return True
        read = sum(count for cell, count in self.date_sample if dates.parse_date(cell, "mdy"))
        return bool(self.date_sample) and read >= MIN_READABLE * sum(count for _, count in self.date_sample)

    def _date_sample(self) -> list[tuple[str, int]]:
        """Distinct cells by which dates are judged, each with its count; none where the column has no dates."""
        if self.filled is None or not len(self.filled) or self.said not in (None, "date"):
            return []
        if self.said is None:
            if self.is_plain and not _has_lengths(self.filled, COMPACT_LENGTHS):
                return []
            if not looks_like_dates(self.filled, MIN_READABLE) or _is_long_number(self.filled):
                return []
        return dates.sample(self.filled)

    def _dates(self, text: pa.ChunkedArray, order: str) -> Column:
        if _is_date_type(self.values.type):
            is_constant = not self.values.null_count and len(self.values.unique()) == 1
            if is_constant and self.said is None:
                return self._categories("")
            return Column(self.name, "date", dates=DateFormat(spelling=_arrow_spelling(self.values.type)))
        form, doubts = fit_dates(self.date_sample or dates.sample(text.drop_null()), order)
        seconds, is_unread = to_seconds(self.values, text, form)
        if self.said is None and not np.isnan(seconds).any() and len(np.unique(seconds)) == 1:
            return self._categories("")
        unread = int(is_unread.sum())
        said = tuple((f"Dates of {self.name!r} {title}", detail) for title, detail in doubts)
        return Column(self.name, "date", unread=unread, dates=form, doubts=said)

    def _typed_numbers(self) -> Column:
        numbers = plain_numbers(self.values)
        if self.said == "date":
            text = clean_text(self.values.cast(pa.string()) if pa.types.is_integer(self.values.type) else self.values)
            return self._dates(text, "") if text is not None else Column(self.name, "ignore", "holds no dates")
        if self.said == "category":
            return self._categories("")
        if self.said is None and _is_compact_date(self.values):
            return self._dates(self.values.cast(pa.string()), "")
        decimals = 0 if pa.types.is_integer(self.values.type) else -1
        if is_clock(self.values.type):
            return self._judge_numbers(numbers, 0, NumberFormat(clock=True, after=":00"), ())
        largest = np.abs(numbers[np.isfinite(numbers)]).max(initial=0.0)
        form = NumberFormat(percent="share" if largest <= SHARE_LIMIT else "points", decimals=decimals)
        return self._judge_numbers(numbers, 0, form, ())

    def _numbers_or_categories(self, text: pa.ChunkedArray, filled: pa.ChunkedArray, decimal: str) -> Column:
        if self.cells is None:
            return self._categories("")
        if self.said is None and _are_phone_numbers(filled):
            return self._categories("")
        form, doubts = self.cells.fit(decimal)
        numbers, unread = to_numbers(text, form)
        readable = 1 - unread.sum() / len(filled)
        if self.said == "number" or (self.said is None and readable >= MIN_READABLE):
            doubts += [] if self.said else _codes(filled)
            said = tuple((title.format(name=repr(self.name)), detail) for title, detail in doubts)
            return self._judge_numbers(numbers, int(unread.sum()), form, said)
        if readable < MIN_DOUBTFUL:
            return self._categories("")
        if self.said is None and not self.literal and (words := _words_among(text.filter(pa.array(unread)), numbers)):
            title = f"Words among the numbers of {self.name!r}: {', '.join(map(repr, words))}"
            doubts.append((title, f"They count as missing; columns: {self.name}=category reads all as categories."))
            said = tuple((title.format(name=repr(self.name)), detail) for title, detail in doubts)
            return self._judge_numbers(numbers, int(unread.sum()), form, said)
        example = text.filter(pa.array(unread)).drop_null()[0].as_py()[:40]
        return self._categories(f"{readable:.0%} of its cells are numbers, others such as {example!r} are not")

    def _judge_numbers(
        self, numbers: np.ndarray, unread: int, form: NumberFormat, doubts: tuple[tuple[str, str], ...]
    ) -> Column:
        name, said = self.name, self.said
        filled = numbers[~np.isnan(numbers)]
        if not len(filled):
            return Column(name, "ignore", "empty in every row")
        if said is None and self._lose_digits(filled):
            return self._categories("")
        distinct = np.unique(filled)
        if len(distinct) == 1 and len(filled) == len(numbers):
            return Column(name, "constant", f"always {distinct[0]:g}")
        if said is None and _is_id(name, filled, distinct):
            return Column(name, "ignore", "another whole number in every row: an id")
        if said or len(distinct) > 2:
            doubts = (*doubts, *_sentinel(name, filled, distinct))
            return Column(name, said or "number", "", unread, form, doubts=doubts)
        if self.cells and self.cells.has_words:
            return self._categories("")
        return Column(name, "category", "two values", numbers=form, doubts=doubts, numeric=not form.clock)

    def _lose_digits(self, filled: np.ndarray) -> bool:
        """Whether whole numbers are too long for floats, which would make one of several."""
        if pa.types.is_floating(self.values.type) or not (np.abs(filled[np.isfinite(filled)]) > EXACT).any():
            return False
        text = category_text(self.values, Column(self.name, "category"), self.missing).drop_null()
        compute: Any = pc
        is_whole = compute.all(compute.match_substring_regex(text, r"^[-+]?\d+$")).as_py()
        return bool(is_whole) and len(compute.unique(text)) > len(np.unique(filled))

    def _categories(self, doubt: str) -> Column:
        compute: Any = pc
        name = self.name
        text = category_text(self.values, Column(name, "category", literal=self.literal), self.missing)
        filled = text.drop_null()
        if not len(filled):
            return Column(name, "ignore", "empty in every row")
        distinct = len(compute.unique(filled))
        if distinct <= 50:  # more words for yes and no there are not
            distinct = len(set(merged_spellings(dict(_counts(filled))).values()))
        if distinct == 1 and self.said is None:
            return Column(name, "constant", f"always {filled[0].as_py()[:40]!r}")
        if self.said is None and len(filled) >= MIN_ROWS_FOR_ID and distinct > 0.9 * len(filled):
            words = compute.mean(compute.count_substring(filled, " ")).as_py() + 1
            reason = "prose" if words > MAX_WORDS else "another value in nearly every row: an id"
            return Column(name, "ignore", f"{reason} ({doubt})" if doubt else reason)
        advice = f"columns: {name}=number reads the others as missing, {name}=category is sure of this."
        doubts = ((f"Column {name!r} is read as categories: {doubt}", advice),) if doubt and not self.said else ()
        return Column(name, "category", doubts=doubts)


def _is_date_type(kind: pa.DataType) -> bool:
    return pa.types.is_timestamp(kind) or pa.types.is_date(kind)


def _are_floats(filled: pa.ChunkedArray) -> bool:
    """Whether all cells are numbers without a sign that needs cleaning: the usual case, told in one pass."""
    try:
        filled.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _has_lengths(filled: pa.ChunkedArray, lengths: Sequence[int]) -> bool:
    compute: Any = pc
    found = compute.min_max(compute.utf8_length(filled))
    return found["min"].as_py() in lengths and found["max"].as_py() in lengths


def _arrow_spelling(kind: pa.DataType) -> str:
    """How Arrow writes its own dates."""
    if pa.types.is_date(kind):
        return "%Y-%m-%d"
    return "%Y-%m-%d %H:%M:%S" + ("" if kind.tz is None else "Z" if kind.tz == "UTC" else "%z")


def _is_long_number(filled: pa.ChunkedArray) -> bool:
    """Whether cells are digits alone, but no days such as 20240131 nor seconds such as 20240131235959."""
    compute: Any = pc
    digits = compute.match_substring_regex(filled, r"^\d+$")
    return bool(compute.any(compute.and_not(digits, compute.match_substring_regex(filled, dates.COMPACT))).as_py())


def _is_compact_date(values: pa.ChunkedArray) -> bool:
    """Whether integers are days such as 20240131."""
    if not pa.types.is_integer(values.type) or len(values) == values.null_count:
        return False
    compute: Any = pc
    return bool(compute.all(compute.match_substring_regex(values.cast(pa.string()), dates.COMPACT)).as_py())


def _codes(filled: pa.ChunkedArray) -> list[tuple[str, str]]:
    """What is open of whole numbers of one length with leading zeros, such as postcodes."""
    compute: Any = pc
    lengths = compute.min_max(compute.utf8_length(filled))
    if lengths["min"] != lengths["max"] or not compute.all(compute.match_substring_regex(filled, r"^\d{3,}$")).as_py():
        return []
    padded = filled.filter(compute.match_substring_regex(filled, r"^0\d*[1-9]"))
    if not len(padded):
        return []
    title = f"Numbers of {{name}} have leading zeros, such as {padded[0].as_py()[:40]}"
    return [(title, "Codes have no size: choose category or ignore for the column (columns: NAME=category).")]


def _counts(filled: pa.ChunkedArray) -> list[tuple[str, int]]:
    """The distinct cells of a column, each with its count."""
    return [(entry["values"], entry["counts"]) for entry in filled.value_counts().to_pylist()]


def _are_phone_numbers(filled: pa.ChunkedArray) -> bool:
    """Whether all cells are written as +49 170 1234567."""
    compute: Any = pc
    return bool(compute.all(compute.match_substring_regex(filled, r"^\+[1-9][\d ]{8,}$")).as_py())


def _are_addresses(filled: pa.ChunkedArray) -> bool:
    """Whether all cells are written as 192.168.100.101, and not all of them as billions such as 2.100.200.150."""
    compute: Any = pc
    if not compute.all(compute.match_substring_regex(filled, rf"^{OCTET}(\.{OCTET}){{3}}$")).as_py():
        return False
    return bool(compute.any(compute.match_substring_regex(filled, r"^\d\d")).as_py())


def _words_among(unread: pa.ChunkedArray, numbers: np.ndarray) -> list[str]:
    """The few words that stand for unknown numbers: n.a., k. A., \\N; none if there are others, such as X and Y."""
    words = sorted(str(word) for word in unread.unique().to_pylist())
    distinct = len(np.unique(numbers[np.isfinite(numbers)]))
    is_few = len(words) <= MAX_WORDS_AMONG and distinct > MIN_NUMBERS_A_WORD * len(words)
    return words if is_few and all(word.strip().casefold() in UNKNOWN for word in words) else []


def _sentinel(name: str, filled: np.ndarray, distinct: np.ndarray) -> list[tuple[str, str]]:
    """What is open of a number of nines that comes again, and is farther out than all others are wide."""
    finite = distinct[np.isfinite(distinct)]
    for value, others in ((finite[0], finite[1:]), (finite[-1], finite[:-1])) if len(finite) > 2 else ():
        count = int((filled == value).sum())
        is_nines = re.fullmatch(r"-?9{2,}", f"{value:.0f}") and value == round(value)
        if not is_nines or count < max(2, MIN_SENTINELS * len(filled)):
            continue
        if np.abs(others - value).min() > np.ptp(others):
            title = f"{count:,} cells of {name!r} are {value:.0f}, far from all others"
            return [(title, "If it means that a value is missing, leave those cells empty.")]
    return []


def _is_id(name: str, filled: np.ndarray, distinct: np.ndarray) -> bool:
    """Whether values are distinct whole numbers that fill most of their range, or their column is called an id."""
    if len(filled) < MIN_ROWS_FOR_ID or len(distinct) < len(filled) or not np.isfinite(filled).all():
        return False
    whole = np.array_equal(filled, np.floor(filled))
    return bool(whole and (distinct[-1] - distinct[0] < 1.3 * len(filled) or ID_NAME.search(name)))
