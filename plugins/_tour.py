"""A stop of the guided tour: what it says, its fields, and the function that answers with a model."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from plugins._contract import Plugin
from training.errors import UserError

LONGEST = 2000  # characters of a text


class Call(Protocol):
    """Calls an endpoint, or a function "module:name" with the loaded model first, of a plugin's weights."""

    def __call__(self, plugin: str, function: Callable[..., Any] | str, weights: str, *args: Any) -> Any:
        """The function's result; a `UserError` where the arguments cannot be used."""
        ...


@dataclass(frozen=True)
class Text:
    """A field for text."""

    label: str
    value: str

    def checked(self, given: Any) -> str:
        """The text as it is used; a `UserError` for none, or one that is too long."""
        text = str(given or "").strip()
        if not text:
            raise UserError(f"{self.label}: write a text.")
        if len(text) > LONGEST:
            raise UserError(f"{self.label}: the text has {len(text):,} characters; at most {LONGEST:,} are read here.")
        return text


@dataclass(frozen=True)
class Choice:
    """A choice among a few."""

    label: str
    options: tuple[str, ...]
    value: str

    def checked(self, given: Any) -> str:
        """The option; a `UserError` for none of them."""
        if given not in self.options:
            raise UserError(f"{self.label}: choose one of {', '.join(self.options)}.")
        return str(given)


@dataclass(frozen=True)
class Range:
    """A slider."""

    label: str
    low: float
    high: float
    step: float
    value: float

    def checked(self, given: Any) -> float:
        """The number; a `UserError` for one outside the slider."""
        if isinstance(given, bool) or not isinstance(given, int | float) or not self.low <= given <= self.high:
            raise UserError(f"{self.label}: give a number from {self.low:g} to {self.high:g}.")
        return given


Field = Text | Choice | Range


@dataclass(frozen=True)
class Link:
    """A way on from a stop.

    Args:
        kind: Of the plugin, for its training form; empty for the plugin's own page.
        query: What the address says, such as the sample that the form is filled in with.
    """

    text: str
    plugin: str
    kind: str = ""
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stop:
    """One stop.

    Args:
        name: In the address, `/tour?stop=NAME`.
        about: Two sentences.
        notice: What to see in the result.
        question: One to try.
        trial: Values of the fields that try it.
        fields: At most two texts, one choice and one slider.
        answer: (call, values of the fields in their order) -> the result as HTML, all text in it escaped.
        plugins: Those whose starters answer.
    """

    name: str
    title: str
    about: str
    notice: str
    question: str
    trial: tuple[Any, ...]
    fields: tuple[Field, ...]
    answer: Callable[..., str]
    plugins: tuple[str, ...]
    links: tuple[Link, ...] = ()
    button: str = "Run"

    def __post_init__(self) -> None:
        for kind, most in ((Text, 2), (Choice, 1), (Range, 1)):
            if sum(isinstance(each, kind) for each in self.fields) > most:
                raise ValueError(f"Stop {self.name!r} has more than {most} fields of type {kind.__name__}.")
        if len(self.trial) != len(self.fields):
            raise ValueError(f"Stop {self.name!r} tries {len(self.trial)} values in {len(self.fields)} fields.")

    @property
    def values(self) -> tuple[Any, ...]:
        """What the fields hold at first."""
        return tuple(each.value for each in self.fields)

    def checked(self, given: Sequence[Any]) -> tuple[Any, ...]:
        """The values of the fields.

        Raises:
            UserError: For the first that cannot be used.
        """
        return tuple(each.checked(value) for each, value in zip(self.fields, given, strict=True))


class Tour(Protocol):
    """The module `tour` of a plugin's package."""

    STOPS: tuple[Stop, ...]

    def card(self, call: Call) -> str:
        """A result that the plugin's starter computes, for Home, as HTML."""
        ...


def tour_of(plugin: Plugin) -> Tour | None:
    """The module `tour` of the package that a plugin's kinds stand in; None without one."""
    package = plugin.kinds[0].module.rpartition(".")[0]
    if not package or importlib.util.find_spec(f"{package}.tour") is None:
        return None
    return cast(Tour, importlib.import_module(f"{package}.tour"))
