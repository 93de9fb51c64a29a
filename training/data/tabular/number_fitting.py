"""Fit the `NumberFormat` of a column: decimal sign, per cent, unit, and how its numbers are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.tabular import numbers
from training.data.tabular.numbers import CELL, Evidence, NumberFormat, Parsed, parse_clock, parse_number
from training.data.tabular.scripts import PLAIN_CHARACTERS

MAX_CHARACTERS = 40  # of a cell that may be a number
MIN_SHARE = 0.95  # of the filled cells that must be times of day, or have the unit
SHARE_LIMIT = 1.0  # up to which all plain numbers are shares, beside which 50 % is 0.5
Doubts = list[tuple[str, str]]  # (title, detail); {name} stands for the column
AS_NUMBERS = NumberFormat()


@dataclass(frozen=True, eq=False)
class NumberCells:
    """The distinct filled cells of a column that are more than digits and a point, and counts of those that are not.

    Args:
        read: Reads the filled cells; they are not kept, since those of all columns would be in memory at once.
        filled: How many there are.
        odd: Distinct cells that need parsing, each with its count.
        plain: Evidence of the others.
    """

    read: Callable[[], pa.ChunkedArray]
    filled: int
    odd: list[tuple[str, int]]
    plain: Evidence

    @classmethod
    def of(cls, read: Callable[[], pa.ChunkedArray]) -> NumberCells | None:
        """Count the cells; None where they are no numbers at first sight."""
        compute: Any = pc
        filled = read()
        try:
            filled.cast(pa.float64())  # the usual case: nothing needs a second look
            return cls(read, len(filled), [], _plain_evidence(filled))
        except pa.ArrowInvalid:
            pass
        plain = compute.match_substring_regex(filled, numbers.PLAIN)
        others = filled.filter(compute.invert(plain))
        short = compute.less_equal(compute.utf8_length(others), MAX_CHARACTERS)
        digits = compute.match_substring_regex(others, r"[\d٠-٩०-९０-９]|^[-+]?(?i:inf)|(?i:^(nan|true|false)$)")
        likely = compute.and_(short, digits)
        if len(others) and len(others) - compute.sum(likely).as_py() > 0.7 * len(filled):
            return None
        counts = [(entry["values"], entry["counts"]) for entry in others.value_counts().to_pylist()]
        return cls(read, len(filled), counts, _plain_evidence(filled.filter(plain)))

    @cached_property
    def is_clock(self) -> bool:
        """Whether the cells are times of day or durations."""
        return _share(self.odd, self.filled, lambda cell: parse_clock(cell) is not None) >= MIN_SHARE

    @property
    def has_words(self) -> bool:
        """Whether some cells are the words true or false."""
        return any(cell.lower() in numbers.BOOLEANS for cell, _ in self.odd)

    @cached_property
    def unit(self) -> str:
        """The unit that nearly all cells have, such as kg; empty where there is none, or a currency."""
        units: Counter[str] = Counter()
        for cell, count in self.odd:
            match = CELL.fullmatch(cell.strip().translate(PLAIN_CHARACTERS)) if len(cell) <= MAX_CHARACTERS else None
            if match and match["after"] and parse_number(cell, AS_NUMBERS) is None:
                units[match["after"].strip()] += count
        if not units:
            return ""
        unit, _ = max(units.items(), key=lambda pair: (pair[1], pair[0]))
        readable = sum(count for cell, count in self.odd if parse_number(cell, NumberFormat(unit=unit)))
        return unit if (readable + self._plain_cells) >= MIN_SHARE * self.filled else ""

    @cached_property
    def parsed(self) -> list[tuple[str, Parsed, int]]:
        """The cells of `odd` that are numbers, whatever their open signs mean."""
        form = NumberFormat(unit=self.unit)
        return [(cell, one, count) for cell, count in self.odd if (one := parse_number(cell, form)) is not None]

    @property
    def _plain_cells(self) -> int:
        return self.filled - sum(count for _, count in self.odd)

    @cached_property
    def readable(self) -> float:
        """The share of the filled cells that are numbers."""
        return (self._plain_cells + sum(count for _, _, count in self.parsed)) / max(1, self.filled)

    @cached_property
    def evidence(self) -> Evidence:
        """What the cells show of the decimal sign."""
        if self.is_clock:
            return Evidence()
        odd = Evidence.of(self.parsed)
        names = Evidence.__dataclass_fields__
        return Evidence(**{name: getattr(odd, name) + getattr(self.plain, name) for name in names})

    def fit(self, of_table: str) -> tuple[NumberFormat, Doubts]:
        """Return the column's format, and what its cells leave open.

        Args:
            of_table: The decimal sign that the table's other columns show.
        """
        if self.is_clock:
            clocks = [(one, count) for cell, count in self.odd if (one := parse_clock(cell))]
            after, group = (Counter[str]() for _ in range(2))
            for one, count in clocks:
                after[one.after] += count
                group[one.group] += count
            form = NumberFormat(clock=True, after=after.most_common(1)[0][0], group=group.most_common(1)[0][0])
            return form, []
        decimal, is_open = numbers.fit_decimal(self.evidence, of_table)
        form = NumberFormat(decimal=decimal, unit=self.unit)
        form, doubts = self._with_percent(form)
        if is_open:
            doubts.append(_open_sign(is_open, decimal))
        if self.evidence.point and self.evidence.comma and (self.evidence.open_point or self.evidence.open_comma):
            title = "Numbers of {name} have decimal points and decimal commas"
            doubts.append((title, f"Where it is open, {decimal!r} is the decimal sign."))
        doubts += self._currencies()
        return numbers.most_common_format(form, self._written(form)), doubts

    def _with_percent(self, form: NumberFormat) -> tuple[NumberFormat, Doubts]:
        """Whether 50 % is 0.5 or 50, by the cells without a per cent sign."""
        signed = [(abs(one.value), count) for _, one, count in self.parsed if one.after.strip() in numbers.PER]
        plain = self._plain_values(form)
        if not signed:
            is_share = len(plain) > 0 and float(np.max(plain)) <= SHARE_LIMIT
            return replace(form, percent="share" if is_share else "points"), []
        if not len(plain):
            return replace(form, percent="share"), []
        middle = float(np.log(np.median(plain) + 1e-9))
        share, points = (float(np.log(_median(signed) / factor + 1e-9)) for factor in (100, 1))
        percent = "share" if abs(middle - share) < abs(middle - points) else "points"
        meaning = "0.5 is taken for 50 %" if percent == "share" else "50 is taken for 50 %"
        title = "Cells of {name} are written with and without a per cent sign"
        return replace(form, percent=percent), [(title, f"{meaning}; write all of them alike to be sure.")]

    def _plain_values(self, form: NumberFormat) -> np.ndarray:
        """The magnitudes of the cells without a per cent sign."""
        odd = [cell for cell, one, _ in self.parsed if one.after.strip() in numbers.PER]
        compute: Any = pc
        cells = self.read()
        signed = compute.is_in(cells, value_set=pa.array(odd, pa.string())) if odd else None
        rest = cells if signed is None else cells.filter(compute.invert(signed))
        values = np.abs(numbers.to_numbers(rest, form)[0])
        return values[np.isfinite(values)]

    def _currencies(self) -> Doubts:
        signs = Counter[str]()
        for _, one, count in self.parsed:
            for part in (one.before.strip(), one.after.strip()):
                if part and part not in numbers.PER and numbers.CURRENCY_CELL.fullmatch(part):
                    signs[part] += count
        if len(signs) < 2:
            return []
        names = ", ".join(sign for sign, _ in signs.most_common(5))
        return [("Cells of {name} are in several currencies: " + names, "Their numbers are taken as they are.")]

    def _written(self, form: NumberFormat) -> Iterable[tuple[Parsed, int]]:
        """Every distinct cell as it is written; of plain ones only the digits after the point count."""
        yield from ((one, count) for cell, count in self.odd if (one := parse_number(cell, form)))
        compute: Any = pc
        plain = self.read()
        if self.odd:
            plain = plain.filter(compute.match_substring_regex(plain, numbers.PLAIN))
        if form.decimal == ",":
            is_open = compute.match_substring_regex(plain, numbers.OPEN_POINT)
            yield Parsed(0.0, group="."), compute.sum(is_open).as_py() or 0
            plain = plain.filter(compute.invert(is_open))
        point, length = compute.find_substring(plain, "."), compute.utf8_length(plain)
        digits = compute.if_else(compute.less(point, 0), 0, compute.subtract(compute.subtract(length, point), 1))
        exponent = compute.or_(compute.match_substring(plain, "e"), compute.match_substring(plain, "E"))
        lengths = compute.if_else(exponent, None, digits)
        for entry in lengths.value_counts().to_pylist():
            yield Parsed(0.0, decimals=-1 if entry["values"] is None else entry["values"]), entry["counts"]


def _plain_evidence(plain: pa.ChunkedArray) -> Evidence:
    compute: Any = pc

    def count(pattern: str) -> int:
        return compute.sum(compute.match_substring_regex(plain, pattern)).as_py() or 0

    pointed = compute.sum(compute.match_substring(plain, ".")).as_py() or 0
    is_open = count(numbers.OPEN_POINT) if pointed else 0
    if not is_open or is_open < pointed:
        return Evidence(point=pointed - is_open, open_point=is_open)
    short, whole = count(r"^[-+]?\d{1,3}$"), count(r"^[-+]?\d+$")
    return Evidence(open_point=is_open, short=short, long=whole - short)


def _share(cells: list[tuple[str, int]], total: int, test: Any) -> float:
    if sum(count for _, count in cells) < MIN_SHARE * total:
        return 0.0
    return sum(count for cell, count in cells if test(cell)) / total


def _median(values: list[tuple[float, int]]) -> float:
    return float(np.median(np.repeat([value for value, _ in values], [count for _, count in values])))


def _open_sign(sign: str, decimal: str) -> tuple[str, str]:
    example = f"1{sign}234"
    meaning = "1.234 (a decimal sign)" if sign == decimal else "1234 (thousands)"
    detail = f"{example} is taken for {meaning}; write 1234 or 1.2340 to be sure."
    return f"Numbers of {{name}} leave open whether {sign!r} is a decimal sign or groups thousands", detail
