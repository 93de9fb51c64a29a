"""Prompt: instruction, template with variables, labels with their verbalizers, demonstrations; and its rendering as
text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from training.errors import UserError

SCHEMA = "selfsup-prompt/1"
PROMPT_FILE = "prompt.json"  # in an artifact and on the Hub
VARIABLE = re.compile(r"\{\{|\}\}|\{([^{}\n]{1,60})\}")
LABEL = "label"
DEFAULT_TEMPLATE = "Text: {text}\nLabel: {label}"
CALIBRATIONS = ("none", "contextual", "domain", "examples", "pmi")
MAX_LABELS = 200
Row = Mapping[str, str]  # variable -> value; a demonstration has its label too


@dataclass(frozen=True)
class Prompt:
    """A few-shot prompt.

    Args:
        template: How one row is written: {variables}, and {label} last; `{{` and `}}` are literal braces.
        labels: Label -> its words in the prompt (its verbalizer), in order.
        instruction: Written once, before everything else.
        separator: Between instruction, demonstrations and query.
        examples: The demonstrations: rows with a label, in the order in which they are shown.
        calibrate: none, contextual, domain, pmi (see `calibration`), or examples: domain, and the similarity to each
            label's examples and words (see `example_similarity`).
    """

    template: str = DEFAULT_TEMPLATE
    labels: Mapping[str, str] | None = None
    instruction: str = ""
    separator: str = "\n\n"
    examples: tuple[Row, ...] = ()
    calibrate: str = "none"
    name: str = ""

    def __post_init__(self) -> None:
        names = variables(self.template)
        if LABEL not in names:
            raise UserError("The template has no {label}: write it where the answer goes.")
        if len(names) < 2:
            raise UserError("The template has no variable beside {label}: write {text} where the text goes.")
        if self.calibrate not in CALIBRATIONS:
            raise UserError(f"calibrate: {self.calibrate[:40]!r} was given; it may be: {', '.join(CALIBRATIONS)}.")
        if self.labels is not None:
            _check_labels(self.labels)
            for number, example in enumerate(self.examples, 1):
                _check_example(number, example, self.labels, names)

    @property
    def names(self) -> list[str]:
        """The labels."""
        return list(self.labels or ())

    @property
    def fields(self) -> list[str]:
        """The template's variables but the label, in order."""
        return [name for name in variables(self.template) if name != LABEL]

    def query(self, row: Row) -> str:
        """Render a row up to where its label goes."""
        return fill(self._before_label, row)

    def continuation(self, label: str, closed: bool = False) -> str:
        """Render a label as it follows the query.

        Args:
            closed: Append what follows a label in the demonstrations.
        """
        words = (self.labels or {}).get(label, label)
        end = self.template[len(self._before_label) + len("{label}") :]
        return words + ((self.separator if not end or variables(end) else fill(end, {})) if closed else "")

    def example(self, example: Row) -> str:
        """Render a demonstration."""
        words = (self.labels or {}).get(example[LABEL], example[LABEL])
        return fill(self.template, {**example, LABEL: words})

    def text(self, row: Row, examples: Sequence[Row] | None = None) -> str:
        """Render the whole prompt of a row; `examples` take the place of the prompt's own."""
        shots = self.examples if examples is None else examples
        parts = [self.instruction, *(self.example(shot) for shot in shots), self.query(row)]
        return self.separator.join(part for part in parts if part)

    @property
    def _before_label(self) -> str:
        return self.template[: self.template.index("{label}")]

    def premise(self) -> str:
        """Return the template between the last variable and the label: the part of a query that does not depend on the
        row."""
        before = self._before_label
        names = [match for match in VARIABLE.finditer(before) if match[1]]
        return fill(before[names[-1].end() :] if names else before, {})

    def with_examples(self, examples: Sequence[Row]) -> Prompt:
        return replace(self, examples=tuple(examples))

    def to_json(self) -> str:
        """Serialise to the contents of `PROMPT_FILE`."""
        record = {"schema": SCHEMA, **asdict(self), "examples": [dict(row) for row in self.examples]}
        return json.dumps(record, ensure_ascii=False, indent=2) + "\n"

    def save(self, path: Path) -> Path:
        path.write_text(self.to_json(), encoding="utf-8")
        return path


def variables(template: str) -> list[str]:
    """List the names in braces without repetition, in order."""
    return list(dict.fromkeys(match[1].strip() for match in VARIABLE.finditer(template) if match[1]))


def fill(template: str, row: Row) -> str:
    """Replace variables by their values; braces inside a value stay as they are.

    Raises:
        UserError: If the row lacks one.
    """

    def value(match: re.Match) -> str:
        if match[1] is None:
            return match[0][0]
        name = match[1].strip()
        if name not in row:
            raise UserError(f"The template has the variable {{{name}}}; the row has: {', '.join(row) or 'nothing'}.")
        return str(row[name])

    return VARIABLE.sub(value, template)


def parse_prompt(text: str) -> Prompt:
    """Parse the contents of `PROMPT_FILE`.

    Raises:
        UserError: If they are no prompt.
    """
    try:
        record = json.loads(text)
        if record.pop("schema") != SCHEMA:
            raise ValueError
        prompt = Prompt(**{**record, "examples": tuple(record.get("examples", ()))})
        if not prompt.labels or not all(isinstance(text, str) for text in _texts(prompt)):
            raise ValueError
        return prompt
    except UserError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(f"The file is not a prompt: a JSON file with the schema {SCHEMA!r} was expected.") from None


def _texts(prompt: Prompt) -> list[Any]:
    """All values that must be strings."""
    examples = [value for row in prompt.examples for value in row.values()]
    plain = [prompt.template, prompt.instruction, prompt.separator, prompt.calibrate, prompt.name]
    return [*plain, *(prompt.labels or {}).values(), *examples]


def parse_labels(entries: Sequence[str]) -> dict[str, str]:
    """Parse entries of the form `label` or `label=words` to label -> words.

    Raises:
        UserError: For labels that are empty or occur twice.
    """
    labels: dict[str, str] = {}
    for entry in entries:
        name, _, words = (part.strip() for part in str(entry).partition("="))
        if name in labels:
            raise UserError(f"The label {name!r} occurs twice: give each a different name.")
        labels[name] = words or name
    _check_labels(labels)
    return labels


def move_space_to_labels(template: str, labels: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Move spaces before {label} into the words: byte-level vocabularies have the space in a word's first token."""
    start = template.index("{label}")
    before = template[:start].rstrip(" ")
    spaces = template[len(before) : start]
    return before + template[start:], {name: spaces + words.strip(" ") for name, words in labels.items()}


def make_prompt(
    template: str,
    labels: Sequence[str] | Mapping[str, str],
    examples: Sequence[Row] = (),
    instruction: str = "",
    calibrate: str = "none",
    separator: str = "\n\n",
    name: str = "",
) -> Prompt:
    """Make a prompt from what a visitor wrote.

    Raises:
        UserError: For a template without its variables, labels that are empty or occur twice, examples with unknown
            labels.
    """
    given = dict(labels) if isinstance(labels, Mapping) else parse_labels(labels)
    _check_labels(given)
    if "{label}" not in template:
        raise UserError("The template has no {label}: write it where the answer goes.")
    template, given = move_space_to_labels(template, given)
    rows = tuple({key: str(value) for key, value in example.items()} for example in examples)
    return Prompt(template, given, instruction.strip(), separator, rows, calibrate or "none", name)


def _check_labels(labels: Mapping[str, str]) -> None:
    if not 2 <= len(labels) <= MAX_LABELS:
        raise UserError(f"Give 2 to {MAX_LABELS} labels; there {'is' if len(labels) == 1 else 'are'} {len(labels)}.")
    if not all(name.strip() and words.strip() for name, words in labels.items()):
        raise UserError("A label is empty: give each a name and words.")
    words = [text.strip() for text in labels.values()]
    duplicate = next((text for text in words if words.count(text) > 1), None)
    if duplicate is not None:
        raise UserError(f"Two labels have the same words {duplicate!r}: their scores would be equal.")


def _check_example(number: int, example: Row, labels: Mapping[str, str], names: Sequence[str]) -> None:
    missing = [name for name in names if name not in example]
    if missing:
        raise UserError(f"Example {number} lacks {', '.join(missing)}; it has: {', '.join(example) or 'nothing'}.")
    if example[LABEL] not in labels:
        raise UserError(
            f"Example {number} has the label {example[LABEL][:60]!r}, which is not in the list: {', '.join(labels)}."
        )
