"""Labels in the JSON of an answer: under a key such as "label", as keys with scores, or as a list."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

MAX_DEPTH = 4
VALUE_KEYS = re.compile(
    r"(?:final|predicted)?[\s_-]*(?:label|answer|class|category|classification|prediction|sentiment|result|output|verdict|"
    r"choice|option|intent|topic|response|value|name|标签|標籤|答案|分类|類別|类别|ラベル|회답|레이블)(?:[\s_-]*(?:name|label))?",
    re.IGNORECASE,
)
SCORE_KEYS = re.compile(r"score|prob\w*|confidence|logit|weight|p", re.IGNORECASE)


def json_values(text: str) -> list[Any]:
    """Objects and lists in a text; a list only if it is the whole text."""
    whole = text.strip().strip("`")
    if whole.startswith("[") and (value := _loads(whole)) is not None:
        return [value]
    values, position = [], 0
    while (position := text.find("{", position)) >= 0:
        try:
            value, length = json.JSONDecoder(strict=False).raw_decode(text[position:])
        except (ValueError, RecursionError):
            value, length = _python_literal(text[position:])
        position += length
        values += [value] if isinstance(value, dict) else []
    return values


def _loads(text: str) -> Any:
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return _python_literal(text)[0]


def _python_literal(text: str) -> tuple[Any, int]:
    """A flat object or list with single quotes, as Python writes it, and its length."""
    match = re.match(r"(\{[^{}]*\}|\[[^\[\]]*\])", text)
    if match:
        quoted = re.sub(r"'((?:[^'\\]|\\.)*)'(?=\s*[:,}\]])", lambda found: json.dumps(found[1]), match[0])
        quoted = re.sub(r"\bTrue\b", "true", re.sub(r"\bFalse\b", "false", re.sub(r"\bNone\b", "null", quoted)))
        try:
            return json.loads(quoted, strict=False), len(match[0])
        except ValueError:
            pass
    return None, 1


class JsonReader:
    """Reads JSON values.

    Args:
        equal: The label that a text is; None if it is none.
        read: The labels that a sentence names.
    """

    def __init__(self, equal: Callable[[str], str | None], read: Callable[[str], set[str]]):
        self.equal, self.read_text = equal, read

    def read(self, value: object, depth: int = 0) -> set[str]:
        """The labels that a value names."""
        if isinstance(value, str):
            return self.read_text(value)
        if isinstance(value, bool):
            return self.read_text(str(value).lower())
        if isinstance(value, int | float):
            label = self.equal(str(value) if isinstance(value, int) else f"{value:g}")
            return {label} if label is not None else set()
        if isinstance(value, list) and depth < MAX_DEPTH:
            return self._of_list(value, depth)
        return self._of_object(value, depth) if isinstance(value, dict) and depth < MAX_DEPTH else set()

    def _of_object(self, value: Mapping[str, Any], depth: int) -> set[str]:
        if scores := self._scores(value):
            best = max(scores.values())
            return {name for name, score in scores.items() if score == best}
        keyed = [entry for key, entry in value.items() if VALUE_KEYS.fullmatch(str(key).strip())]
        for entries in (keyed, list(value.values())):
            texts = [entry for entry in entries if isinstance(entry, str)]
            if equal := {label for text in texts if (label := self.equal(text)) is not None}:
                return equal
        return set().union(*(self.read(entry, depth + 1) for entry in keyed))

    def _scores(self, value: Mapping[str, Any]) -> Mapping[str, float]:
        """Label -> score, of an object whose keys are labels."""
        named = {self.equal(str(key)): entry for key, entry in value.items()}
        scores = {name: entry for name, entry in named.items() if name is not None and isinstance(entry, int | float)}
        return scores if len(scores) > 1 or any(entry is True for entry in value.values()) else {}

    def _of_list(self, values: list[Any], depth: int) -> set[str]:
        """All labels of a list; of objects with scores, the best."""
        read = [self.read(value, depth + 1) for value in values]
        scores = [_score(value) for value in values]
        if values and None not in scores:
            return read[max(range(len(values)), key=lambda index: scores[index] or 0.0)]
        return set().union(*read)


def _score(value: object) -> float | None:
    """The number under a key such as "score"; None without one."""
    items = value.items() if isinstance(value, dict) else ()
    numbers = (entry for key, entry in items if SCORE_KEYS.fullmatch(str(key)) and isinstance(entry, int | float))
    return next(numbers, None)
