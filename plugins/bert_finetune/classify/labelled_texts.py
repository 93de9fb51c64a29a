"""Labelled texts from the columns of a table; rows without a text or a label are dropped and reported."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from plugins.bert_finetune.list_cells import parse_labels
from training.data.column_guess import TextColumns
from training.data.table import Table
from training.preflight.sheet import Finding
from training.wording import at_lines, counted

if TYPE_CHECKING:
    from plugins.bert_finetune.classify.settings import ClassifySettings

Labels = tuple[str, ...]  # of one text: one label, or any number if multi-label
NO_LABEL = {"nan", "null", "<na>", "n/a", "#n/a", "#n/a n/a", "unlabeled", "unlabelled", "no label"} | {
    *("#nv", "#value!", "#wert!", "#ref!", "#bezug!", "#name?", "#div/0!", "#null!", "#num!", "#zahl!")
}  # errors of spreadsheets, in English and German
NO_LABEL_MARK = re.compile(r"[-\N{EN DASH}\N{EM DASH}?._*~/#\N{HORIZONTAL ELLIPSIS}]+")
BITS = {"0", "1", "0.0", "1.0", "0.", "1.", "false", "true"}
VECTOR = re.compile(r"[01]{3,}|[01](?:\.0*)?(?:\s*[\s,;|/]\s*[01](?:\.0*)?)+")  # as one cell
MIN_SHARE_OF_CLASS = 0.02  # of the rows, for -1 to be a class beside 0 and 1
ANSWERS = {"accept", "reject", "ignore"}  # of annotators to the label that Prodigy proposed


@dataclass(frozen=True)
class LabelledTexts:
    """Cleaned rows: texts and labels trimmed, none empty; `lines` are their line numbers in the file."""

    texts: list[str]
    pairs: list[str] | None
    labels: list[Labels]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.texts)

    def keys(self) -> list[tuple[str, str]]:
        """Inputs of the rows (text and second text), to compare rows by."""
        return list(zip(self.texts, self.pairs or [""] * len(self), strict=True))

    def joined(self) -> list[str]:
        """Both texts of each row in one."""
        return self.texts if self.pairs is None else [" ".join(texts) for texts in self.keys()]

    def select(self, rows: Iterable[int]) -> LabelledTexts:
        """Return the rows of these indexes, in their order."""
        rows = list(rows)
        return LabelledTexts(
            [self.texts[row] for row in rows],
            None if self.pairs is None else [self.pairs[row] for row in rows],
            [self.labels[row] for row in rows],
            [self.lines[row] for row in rows],
        )


def clean_texts(
    table: Table, columns: TextColumns, settings: ClassifySettings, known: Collection[str] = ()
) -> tuple[LabelledTexts, list[Finding]]:
    """Trim texts and labels, and drop rows that lack one.

    Args:
        known: Labels of the training rows, for an evaluation file: none of them is a mark of no label.

    Raises:
        UserError: If the table lacks one of the columns.
    """
    texts = [clean_text(text) for text in table.strings(columns.text)]
    pairs = [clean_text(text) for text in table.strings(columns.text_pair)] if columns.text_pair else None
    items = _label_items(table, columns.label or "", settings)
    labels = [tuple(dict.fromkeys(filter(None, (label.strip() for label in row)))) for row in items]
    marks = _marks_of_no_label({label for row in labels for label in row} - {*known})
    is_class = marks == {"-1"} and _is_third_class(labels)
    if is_class:
        marks = set()
    rows = LabelledTexts(
        texts, pairs, [tuple(label for label in row if label not in marks) for row in labels], table.lines.tolist()
    )
    marked = [row for row, own in enumerate(labels) if marks & {*own}]
    unlabelled = [row for row, own in enumerate(rows.labels) if not own and not settings.multi_label]
    dropped = {
        "no visible text": [row for row, key in enumerate(rows.keys()) if "" in key[: 1 if pairs is None else 2]],
        "no label": sorted({*unlabelled} - {*marked}),
        "the annotator rejected or ignored the label": _rejected(table, columns),
        _why(marks): [row for row in marked if not rows.labels[row] and (not settings.multi_label or "-1" in marks)],
    }
    removed = {row for numbers in dropped.values() for row in numbers}
    findings = [_dropped(rows, numbers, why) for why, numbers in dropped.items() if numbers]
    findings += _vector_findings(items, settings)
    if is_class:
        findings.append(Finding("amber", "The label -1 is taken for a class, as 0 and 1 are."))
    return rows.select(row for row in range(len(rows)) if row not in removed), findings


def clean_text(text: str | None) -> str:
    """Trim a text, of training, evaluation and served rows alike; empty if no character of it is visible."""
    text = (text or "").strip()
    return text if any(unicodedata.category(character)[0] not in "CZ" for character in text) else ""


def _label_items(table: Table, column: str, settings: ClassifySettings) -> list[Sequence[str]]:
    """Labels of each cell as written: one, or for multi-label the items of a list, in whatever spelling."""
    cells = table.strings(column)
    values = table.column(column).to_pylist()
    if any(isinstance(value, list) for value in values):
        lists = [[str(item) for item in value or [] if item is not None] for value in values]
    else:
        lists = [parse_labels(cell or "") for cell in cells]
    if settings.multi_label:
        separator = settings.label_separator
        return [
            (cell or "").split(separator) if items is None else items for cell, items in zip(cells, lists, strict=True)
        ]
    return [
        items if items is not None and len(items) == 1 and cell != f"[{items[0]}]" else [cell or ""]
        for cell, items in zip(cells, lists, strict=True)
    ]


def _rejected(table: Table, columns: TextColumns) -> list[int]:
    """Rows of a Prodigy export whose label was not accepted."""
    if "answer" not in table.names or "answer" in (columns.text, columns.text_pair, columns.label):
        return []
    answers = table.column("answer").to_pylist()
    known = all(isinstance(answer, str) and answer in ANSWERS for answer in answers)
    return [row for row, answer in enumerate(answers) if answer != "accept"] if known else []


def _marks_of_no_label(names: set[str]) -> set[str]:
    """Labels that say that a row has none: `-` of SNLI, -1 of GLUE, and what exporters write for an empty cell.

    A mark of punctuation is a label where another label is punctuation, too: + and -. -1 is a mark where the other
    labels count from 0 or are words; classes -1 and 1 are left alone, and `_is_third_class` looks at -1, 0 and 1.
    """
    marks = {name for name in names if name.casefold() in NO_LABEL or NO_LABEL_MARK.fullmatch(name)}
    if any(not re.search(r"\w", name) for name in names - marks):
        marks = {name for name in marks if re.search(r"\w", name)}
    others = names - marks - {"-1"}
    is_counted = "0" in others and all(name.isdigit() for name in others)
    is_worded = bool(others) and not any(re.fullmatch(r"[-+]?[\d.,]+", name) for name in others)
    return marks | ({"-1"} & names if is_counted or is_worded else set())


def _is_third_class(labels: Sequence[Sequence[str]]) -> bool:
    """Whether -1 is a class beside 0 and 1, as negative is beside neutral and positive.

    Rows without a label are few, or stand together, as those of a test split do behind those of a training split.
    """
    rows = [row for row, own in enumerate(labels) if "-1" in own]
    is_block = rows[-1] - rows[0] + 1 == len(rows)
    return {*chain(*labels)} == {"-1", "0", "1"} and not is_block and len(rows) >= MIN_SHARE_OF_CLASS * len(labels)


def _why(marks: set[str]) -> str:
    if marks == {"-1"}:
        return "the label -1, which GLUE files use for 'no label' (if it is a class, give it a name)"
    return f"{' and '.join(map(repr, sorted(marks)))} {'are' if len(marks) > 1 else 'is'} taken for 'no label'"


def _vector_findings(items: list[Sequence[str]], settings: ClassifySettings) -> list[Finding]:
    """Report labels that are 0/1 vectors: 1 where a text has the class of that position, whose name is not there."""
    if all(len(row) == 1 and VECTOR.fullmatch(row[0].strip()) for row in items if any(row)):
        items = [re.findall(r"[01](?:\.0*)?", row[0]) if row else [] for row in items]
    widths = {len(row) for row in items if row and any(row)}
    values = {value.strip() for row in items for value in row} - {""}
    is_vector = len(widths) == 1 and max(widths) > 1 and {value.casefold() for value in values} <= BITS
    if not (settings.multi_label and is_vector):
        return []
    title = f"Labels are vectors of {max(widths)} zeros and ones, without the names of the classes"
    return [Finding("red", title, "Write the names instead, such as sport|news.")]


def _dropped(rows: LabelledTexts, numbers: list[int], why: str) -> Finding:
    where = at_lines([rows.lines[row] for row in numbers])
    return Finding("amber", f"{counted(len(numbers), 'row')} dropped: {why}", f"{where.capitalize()}.")
