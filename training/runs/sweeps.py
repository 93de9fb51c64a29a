"""Sweeps: runs of one kind that differ in some settings, over a grid or at random, and the record that lists them."""

from __future__ import annotations

import itertools
import json
import math
import random
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from training import files
from training.errors import UserError
from training.runs.metrics import lower_is_better
from training.settings import RunSettings, extra_of

SWEEP_ID = re.compile(r"sweep-[0-9a-f]{16}")
MAX_RUNS = 1000
MAX_FIELDS = 6
LOG_RATIO = 10  # from this ratio of the bounds on, a range is even in the logarithm
MAX_TRIES = 50  # random draws for a combination that is new
UNSWEPT = ("backup", "tracker", "device")  # where a run goes, not what it computes
HOW = ("grid", "random")


@dataclass(frozen=True)
class Range:
    """Values between two bounds, both included.

    Args:
        low, high: The bounds.
        log: Whether values are even in the logarithm.
        integer: Whether only whole numbers count.
    """

    low: float
    high: float
    log: bool
    integer: bool

    def at(self, share: float) -> float:
        """The value at a share of the way from `low` to `high`."""
        if self.log:
            value = math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + share * (self.high - self.low)
        return round(value) if self.integer else float(f"{min(self.high, max(self.low, value)):.4g}")


@dataclass(frozen=True)
class Sweep:
    """What was asked for, and the runs that were made for it.

    Args:
        fields: The swept settings.
        values: Run -> setting -> value.
    """

    id: str
    owner: str
    plugin: str
    trainer: str
    how: str
    fields: list[str]
    values: dict[str, dict[str, Any]]
    name: str = ""
    created: float = field(default_factory=time.time)


def sweepable(kind: type[RunSettings]) -> dict[str, dict[str, Any]]:
    """The settings that a sweep can vary: name -> type, default, description, and choices or limits."""
    return {
        name: about
        for name, info in kind.settable_fields().items()
        if name not in UNSWEPT and extra_of(info).get("kind") != "file" and (about := _about(info))
    }


def _about(info: FieldInfo) -> dict[str, Any] | None:
    """None for a setting that is no single value, such as a list."""
    about = {"default": info.default, "description": info.description, "type": "choice", "choices": None}
    parts = get_args(info.annotation) if get_origin(info.annotation) in (Union, UnionType) else (info.annotation,)
    for name, kind in (("number", float), ("integer", int), ("text", str)):
        if kind in parts:
            limits = {
                limit: getattr(part, limit)
                for part in info.metadata
                for limit in ("ge", "gt", "le", "lt")
                if hasattr(part, limit)
            }
            return {**about, "type": name, **limits}
    if bool in parts:
        return {**about, "choices": [True, False]}
    choices = [choice for part in parts if get_origin(part) is Literal for choice in get_args(part)]
    return {**about, "choices": choices} if choices else None


def combinations(
    kind: type[RunSettings], fields: Mapping[str, Any], how: str, count: int, seed: int, most: int
) -> list[dict[str, Any]]:
    """The distinct combinations of a sweep, in the order of a grid, or drawn at random.

    Args:
        kind: The settings class that the values are for.
        fields: Setting -> a list of values, or {"low", "high"} with optional "log" and, for a grid, "points".
        how: "grid" or "random".
        count: Combinations to draw at random.
        seed: Of the draw.
        most: Combinations allowed.

    Raises:
        UserError: Naming the field whose values cannot be read, or if there are too many combinations.
    """
    if how not in HOW:
        raise UserError(f"how: {str(how)[:40]!r} was given; it is grid or random.")
    if not fields or len(fields) > MAX_FIELDS:
        raise UserError(f"fields: choose 1 to {MAX_FIELDS} settings to vary.")
    axes = {name: _axis(kind, name, spec) for name, spec in fields.items()}
    chosen = _grid(axes, fields, most) if how == "grid" else _draw(axes, count, seed, most)
    if len(chosen) < 2:
        raise UserError("A sweep needs at least two combinations: give more values.")
    return chosen


def _grid(axes: Mapping[str, Range | list], fields: Mapping[str, Any], most: int) -> list[dict[str, Any]]:
    columns = {name: _points(name, axis, fields[name]) for name, axis in axes.items()}
    _check_number(math.prod(map(len, columns.values())), most)
    return [dict(zip(columns, values, strict=True)) for values in itertools.product(*columns.values())]


def _points(name: str, axis: Range | list, spec: Any) -> list[Any]:
    if isinstance(axis, list):
        return axis
    points = spec.get("points", 0)
    if not isinstance(points, int) or not 2 <= points <= MAX_RUNS:
        raise UserError(f'{name}: a grid over a range needs the number of "points", 2 or more; or list the values.')
    return list(dict.fromkeys(axis.at(place / (points - 1)) for place in range(points)))


def _draw(axes: Mapping[str, Range | list], count: int, seed: int, most: int) -> list[dict[str, Any]]:
    """Distinct combinations, each field on its own (Bergstra & Bengio, 2012: random search beats a grid)."""
    _check_number(count, most)
    generator, chosen = random.Random(seed), {}
    for _ in range(count * MAX_TRIES):
        if len(chosen) == count:
            break
        values = {
            name: generator.choice(axis) if isinstance(axis, list) else axis.at(generator.random())
            for name, axis in axes.items()
        }
        chosen.setdefault(repr(values), values)
    return list(chosen.values())


def _check_number(number: int, most: int) -> None:
    if number > most:
        raise UserError(f"{number:,} runs were asked for; a sweep has at most {most:,} here. Give fewer values.")
    if number < 2:
        raise UserError("A sweep needs at least two combinations: give more values.")


def _axis(kind: type[RunSettings], name: str, spec: Any) -> Range | list[Any]:
    known = sweepable(kind)
    if name not in known:
        raise UserError(f"{name[:60]}: this kind has no such setting to vary. It has: {', '.join(known)}.")
    if isinstance(spec, list) and spec and all(isinstance(value, (str, int, float, bool)) for value in spec):
        if len(spec) > MAX_RUNS:
            raise UserError(f"{name}: {len(spec):,} values were given; at most {MAX_RUNS:,}.")
        return list(dict.fromkeys(_typed(value, known[name]["type"]) for value in spec))
    if isinstance(spec, dict) and known[name]["type"] in ("integer", "number"):
        return _range(name, spec, known[name]["type"] == "integer")
    raise UserError(f'{name}: give a list of values, or for a number {{"low": …, "high": …}}.')


def _typed(value: Any, kind: str) -> Any:
    """A number that was typed as text, so that two spellings of one value are one run."""
    if kind in ("integer", "number") and isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return value  # the settings class says what is wrong with it
        return int(number) if kind == "integer" and number.is_integer() else number
    return value


def _range(name: str, spec: Mapping[str, Any], integer: bool) -> Range:
    low, high = spec.get("low"), spec.get("high")
    numbers = [value for value in (low, high) if isinstance(value, (int, float)) and not isinstance(value, bool)]
    if len(numbers) < 2 or not all(map(math.isfinite, numbers)) or not numbers[0] < numbers[1]:
        raise UserError(f"{name}: low and high are two numbers, low the smaller.")
    log = spec.get("log")
    if log is None:
        log = numbers[0] > 0 and numbers[1] / numbers[0] >= LOG_RATIO
    if log and numbers[0] <= 0:
        raise UserError(f"{name}: on a logarithmic scale low is above 0.")
    return Range(numbers[0], numbers[1], bool(log), integer)


def best_place(values: Sequence[float | None], metric: str) -> int | None:
    """The place of the best value of a metric; None without any."""
    present = [(value, place) for place, value in enumerate(values) if value is not None and math.isfinite(value)]
    if not present:
        return None
    best = (min if lower_is_better(metric) else max)(value for value, _ in present)
    return next(place for value, place in present if value == best)


def on_log_axis(values: Sequence[Any]) -> bool:
    """Whether numbers are read more easily on a logarithmic axis."""
    numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    return bool(numbers) and min(numbers) > 0 and max(numbers) / min(numbers) >= LOG_RATIO


class Sweeps:
    """The records of sweeps, files in `.sweeps` beside the runs."""

    def __init__(self, runs_folder: Path):
        self.folder = runs_folder / ".sweeps"

    def write(self, sweep: Sweep) -> None:
        """Keep a record."""
        self.folder.mkdir(parents=True, exist_ok=True)
        files.write_json(self.folder / f"{sweep.id}.json", asdict(sweep))

    def get(self, sweep_id: str) -> Sweep:
        """A record by its id.

        Raises:
            UserError: If there is none, or it is damaged.
        """
        if not SWEEP_ID.fullmatch(sweep_id):
            raise UserError(f"{sweep_id[:60]!r} is not a sweep's id; ids look like sweep-0123456789abcdef.")
        try:
            return Sweep(**json.loads((self.folder / f"{sweep_id}.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise UserError(f"There is no sweep {sweep_id}.") from None
        except (OSError, ValueError, TypeError, RecursionError):
            raise UserError(f"The record of {sweep_id} is damaged; its runs are in the table of runs.") from None

    def all(self) -> list[Sweep]:
        """Every record that can be read, the newest first."""
        found = []
        for path in self.folder.glob("sweep-*.json"):
            try:
                found.append(self.get(path.stem))
            except UserError:  # damaged: the others are still worth listing
                continue
        return sorted(found, key=lambda sweep: sweep.created, reverse=True)


def new_id() -> str:
    """An id that no sweep has."""
    return f"sweep-{secrets.token_hex(8)}"


def title_of(values: Mapping[str, Any]) -> str:
    """A run's name within its sweep: "learning_rate 0.001, batch_size 8"."""
    return ", ".join(f"{name} {value}" for name, value in values.items())
