"""Parse cells as numbers in the spellings of many countries, cell by cell, and write numbers as a column writes them.

What a cell means depends on the cell and on its column's `NumberFormat`, which is fitted once: never on other cells of
the same call. Most spellings can be read in one way only (1.234,50; 0.5; 1 234); the format decides the others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.tabular.scripts import PLAIN_CHARACTERS

CODES = (
    "USD|EUR|GBP|JPY|CHF|CAD|AUD|NZD|CNY|RMB|INR|BRL|MXN|SEK|NOK|DKK|PLN|CZK|HUF|RON|BGN|RUB|UAH|TRY|ZAR|KRW|SGD|HKD|"
    "TWD|THB|IDR|MYR|PHP|VND|ILS|AED|SAR|EGP|NGN|KES|CLP|COP|PEN|ARS|DM|SFr|Fr|Rs|kr|zł|Kč|Ft|lei|лв|руб|р|TL|元|円|원"
)
CURRENCY = rf"(?:[A-Za-z]{{0,3}}[$¢£¤¥€₠-⃀﷼฿៛৳￠￡￥￦]|(?:{CODES})\.?(?![^\W\d_]))"
MULTIPLES = {"k": 1e3, "tsd": 1e3, "m": 1e6, "mn": 1e6, "mio": 1e6, "b": 1e9, "bn": 1e9, "mrd": 1e9}
CELL = re.compile(
    rf"(?:{CURRENCY}\s*(?=\())?(?P<open>\()?\s*(?P<sign>[-+])?\s*(?P<before>{CURRENCY})?\s*(?P<inner>[-+])?\s*"
    r"(?P<digits>\d[\d.,' ]*|[.,]\d+)(?P<exponent>[eE][-+]?\d+)?"
    r"(?P<gap>\s*)(?P<multiple>(?:[kKMB]|[Mm]n|[Bb]n|[Mm]io\.?|[Mm]rd\.?|[Tt]sd\.?)(?![^\W\d_]))?\s*"
    r"(?P<after>[^\d\s()+-][^()]*?)?\s*(?P<minus>-)?\s*(?P<close>\))?",
)
CURRENCY_CELL = re.compile(CURRENCY, re.IGNORECASE)
NOTHING = re.compile(rf"{CURRENCY}\s*-+|-+\s*{CURRENCY}")  # zero, as spreadsheets write it in accounts
INFINITE = re.compile(r"([-+]?)(inf|infinity|∞)", re.IGNORECASE)
BOOLEANS = {"true": 1.0, "false": 0.0}
GROUPED = {mark: re.compile(rf"[1-9]\d{{0,2}}(?:{re.escape(mark)}\d{{3}})+") for mark in ".,' "}
INDIAN = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}")
PER = {"%": 100.0, "‰": 1000.0}
# In RE2, over whole columns: what needs no cleaning, and what `1.234` or `1,234` alone leaves open.
PLAIN = r"^-?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
OPEN_POINT, OPEN_COMMA = r"^[-+]?[1-9]\d{0,2}\.\d{3}$", r"^[-+]?[1-9]\d{0,2},\d{3}$"
DECIMAL_COMMA = r"^-?([1-9]\d{0,2}(\.\d{3})+|\d+),\d+$"
ENOUGH = 2000  # distinct cells by which a column's spelling is judged


@dataclass(frozen=True)
class NumberFormat:
    """How a column writes numbers.

    Args:
        decimal: What 1.234 and 1,234 mean: the sign that is the decimal one.
        percent: Whether 50 % is 0.5 ("share") or 50 ("points").
        unit: Of every cell, such as kg; a cell of another unit is no number.
        clock: Whether cells are times of day or durations (12:30, 1 days 02:00:00), read as seconds.
        group, decimals, before, after: How a value is written: separator of thousands, digits after the decimal sign
            (-1: as many as six significant ones), and the text around it.
    """

    decimal: Literal[".", ","] = "."
    percent: Literal["points", "share"] = "points"
    unit: str = ""
    clock: bool = False
    group: str = ""
    decimals: int = -1
    before: str = ""
    after: str = ""


class Parsed(NamedTuple):
    """A cell as a number, and how it is written."""

    value: float
    decimal: str = ""
    group: str = ""
    decimals: int = 0
    before: str = ""
    after: str = ""


def parse_number(cell: str, form: NumberFormat) -> Parsed | None:
    """Read one cell; None if it is no number."""
    given = cell.strip()
    text = given.translate(PLAIN_CHARACTERS)
    match = CELL.fullmatch(text)
    if match is None:
        return _word(text)
    signs = [match[name] for name in ("sign", "inner", "minus") if match[name]]
    if len(signs) > 1 or bool(match["open"]) != bool(match["close"]) or (match["open"] and signs):
        return None
    parts, factor = _split_digits(match["digits"].strip(), form.decimal), _factor(match, form)
    if parts is None or factor is None:
        return None
    digits, decimal, group = parts
    sign = "-" if "-" in signs or match["open"] else ""
    value = float(f"{sign}{digits}{match['exponent'] or ''}") * factor
    written = given if len(given) == len(text) else text  # the column's own kind of blank and apostrophe
    group = group and written[match.start("digits") + match["digits"].index(group)]
    before = written[match.start("before") : match.start("digits")].translate(NO_SIGN) if match["before"] else ""
    return Parsed(value, decimal, group, len(digits.partition(".")[2]), before, _after(written, match))


def _after(written: str, match: re.Match[str]) -> str:
    """The text behind the number, with the blank before it."""
    last = next((name for name in ("after", "multiple") if match[name]), "")
    if not last:
        return ""
    first = match.end("exponent") if match["exponent"] else match.start("digits") + len(match["digits"].rstrip())
    return written[first : match.end(last)]


NO_SIGN = str.maketrans("", "", "-+\u2212")


def _word(text: str) -> Parsed | None:
    if match := INFINITE.fullmatch(text):
        return Parsed(-np.inf if match[1] == "-" else np.inf)
    if NOTHING.fullmatch(text):
        return Parsed(0.0)
    value = np.nan if text.lower() == "nan" else BOOLEANS.get(text.lower())
    return None if value is None else Parsed(value)


def _factor(match: re.Match[str], form: NumberFormat) -> float | None:
    """What the words behind the digits multiply by; None if they are none that a number has."""
    after, multiple = (match["after"] or "").strip(), match["multiple"]
    factor = MULTIPLES[multiple.lower().rstrip(".")] if multiple else 1.0
    if after in PER:
        return factor / (PER[after] if form.percent == "share" else PER[after] / 100)
    if not after or after == form.unit or CURRENCY_CELL.fullmatch(after):
        return factor
    return None


def _split_digits(digits: str, decimal: str) -> tuple[str, str, str] | None:
    """Return digits with a decimal point, and the signs for decimals and thousands; None if misplaced."""
    marks = [sign for sign in ".," if sign in digits]
    spaced = next((sign for sign in "' " if sign in digits), "")
    if not marks and not spaced:
        return digits, "", ""
    point = _decimal_sign(digits, marks, spaced, decimal)
    whole, _, fraction = digits.partition(point) if point else (digits, "", "")
    group = spaced or next((sign for sign in marks if sign != point), "")
    if any(sign in fraction for sign in ".,' ") or not _is_grouped(whole, group):
        return None
    return (
        (f"{whole.replace(group, '') if group else whole}.{fraction}" if point else whole.replace(group, "")),
        point,
        group,
    )


def _decimal_sign(digits: str, marks: list[str], spaced: str, decimal: str) -> str:
    """The decimal sign of one cell; empty if it has none."""
    if len(marks) == 2:
        return max(marks, key=digits.rindex)
    if not marks:
        return ""
    mark = marks[0]
    if digits.count(mark) > 1:
        return ""
    before, _, after = digits.partition(mark)
    is_open = not spaced and len(after) == 3 and 1 <= len(before) <= 3 and before[0] != "0"
    return mark if not is_open or mark == decimal else ""


def _is_grouped(whole: str, group: str) -> bool:
    if not group:
        return whole.isdigit() or not whole
    return bool(GROUPED[group].fullmatch(whole) or (group == "," and INDIAN.fullmatch(whole)))


CLOCK = re.compile(
    r"(?P<sign>-)?(?:(?P<days>\d+)\s*d(?:ays?)?,?\s*)?(?P<plus>\+)?(?P<hours>\d{1,4}):(?P<minutes>[0-5]\d)"
    r"(?::(?P<seconds>[0-5]\d(?:[.,]\d+)?))?\s*(?P<half>[AaPp]\.?\s?[Mm]\.?)?(?:\s*Uhr)?"
)


def parse_clock(cell: str) -> Parsed | None:
    """Read a time of day or a duration as seconds: 09:32, 9:32 PM, 26:15:00, 1 days 02:00:00."""
    match = CLOCK.fullmatch(cell.translate(PLAIN_CHARACTERS).strip())
    if match is None:
        return None
    hours = int(match["hours"])
    if match["half"]:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if match["half"][0] in "pP" else 0)
    seconds = 3600 * hours + 60 * int(match["minutes"]) + float((match["seconds"] or "0").replace(",", "."))
    value = 86400 * int(match["days"] or 0) + seconds
    after = " PM" if match["half"] else ":00" if match["seconds"] else ""
    return Parsed(-value if match["sign"] else value, after=after, group="d" if match["days"] else "")


def to_numbers(text: pa.ChunkedArray, form: NumberFormat) -> tuple[np.ndarray, np.ndarray]:
    """Read cells as numbers.

    Args:
        text: Trimmed cells, null where missing.

    Returns:
        Values, float64 (rows,), NaN where missing or unreadable, infinite where written so or too large; and which
        cells are filled but are no numbers, bool (rows,).
    """
    if form.clock:
        return _each(text, np.full(len(text), np.nan), np.asarray(text.is_valid().to_numpy()), form)
    if form.decimal == ".":
        try:  # the usual case, in one pass
            return _floats(text), np.zeros(len(text), dtype=bool)
        except pa.ArrowInvalid:
            pass
    compute: Any = pc
    plain = compute.match_substring_regex(text, PLAIN)
    if form.decimal == ",":
        plain = compute.and_not(plain, compute.match_substring_regex(text, OPEN_POINT))
        comma = compute.match_substring_regex(text, DECIMAL_COMMA)
        pointed = compute.replace_substring(compute.replace_substring(text, ".", ""), ",", ".")
        text_or_pointed = compute.if_else(comma, pointed, text)
        plain = compute.or_(plain, comma)
    else:
        text_or_pointed = text
    values = _floats(compute.if_else(plain, text_or_pointed, pa.scalar(None, pa.string())))
    rest = compute.and_(text.is_valid(), compute.invert(compute.fill_null(plain, False)))
    return _each(text, values, np.asarray(rest.to_numpy()), form)


def _floats(text: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(text.cast(pa.float64()).to_numpy(), dtype=np.float64)


def _each(
    text: pa.ChunkedArray, values: np.ndarray, rest: np.ndarray, form: NumberFormat
) -> tuple[np.ndarray, np.ndarray]:
    """Read the cells of a mask one by one, equal ones once."""
    unread = np.zeros(len(text), dtype=bool)
    rows = np.flatnonzero(rest)
    if not len(rows):
        return values, unread
    parse = parse_clock if form.clock else lambda cell: parse_number(cell, form)
    cells = text.take(pa.array(rows)).combine_chunks().dictionary_encode()
    cells = cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
    parsed = [parse(cell) for cell in cells.dictionary.to_pylist()]
    places = np.asarray(cells.indices.to_numpy())
    values = values.copy()
    values[rows] = np.asarray([np.nan if one is None else one.value for one in parsed])[places]
    unread[rows] = np.asarray([one is None for one in parsed])[places]
    return values, unread


@dataclass(frozen=True)
class Evidence:
    """What a column's cells say about its decimal sign: number of cells.

    Args:
        point, comma: Cells that can only be read with that decimal sign.
        open_point, open_comma: Cells such as 1.234 and 1,234.
        short, long: Whole numbers of up to three digits, and of more.
    """

    point: int = 0
    comma: int = 0
    open_point: int = 0
    open_comma: int = 0
    short: int = 0
    long: int = 0

    @classmethod
    def of(cls, parsed: Iterable[tuple[str, Parsed, int]]) -> Evidence:
        """Count cells: their text, how they were read, how often they occur."""
        counts: Counter[str] = Counter()
        for text, number, count in parsed:
            counts[_evidence(text, number)] += count
        return cls(**{name: counts[name] for name in cls.__dataclass_fields__})

    @property
    def sign(self) -> str:
        """The decimal sign that the cells show; empty if they leave it open."""
        return "." if self.point > self.comma else "," if self.comma else ""


DIGITS = re.compile(r"\d[\d.,' ]*\d|\d")


def _evidence(text: str, number: Parsed) -> str:
    match = DIGITS.search(text.translate(PLAIN_CHARACTERS))
    digits = match[0] if match else ""
    if re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", digits):
        return "open_point" if "." in digits else "open_comma"
    if number.decimal or number.group in (".", ","):
        sign = number.decimal or {".": ",", ",": "."}[number.group]
        return "point" if sign == "." else "comma"
    return "short" if len(digits) <= 3 else "long"


def fit_decimal(evidence: Evidence, of_table: str) -> tuple[Literal[".", ","], str]:
    """Return a column's decimal sign, and the sign that its cells leave open ("." or ","; empty: none).

    Args:
        of_table: What the other columns show; empty: nothing, or contradictions.
    """
    is_open = "." if evidence.open_point else "," if evidence.open_comma else ""
    if evidence.sign or not is_open:
        return ("," if evidence.sign == "," else "."), ""
    if of_table:
        return ("," if of_table == "," else "."), ""
    both = evidence.open_point and evidence.open_comma
    if evidence.short and not evidence.long and not both:  # who writes 546 beside 30.000 groups thousands
        return ("," if is_open == "." else "."), is_open if is_open == "." else ""
    if is_open == ",":  # thousands
        return ".", "," if not evidence.short else ""
    return ".", "."


def most_common_format(form: NumberFormat, parsed: Iterable[tuple[Parsed, int]]) -> NumberFormat:
    """Return the format with the most frequent spelling of these cells, each with its count."""
    marks: dict[str, Counter[Any]] = {name: Counter() for name in ("group", "decimals", "around")}
    for number, count in parsed:
        if not count:
            continue
        marks["around"][(number.before, number.after)] += count
        marks["decimals"][number.decimals] += count
        if number.group:
            marks["group"][number.group] += count
    before, after = _commonest(marks["around"], ("", ""))
    group, decimals = _commonest(marks["group"], ""), int(_commonest(marks["decimals"], -1))
    return replace(form, group=group, decimals=decimals, before=before, after=after)


def _commonest(counts: Counter[Any], default: Any) -> Any:
    return min(counts, key=lambda value: (-counts[value], str(value))) if counts else default


def spell_number(value: float, form: NumberFormat) -> str:
    """Write a number as the column writes its own."""
    if form.clock:
        return _spell_clock(value, form)
    value *= 1 if form.percent == "points" else PER.get(form.after.strip(), 1.0)
    text = f"{abs(value):.6g}" if form.decimals < 0 else f"{abs(value):.{min(form.decimals, 20)}f}"
    whole, _, fraction = text.partition(".")
    if form.group and "e" not in text and len(whole) > 3:
        whole = _grouped(whole, form.group)
    sign = "-" if value < 0 and float(text) else ""
    after = "" if _has_multiple(form.after) else form.after
    return f"{sign}{form.before}{whole}{form.decimal + fraction if fraction else ''}{after}"


@lru_cache(maxsize=256)
def _has_multiple(after: str) -> bool:
    match = CELL.fullmatch(f"1{after}")
    return bool(match and match["multiple"])


def _grouped(whole: str, group: str) -> str:
    return f"{int(whole):,}".replace(",", group)


def _spell_clock(value: float, form: NumberFormat) -> str:
    seconds = round(abs(value))
    days, seconds = divmod(seconds, 86400) if form.group == "d" else (0, seconds)
    hours, minutes = divmod(seconds // 60, 60)
    sign = "-" if value < 0 else ""
    if form.after == " PM":
        return f"{(hours - 1) % 12 + 1}:{minutes:02d} {'PM' if hours % 24 >= 12 else 'AM'}"
    text = f"{hours:02d}:{minutes:02d}" + (f":{seconds % 60:02d}" if form.after == ":00" or form.group else "")
    return f"{sign}{days} days {text}" if form.group == "d" else sign + text
