"""Endpoints: the public typed methods of what a kind loads. Their signatures and docstrings are the API's.

A kind declares them as a subclass of `Endpoints` that imports nothing heavy; its predictor, which imports torch,
implements it (in a plugin of one small file the predictor may be its own interface):

    class Classify(Endpoints):                          # classify/endpoints.py
        @abstractmethod
        def classify(self, text: str) -> dict[str, float]:
            \"""Label a text.\"""

    class ClassifierPredictor(Classify): ...            # classify/predictor.py
"""

from __future__ import annotations

import inspect
import re
from abc import ABC
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

NAME = re.compile(r"[a-z][a-z0-9_]{1,39}")
API_TYPES = (
    str,
    int,
    float,
    bool,
    Path,
    list[Path],
    list[str],
    list[float],
    dict[str, Any],
    dict[str, float],
    list[dict[str, Any]],
)


class Endpoints(ABC):  # noqa: B024 - the abstract methods are the subclasses'
    """What weights answer. Each public method of a subclass is an endpoint, `/{plugin}_{method}`.

    Parameters and results are of `API_TYPES`: files are `Path`s. A method annotated `Iterator[…]` streams: each value
    takes the place of the one before, the last is the result.
    """


def endpoints_of(interface: type[Endpoints] | None) -> dict[str, Callable[..., Any]]:
    """Name -> function of each endpoint of an interface, those of its bases first."""
    classes = [] if interface is None else [each for each in reversed(interface.__mro__) if issubclass(each, Endpoints)]
    return {
        name: function
        for each in classes
        for name, function in vars(each).items()
        if not name.startswith("_") and inspect.isfunction(function)
    }


def endpoint_types(endpoint: Callable[..., Any]) -> dict[str, Any]:
    """Parameter -> type without `self`, and `return`: of what streams, the type of each value."""
    hints = get_type_hints(endpoint)
    types = {name: hints.get(name) for name in inspect.signature(endpoint).parameters if name != "self"}
    result = hints.get("return")
    return types | {"return": get_args(result)[0] if get_origin(result) is Iterator else result}


def reads_file(endpoint: Callable[..., Any]) -> bool:
    """Whether an endpoint reads a table or a text from the parameter `file`, of any size and making."""
    return endpoint_types(endpoint).get("file") is Path and not streams(endpoint)


def streams(endpoint: Callable[..., Any]) -> bool:
    """Whether an endpoint yields its result in parts."""
    return get_origin(get_type_hints(endpoint).get("return")) is Iterator


def check_endpoint(endpoint: Callable[..., Any]) -> None:
    """Refuse an endpoint that cannot be published.

    Raises:
        ValueError: If it has no docstring, is untyped, or of types that JSON cannot carry.
    """
    name = endpoint.__name__
    if not NAME.fullmatch(name) or not inspect.getdoc(endpoint):
        raise ValueError(f"Endpoint {name!r} needs a docstring and a name like {NAME.pattern}.")
    if inspect.isgeneratorfunction(endpoint) and not streams(endpoint):
        raise ValueError(f"Endpoint {name!r} yields: annotate its result as Iterator[…].")
    untyped = [parameter for parameter, kind in endpoint_types(endpoint).items() if kind not in API_TYPES]
    if untyped:
        allowed = ", ".join(_type_name(kind) for kind in API_TYPES)
        raise ValueError(f"Endpoint {name!r}: {', '.join(untyped)} must be annotated with one of: {allowed}.")


def _type_name(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind).replace("typing.", "")
