"""A prompt as data: instruction, template with variables, labels with their words, examples. It becomes text here and nowhere else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from training.errors import UserError

SCHEMA = "selfsup-prompt/1"
PROMPT_FILE = "prompt.json"  # in an artifact, and on the Hub
VARIABLE = re.compile(r"\{\{|\}\}|\{([^{}\n]{1,60})\}")
LABEL = "label"
DEFAULT_TEMPLATE = "Text: {text}\nLabel: {label}"
CALIBRATIONS = ("none", "contextual", "pmi")
MAX_LABELS = 200
Row = Mapping[str, str]  # variable -> value, and for an example the label


@dataclass(frozen=True)
class Prompt:
    """What a query is asked with.

    Args:
        template: How one row is written, with {variables} and {label} last; `{{` and `}}` are braces.
        labels: Label -> the words that stand for it (its verbalizer), in order.
        instruction: Said once, before everything.
        separator: Between instruction, examples and query.
        examples: Rows with a label, in the order in which they are shown.
        calibrate: none, contextual or pmi; see `calibration`.
    """

    template: str = DEFAULT_TEMPLATE
    labels: Mapping[str, str] | None = None
    instruction: str = ""
    separator: str = "\n\n"
    examples: tuple[Row, ...] = ()
    calibrate: str = "none"
    name: str = ""

    def __post_init__(self) -> None:
        found = variables(self.template)
        if LABEL not in found:
            raise UserError("The template has no {label}: write it where the answer goes.")
        if len(found) < 2:
            raise UserError("The template has no variable beside {label}: write {text} where the text goes.")
        if self.calibrate not in CALIBRATIONS:
            raise UserError(f"calibrate: {self.calibrate[:40]!r} was given; it may be: {', '.join(CALIBRATIONS)}.")
        if self.labels is not None:
            _check_labels(self.labels)
            for number, example in enumerate(self.examples, 1):
                _check_example(number, example, self.labels, found)

    @property
    def names(self) -> list[str]:
        """The labels."""
        return list(self.labels or ())

    @property
    def fields(self) -> list[str]:
        """The template's variables but the label, in order."""
        return [name for name in variables(self.template) if name != LABEL]

    def query(self, row: Row) -> str:
        """One row, up to where its label goes."""
        return fill(self._before_label, row)

    def continuation(self, label: str, closed: bool = False) -> str:
        """What follows a query if this is its label; closed, with what follows a label in the examples."""
        words = (self.labels or {}).get(label, label)
        end = self.template[len(self._before_label) + len("{label}") :]
        return words + ((self.separator if not end or variables(end) else fill(end, {})) if closed else "")

    def shown(self, example: Row) -> str:
        """An example as the prompt has it."""
        words = (self.labels or {}).get(example[LABEL], example[LABEL])
        return fill(self.template, {**example, LABEL: words})

    def text(self, row: Row, examples: Sequence[Row] | None = None) -> str:
        """The whole prompt of a row."""
        shots = self.examples if examples is None else examples
        parts = [self.instruction, *(self.shown(example) for example in shots), self.query(row)]
        return self.separator.join(part for part in parts if part)

    @property
    def _before_label(self) -> str:
        return self.template[: self.template.index("{label}")]

    def bare(self) -> str:
        """What stands between the last variable and the label: all of a query that is the task's own."""
        before = self._before_label
        names = [match for match in VARIABLE.finditer(before) if match[1]]
        return fill(before[names[-1].end() :] if names else before, {})

    def with_examples(self, examples: Sequence[Row]) -> Prompt:
        return replace(self, examples=tuple(examples))

    def to_json(self) -> str:
        """The file a prompt is saved as."""
        record = {"schema": SCHEMA, **asdict(self), "examples": [dict(row) for row in self.examples]}
        return json.dumps(record, ensure_ascii=False, indent=2) + "\n"

    def save(self, path: Path) -> Path:
        path.write_text(self.to_json(), encoding="utf-8")
        return path


def variables(template: str) -> list[str]:
    """The names in braces, each once, in order."""
    return list(dict.fromkeys(match[1].strip() for match in VARIABLE.finditer(template) if match[1]))


def fill(template: str, row: Row) -> str:
    """Put values in the place of variables; braces inside a value stay what they are.

    Raises:
        UserError: If the row lacks one.
    """

    def value(match: re.Match) -> str:
        if match[1] is None:
            return match[0][0]
        name = match[1].strip()
        if name not in row:
            raise UserError(f"The template asks for {{{name}}}; the row has: {', '.join(row) or 'nothing'}.")
        return str(row[name])

    return VARIABLE.sub(value, template)


def parse_prompt(text: str) -> Prompt:
    """A saved prompt.

    Raises:
        UserError: If it is none.
    """
    try:
        record = json.loads(text)
        if record.pop("schema") != SCHEMA:
            raise ValueError
        prompt = Prompt(**{**record, "examples": tuple(record.get("examples", ()))})
        if not prompt.labels or not all(isinstance(each, str) for each in _texts(prompt)):
            raise ValueError
        return prompt
    except UserError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(f"That is no prompt: a JSON file with the schema {SCHEMA!r} was expected.") from None


def _texts(prompt: Prompt) -> list[Any]:
    """All that has to be text."""
    examples = [value for row in prompt.examples for value in row.values()]
    plain = [prompt.template, prompt.instruction, prompt.separator, prompt.calibrate, prompt.name]
    return [*plain, *(prompt.labels or {}).values(), *examples]


def parse_labels(words: Sequence[str]) -> dict[str, str]:
    """`label` or `label=words`, one each; words get a blank before them where the template's end needs one, see `spaced`."""
    found: dict[str, str] = {}
    for entry in words:
        name, _, said = str(entry).partition("=")
        if name.strip() in found:
            raise UserError(f"The label {name.strip()!r} is there twice: give each one name.")
        found[name.strip()] = said.strip() or name.strip()
    _check_labels(found)
    return found


def move_space_to_labels(template: str, labels: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Move blanks before {label} into the words: byte-level vocabularies have the blank in the word's first token."""
    at = template.find("{label}")
    before = template[:at].rstrip(" ") if at >= 0 else template
    gap = template[len(before) : at]
    return before + template[at:], {name: gap + words.strip(" ") for name, words in labels.items()}


def make_prompt(
    template: str,
    labels: Sequence[str] | Mapping[str, str],
    examples: Sequence[Row] = (),
    instruction: str = "",
    calibrate: str = "none",
    separator: str = "\n\n",
    name: str = "",
) -> Prompt:
    """A prompt from what a visitor wrote.

    Raises:
        UserError: For a template without its variables, labels that are empty or doubled, examples with others.
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
        raise UserError(f"{len(labels)} labels were given; 2 to {MAX_LABELS} were expected.")
    if not all(name.strip() and words.strip() for name, words in labels.items()):
        raise UserError("A label is empty: give each a name and words.")
    words = [each.strip() for each in labels.values()]
    twice = next((each for each in words if words.count(each) > 1), None)
    if twice is not None:
        raise UserError(f"Two labels have the same words {twice!r}: their scores could not be told apart.")


def _check_example(number: int, example: Row, labels: Mapping[str, str], needed: Sequence[str]) -> None:
    missing = [name for name in needed if name not in example]
    if missing:
        raise UserError(f"Example {number} lacks {', '.join(missing)}; it has: {', '.join(example) or 'nothing'}.")
    if example[LABEL] not in labels:
        raise UserError(
            f"Example {number} has the label {example[LABEL][:60]!r}, which is not in the list: {', '.join(labels)}."
        )
