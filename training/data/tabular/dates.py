"""Parse dates in the spellings of many countries, cell by cell, and split them into features.

As for numbers, what a cell means depends on the cell and on its column's `DateFormat` alone: the format says which of
the numbers of 01/02/24 is the day, wherever the cell leaves that open. Cells with a time zone are instants.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from training.data.tabular.scripts import PLAIN_CHARACTERS

Order = Literal["mdy", "dmy", "ymd"]
ORDERS: tuple[Order, ...] = ("mdy", "dmy", "ymd")
DAY_SECONDS = 86_400
PARTS = ("day", "year_sin", "year_cos", "week_sin", "week_cos", "hour_sin", "hour_cos")
MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar jänner janvier janv enero ene gennaio gen janeiro januari stycznia leden января янв",
            "feb february februar février févr fév febrero febbraio fevereiro fev februari lutego února февраля фев",
            "mar march märz mär mrz mars marzo março maart mrt marca března марта мар",
            "apr april avril avr abril abr aprile kwietnia dubna апреля апр",
            "may mai mayo maggio mag maio mei maja května мая",
            "jun june juni juin junio giugno giu junho czerwca června июня июн",
            "jul july juli juillet juil julio luglio lug julho lipca července июля июл",
            "aug august août aoû agosto ago augustus sierpnia srpna августа авг",
            "sep sept september septembre septiembre settembre set setembro września září сентября сен сент",
            "oct october oktober okt octobre octubre ottobre ott outubro out października října октября окт",
            "nov november novembre noviembre novembro listopada listopadu ноября ноя нояб",
            "dec december dezember dez décembre déc diciembre dic dicembre dezembro grudnia prosince декабря дек",
        ),
        1,
    )
    for name in names.split()
}
ENGLISH = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
ZONES = {
    "Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2, "EET": 2, "EEST": 3, "MSK": 3,
    "BST": 1, "WEST": 1, "JST": 9, "KST": 9, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6,
    "PST": -8, "PDT": -7,
}  # fmt: skip
NAME = r"(?P<name>[^\W\d_]{3,12})\.?"
DATE = (
    r"(?P<Y>\d{4})(?P<s>[-/.])(?P<M>\d\d?)(?P=s)(?P<D>\d\d?)",
    r"(?P<Y>\d{4})\s?[年년]\s?(?P<M>\d\d?)\s?[月월]\s?(?P<D>\d\d?)\s?[日일]",
    rf"(?P<Y>\d{{4}})[-/ ]{NAME}[-/ ](?P<D>\d\d?)",
    rf"(?P<D>\d\d?)(?:st|nd|rd|th|er|º|\.)?[-/ ]*(?:de |of )?{NAME},?[-/ ]*(?:de |del )?(?P<Y>\d{{4}}|\d\d)",
    rf"{NAME}[-/ ]+(?P<D>\d\d?)(?:st|nd|rd|th)?,?[-/ ]+(?P<Y>\d{{4}})",
    r"(?P<A>\d\d?)(?P<s>[-/.])\s?(?P<B>\d\d?)(?P=s)\s?(?P<C>\d{4}|\d\d)\.?",
)
CLOCK = (
    r"(?:(?:T|t|,?\s+|:|\s+[-–]\s+)(?:at |um )?(?P<h>\d\d?)[:.h](?P<m>\d\d)(?:[:.](?P<sec>\d\d)(?P<f>[.,]\d+)?)?"
    r"(?:\s*(?P<half>[AaPp]\.?\s?[Mm]\.?)(?![^\W\d_]))?(?:\s*Uhr)?)?"
)
ZONE = r"(?:\s*(?P<zone>Z|z|(?:UTC|GMT)?[-+]\d\d?(?::?\d\d)?|[A-Z]{3,4}))?(?:\s*\[[\w/+-]+\])?(?:\s*\([\w\s/+-]*\))?"
WEEKDAY = r"(?:(?P<weekday>[^\W\d_]{2,12}\.?,?\s+))?"
CELLS = (
    *(re.compile(WEEKDAY + day + CLOCK + ZONE) for day in DATE),
    re.compile(r"(?P<Y>\d{4})(?P<M>\d\d)(?P<D>\d\d)(?:[T ]?(?P<h>\d\d)(?P<m>\d\d)(?P<sec>\d\d)?(?P<f>\.\d+)?)?" + ZONE),
    re.compile(
        rf"{WEEKDAY}{NAME}\s+(?P<D>\d\d?)\s+(?P<h>\d\d?):(?P<m>\d\d):(?P<sec>\d\d)(?P<f>\.\d+)?{ZONE}\s+(?P<Y>\d{{4}})"
    ),
)
EPOCH = re.compile(r"(?P<whole>\d{10}|\d{13}|\d{16}|\d{19})(?P<fraction>\.\d+)?")
EPOCH_UNITS = {10: 1.0, 13: 1e3, 16: 1e6, 19: 1e9}
COMPACT = r"^(19|20|21)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d[0-5]\d[0-5]\d|2[0-3][0-5]\d[0-5]\d)?$"
# In RE2, over whole columns: what Arrow parses itself, and what a date may look like at all.
ISO = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?)?$"
ISO_ZONED = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)$"
LIKE_DATE = (
    r"^(\pL{2,12}\.?,?\s+)?(\d{4}\s?[-/.年년 ]|\d{1,2}\s?[-/.]\s?\d{1,2}\s?[-/.]\s?\d|"
    r"\d{1,2}(st|nd|rd|th|er|º|\.)?[-/ ]*(de |of )?\pL{3}|\pL{3,12}\.?[-/ ]+\d|\d{8}([T ]?\d{4}|$))"
)
MAX_CHARACTERS = 60
SAMPLE = 3000  # distinct cells by which a column's format is judged
# Fields of a spelling that Arrow parses as we do, in RE2.
FIELDS = {"%Y": r"\d{4}", "%m": r"\d\d", "%d": r"\d\d", "%H": "([01]\\d|2[0-3])", "%M": r"[0-5]\d", "%S": r"[0-5]\d"}
PIVOT = 69  # two-digit years from here on are of the twentieth century (POSIX strptime)


@dataclass(frozen=True)
class DateFormat:
    """How a column writes dates.

    Args:
        order: Of the numbers in 01/02/24, where the cell leaves it open.
        spelling: How a date is written, in the fields of `datetime.strftime`; empty: as ISO 8601.
        offset: Seconds east of Greenwich of the times that are written.
    """

    order: Order = "mdy"
    spelling: str = ""
    offset: int = 0


class Parsed(NamedTuple):
    """A cell as an instant, and how it is written.

    Args:
        seconds: Since 1970, in UTC where the cell names a zone.
        orders: The orders in which its numbers may be read; empty where its form says it.
        offset: Of the zone, None where the cell names none.
    """

    seconds: float
    orders: tuple[Order, ...]
    spelling: str
    offset: int | None


def parse_date(cell: str, order: Order) -> Parsed | None:
    """Read one cell; None if it is no date."""
    text = cell.strip().translate(PLAIN_CHARACTERS)
    if len(text) > MAX_CHARACTERS:
        return None
    if match := EPOCH.fullmatch(text):
        seconds = int(match["whole"]) / EPOCH_UNITS[len(match["whole"])] + float(match["fraction"] or 0)
        return Parsed(seconds, (), "", None)
    for form in CELLS:
        if (match := form.fullmatch(text)) and (parsed := _parsed(match, order)):
            return parsed
    return None


def _parsed(match: re.Match[str], order: Order) -> Parsed | None:
    fields = match.groupdict()
    orders = _possible_orders(fields)
    if "A" in fields and not orders:
        return None
    numbers = _day(fields, order if order in orders or not orders else orders[0])
    offset, clock = _offset(fields.get("zone")), _clock(fields)
    if numbers is None or clock is None or (fields.get("zone") and offset is None):
        return None
    try:
        day = date(*numbers).toordinal() - 719_163  # days since 1970
    except ValueError:
        return None
    seconds = day * DAY_SECONDS + clock - (offset or 0)
    chosen = order if order in orders or not orders else orders[0]
    return Parsed(seconds, orders, _spelling(match, fields, chosen), offset)


def _possible_orders(fields: dict[str, str | None]) -> tuple[Order, ...]:
    """The orders in which three numbers are a date; dots are European: the day comes first where it can."""
    if not fields.get("A"):
        return ()
    found: tuple[Order, ...] = tuple(order for order in ORDERS if _is_day(_day(fields, order)))
    if fields["s"] == "." and "dmy" in found:
        return ("dmy",)
    return found


def _is_day(numbers: tuple[int, int, int] | None) -> bool:
    try:
        return numbers is not None and bool(date(*numbers))
    except ValueError:
        return False


def _day(fields: dict[str, str | None], order: Order) -> tuple[int, int, int] | None:
    """Year, month, day."""
    if first := fields.get("A"):
        second, third = str(fields["B"]), str(fields["C"])
        if order == "ymd":
            return (_year(first), int(second), int(third)) if len(first) == len(third) == 2 else None
        month, day = (first, second) if order == "mdy" else (second, first)
        return _year(third), int(month), int(day)
    month = MONTHS.get(str(fields["name"]).lower()) if fields.get("name") else int(fields.get("M") or 0)
    return (_year(str(fields["Y"])), month, int(str(fields["D"]))) if month else None


def _year(digits: str) -> int:
    year = int(digits)
    return year if len(digits) == 4 else year + (1900 if year >= PIVOT else 2000)


def _clock(fields: dict[str, str | None]) -> float | None:
    """Seconds since midnight; None for a time that there is not."""
    if not fields.get("h"):
        return 0.0
    hour, minute, second = (int(fields.get(name) or 0) for name in ("h", "m", "sec"))
    if half := fields.get("half"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half[0] in "pP" else 0)
    if hour > 24 or minute > 59 or second > 60 or (hour == 24 and (minute or second)):
        return None
    return 3600 * hour + 60 * minute + second + float((fields.get("f") or "0").replace(",", "."))


def _offset(zone: str | None) -> int | None:
    """Seconds east of Greenwich; None for a zone that is not known."""
    if not zone:
        return None
    if zone.upper() in ZONES:
        return 3600 * ZONES[zone.upper()]
    match = re.fullmatch(r"(?:UTC|GMT)?([-+])(\d\d?)(?::?(\d\d))?", zone)
    if not match or int(match[2]) > 15:
        return None
    return (-1 if match[1] == "-" else 1) * (3600 * int(match[2]) + 60 * int(match[3] or 0))


ORDER_FIELDS: dict[str, dict[str, str]] = {
    "mdy": {"A": "M", "B": "D", "C": "Y"},
    "dmy": {"A": "D", "B": "M", "C": "Y"},
    "ymd": {"A": "Y", "B": "M", "C": "D"},
}


def _spelling(match: re.Match[str], fields: dict[str, str | None], order: Order) -> str:
    """The cell with its fields in place of their values; empty where it cannot be written back."""
    if fields.get("weekday"):
        return ""
    spans = sorted((match.span(name), name) for name in fields if fields[name] and name not in ("s", "weekday"))
    text, parts, end = match.string, list[str](), 0
    for (start, stop), name in spans:
        token = _token(ORDER_FIELDS[order].get(name, name), text[start:stop], bool(fields.get("half")))
        if token is None:
            return ""
        parts += [text[end:start].replace("%", "%%"), token]
        end = stop
    return "".join(parts) + text[end:].replace("%", "%%")


def _token(name: str, value: str, half: bool) -> str | None:
    if name == "Y":
        return "%Y" if len(value) == 4 else "%y"
    if name == "name":
        english = [month for month in ENGLISH if value.lower() in (month.lower(), month.lower()[:3])]
        return ("%B" if value.lower() == english[0].lower() and len(value) > 3 else "%b") if english else None
    if name == "zone":
        return "%z" if value[0] in "+-" and ":" not in value else "%:z" if value[0] in "+-" else value
    if name == "f":
        return value[0] + "0" * (len(value) - 1)
    single = "-" if len(value) == 1 else ""
    field = {"M": "m", "D": "d", "h": "I" if half else "H", "m": "M", "sec": "S", "half": "p"}[name]
    return f"%{'' if field == 'p' else single}{field}"


def spell_date(seconds: float, form: DateFormat) -> str:
    """Write an instant as the column writes its own."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=round(seconds) + form.offset)
    spelling = form.spelling or ("%Y-%m-%d" if round(seconds) % DAY_SECONDS == 0 else "%Y-%m-%d %H:%M:%S")
    hours, minutes = divmod(abs(form.offset) // 60, 60)
    sign = "-" if form.offset < 0 else "+"
    values = {
        "%Y": f"{moment.year:04d}", "%y": f"{moment.year % 100:02d}", "%B": ENGLISH[moment.month - 1],
        "%b": ENGLISH[moment.month - 1][:3], "%p": "AM" if moment.hour < 12 else "PM", "%%": "%",
        "%z": f"{sign}{hours:02d}{minutes:02d}", "%:z": f"{sign}{hours:02d}:{minutes:02d}",
    }  # fmt: skip
    for field, value in zip(
        "mdHIMS",
        (moment.month, moment.day, moment.hour, (moment.hour - 1) % 12 + 1, moment.minute, moment.second),
        strict=True,
    ):
        values |= {f"%{field}": f"{value:02d}", f"%-{field}": str(value)}
    return re.sub(r"%:?-?.", lambda token: values.get(token[0], token[0]), spelling)


def fit_dates(cells: Iterable[tuple[str, int]], of_table: str = "") -> tuple[DateFormat, list[tuple[str, str]]]:
    """Return the format of a column's cells, each with its count, and what they leave open: (title, detail) each."""
    parsed = [(one, count) for cell, count in cells if (one := parse_date(cell, "mdy"))]
    votes: Counter[str] = Counter()
    for one, count in parsed:
        for order in one.orders:
            votes[order] += count
    shown = {order for one, _ in parsed if len(one.orders) == 1 for order in one.orders}
    best: Order = max((order for order in ORDERS), key=lambda order: (votes[order], order == of_table, order == "mdy"))
    doubts = []
    if any(len(one.orders) > 1 for one, _ in parsed):
        if not shown and not of_table:
            doubts.append(
                ("leave open which number is the month", "It is taken to come first; write 2024-01-31 to be sure.")
            )
        if len(shown) > 1:
            doubts.append(("write now the day first, now the month", f"Where it is open, {best} is taken."))
    zones = {one.offset for one, _ in parsed}
    if len(zones - {None}) > 1:
        doubts.append(("are of several time zones", "All are taken as instants, in UTC."))
    if None in zones and len(zones) > 1:
        doubts.append(("have a time zone in some cells only", "The others are taken for UTC."))
    return _commonest_spelling(DateFormat(order=best), cells), doubts


def _commonest_spelling(form: DateFormat, cells: Iterable[tuple[str, int]]) -> DateFormat:
    parsed = [(one, count) for cell, count in cells if (one := parse_date(cell, form.order))]
    spellings: Counter[str] = Counter()
    for one, count in parsed:
        spellings[re.sub(r"%-", "%", one.spelling)] += count
    if not spellings:
        return form
    spelling = min(spellings, key=lambda text: (-spellings[text], text))
    unpadded = {field for one, _ in parsed for field in re.findall(r"%-(.)", one.spelling)}
    for field in unpadded:
        spelling = spelling.replace(f"%{field}", f"%-{field}")
    offsets = Counter(one.offset for one, _ in parsed)
    return replace(form, spelling=spelling, offset=offsets.most_common(1)[0][0] or 0)


def sample(filled: pa.ChunkedArray) -> list[tuple[str, int]]:
    """Distinct cells of a column, each with its count, the same whatever the rows' order.

    Of many they are spaced evenly, with some that show whether the day or the month comes first.
    """
    counts = filled.value_counts()
    if len(counts) > SAMPLE:
        compute: Any = pc
        cells = counts.field("values")
        order = compute.sort_indices(cells)
        chosen = order.take(pa.array(np.linspace(0, len(order) - 1, SAMPLE).astype(np.int64)))
        for pattern in (r"^(1[3-9]|2\d|3[01])[-/.]", r"^\d\d?[-/.](1[3-9]|2\d|3[01])[-/.]"):
            decisive = compute.filter(order, compute.match_substring_regex(cells.take(order), pattern))
            chosen = pa.concat_arrays([chosen, decisive.slice(0, 100)])
        counts = counts.take(chosen.unique())
    return [(entry["values"], entry["counts"]) for entry in counts.to_pylist()]


def looks_like_dates(text: pa.ChunkedArray, share: float) -> bool:
    """Whether at least this share of the filled cells may be dates: a quick test before each is read."""
    compute: Any = pc
    like = compute.match_substring_regex(text, LIKE_DATE)
    short = compute.less_equal(compute.utf8_length(text), MAX_CHARACTERS)
    return compute.sum(compute.and_(like, short)).as_py() >= share * len(text)


def to_seconds(
    values: pa.ChunkedArray, text: pa.ChunkedArray | None, form: DateFormat
) -> tuple[np.ndarray, np.ndarray]:
    """Return seconds since 1970, float64 (rows,), NaN where missing or unreadable, and which filled cells are no dates.

    Args:
        values: The column as it was read.
        text: The same as trimmed text, null where missing; None for types without a text form.
    """
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        micro = values.cast(pa.timestamp("us"), safe=False).cast(pa.int64()).cast(pa.float64())
        return np.asarray(micro.to_numpy(), dtype=np.float64) / 1e6, np.zeros(len(values), dtype=bool)
    if text is None:
        return np.full(len(values), np.nan), np.ones(len(values), dtype=bool)
    compute: Any = pc
    seconds = np.full(len(text), np.nan)
    for pattern, kind in ((ISO, pa.timestamp("us")), (ISO_ZONED, pa.timestamp("us", "UTC"))):
        matched = np.asarray(compute.fill_null(compute.match_substring_regex(text, pattern), False).to_numpy())
        if matched.any():
            _cast_iso(text, np.flatnonzero(matched), kind, seconds)
    _parse_usual(text, seconds, form)
    return _each(text, seconds, form)


def _parse_usual(text: pa.ChunkedArray, seconds: np.ndarray, form: DateFormat) -> None:
    """Fill in the cells of the column's own spelling, all at once, where it has digits alone and no zone."""
    fields = re.findall(r"%:?-?.", form.spelling)
    if not fields or not set(fields) <= set(FIELDS) or not np.isnan(seconds).any():
        return
    compute: Any = pc
    pattern = "".join(FIELDS.get(part, re.escape(part)) for part in re.split(r"(%.)", form.spelling))
    rows = np.flatnonzero(np.asarray(compute.fill_null(compute.match_substring_regex(text, f"^{pattern}$"), False)))
    rows = rows[np.isnan(seconds[rows])]
    if len(rows):
        read = compute.strptime(text.take(pa.array(rows)), format=form.spelling, unit="s", error_is_null=True)
        seconds[rows] = np.asarray(read.cast(pa.int64()).cast(pa.float64()).to_numpy(), dtype=np.float64)


def _cast_iso(text: pa.ChunkedArray, rows: np.ndarray, kind: pa.DataType, seconds: np.ndarray) -> None:
    """Fill in what Arrow reads; a day that there is not leaves all of them to the reader of single cells."""
    try:
        micro = text.take(pa.array(rows)).cast(kind).cast(pa.int64()).cast(pa.float64())
    except pa.ArrowInvalid:
        return
    seconds[rows] = np.asarray(micro.to_numpy()) / 1e6


def _each(text: pa.ChunkedArray, seconds: np.ndarray, form: DateFormat) -> tuple[np.ndarray, np.ndarray]:
    unread = np.zeros(len(text), dtype=bool)
    rows = np.flatnonzero(np.asarray(text.is_valid().to_numpy(), dtype=bool) & np.isnan(seconds))
    if len(rows):
        cells = pa.concat_arrays(text.take(pa.array(rows)).chunks).dictionary_encode()
        parsed = [parse_date(cell, form.order) for cell in cells.dictionary.to_pylist()]
        places = np.asarray(cells.indices.to_numpy())
        seconds[rows] = np.asarray([np.nan if one is None else one.seconds for one in parsed])[places]
        unread[rows] = np.isnan(seconds[rows])
    return seconds, unread


def date_parts(seconds: np.ndarray) -> np.ndarray:
    """Return day number and sine and cosine of the position in year, week and day, (rows, 7)."""
    days = seconds / DAY_SECONDS
    turns = np.stack([days / 365.2425, (days + 3) / 7, days], axis=1) * 2 * np.pi  # 1970-01-01 was a Thursday
    circle = np.stack([np.sin(turns), np.cos(turns)], axis=2).reshape(len(days), 6)
    return np.concatenate([np.floor(days)[:, None], circle], axis=1)
