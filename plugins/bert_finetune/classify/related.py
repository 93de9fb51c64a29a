"""Read labelled rows of related tasks with the label names of the run, to be scored at its end. Needs no torch."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.bert_finetune.classify.labelled_texts import LabelledTexts, clean_texts
from plugins.bert_finetune.classify.prompted import draw_rows
from training.data.column_guess import TextColumns, guess_text_columns
from training.data.several_tables import read_tables
from training.data.table import Table
from training.errors import UserError
from training.preflight.sheet import Finding
from training.wording import counted, listed

if TYPE_CHECKING:
    from plugins.bert_finetune.classify.settings import ClassifySettings

MAX_ROWS = 2000  # scored: the 95 % interval of an accuracy is then at most 0.022 to either side
SETTING = "related_data"


@dataclass(frozen=True)
class RelatedTexts:
    """Rows of a related task; each has a label of the run.

    Args:
        source: Name of their file.
        set_aside: Label that the run does not have -> its rows in the file.
    """

    source: str
    rows: LabelledTexts
    set_aside: dict[str, int]

    @property
    def shared(self) -> list[str]:
        """The labels of the run that occur here."""
        return sorted({labels[0] for labels in self.rows.labels})


def read_related(
    settings: ClassifySettings,
    columns: TextColumns,
    train: LabelledTexts,
    evaluation: LabelledTexts,
    names: Sequence[str],
) -> tuple[tuple[RelatedTexts, ...], list[Finding]]:
    """Read the tables of `related_data`; none without it, or where a finding is red.

    Args:
        columns: Of the training file; taken where the other file has them too, else guessed.
        names: Labels of the run.

    Raises:
        UserError: If a file cannot be read, or its columns cannot be guessed.
    """
    if not settings.related_data:
        return (), []
    try:
        tables = read_tables(Path(settings.related_data))
    except UserError as error:
        raise UserError(f"{SETTING}: {error}") from None
    related, findings = [], []
    for table in tables:
        source = table.source.removeprefix(f"{SETTING}-")  # as a run keeps it
        rows, found = _read_task(replace(table, source=source), settings, columns, (train, evaluation), names)
        findings += found
        related += [] if rows is None else [rows]
    blocked = any(finding.level == "red" for finding in findings)
    return () if blocked else tuple(related), findings


def _read_task(
    table: Table,
    settings: ClassifySettings,
    columns: TextColumns,
    known: tuple[LabelledTexts, LabelledTexts],
    names: Sequence[str],
) -> tuple[RelatedTexts | None, list[Finding]]:
    """The rows of one table; None where a finding is red.

    Args:
        known: Training and held-out rows of the run.
    """
    table = table.spelled_as([name for name in (columns.text, columns.text_pair, columns.label) if name])
    wanted = {columns.text, columns.text_pair, columns.label} - {None}
    own = columns if wanted <= {*table.names} else _guess(table, columns, names)
    rows, dropped = clean_texts(table, own, settings, names)
    findings = [replace(each, title=f"{table.source}: {each.title}") for each in (*table.notices, *dropped)]
    rows, others, label_findings = _with_known_labels(rows, names, table.source)
    rows, overlap_findings = _without_training_texts(rows, *known, table.source)
    findings += [*label_findings, *overlap_findings]
    if any(finding.level == "red" for finding in findings):
        return None, findings
    chosen = draw_rows(rows, MAX_ROWS, settings.seed)
    findings.append(_scored(chosen, len(rows), own, table.source))
    return RelatedTexts(table.source, chosen, dict(others.most_common())), findings


def _guess(table: Table, training: TextColumns, names: Sequence[str]) -> TextColumns:
    """Columns of a file that has others than the training file; that of the labels holds names of the run."""
    columns = ", ".join(filter(None, (training.text, training.text_pair, training.label)))
    advice = f"Name its columns as in the training file: {columns}."
    try:
        found = guess_text_columns(table, label_column=_column_of_labels(table, names))
    except UserError as error:
        raise UserError(f"{SETTING}: {str(error).split(' Choose one')[0]} {advice}") from None
    if training.text_pair and not found.text_pair:
        has = f"{table.source} has no second column of texts; it has: {', '.join(table.names)}"
        raise UserError(f"{SETTING}: the run is trained on pairs, and {has}. {advice}")
    return found if training.text_pair else replace(found, text_pair=None)


def _column_of_labels(table: Table, names: Sequence[str]) -> str:
    """The column with the most cells that are a label of the run; empty if no cell is one."""
    known, counts = {name.casefold() for name in names}, {"": 0}
    for name in table.names:
        with contextlib.suppress(UserError):  # images or records
            counts[name] = sum((cell or "").strip().casefold() in known for cell in table.strings(name))
    return max(counts, key=lambda name: counts[name])


def _with_known_labels(
    rows: LabelledTexts, names: Sequence[str], source: str
) -> tuple[LabelledTexts, Counter[str], list[Finding]]:
    """The rows whose label the run knows, spelled as the run does, and the other labels, counted.

    Capitals make no difference where none are meant.
    """
    unknown: Counter[str] = Counter()
    if not len(rows):
        return (
            rows,
            unknown,
            [Finding("red", f"{SETTING}: no row of {source} has a text and a label", "Choose another file.")],
        )
    folded = Counter(name.casefold() for name in names)
    spelling = {name.casefold(): name for name in names if folded[name.casefold()] == 1} | {
        name: name for name in names
    }
    given = [labels[0] for labels in rows.labels]
    found = [spelling.get(label) or spelling.get(label.casefold()) for label in given]
    unknown.update(label for label, name in zip(given, found, strict=True) if name is None)
    known = [row for row, name in enumerate(found) if name is not None]
    if not known:
        title = f"{SETTING}: {source} and the training file have no label in common"
        detail = f"It has {listed(sorted(unknown), 6)}; the run has {listed(names, 6)}. Write the same names in both."
        return rows, unknown, [Finding("red", title, detail)]
    spelled = replace(
        rows, labels=[(name,) if name else labels for name, labels in zip(found, rows.labels, strict=True)]
    )
    findings = []
    if unknown:
        left_out = listed([f"{label} ({number:,})" for label, number in unknown.most_common()])
        title = f"{source}: {counted(unknown.total(), 'row')} with a label that the run does not have"
        findings.append(Finding("amber", title, f"Left out: {left_out}."))
    shared = {found[row] for row in known}
    if len(shared) == 1:
        title = f"{source}: all rows that can be scored have the label {found[known[0]]!r}"
        findings.append(Finding("amber", title, "The accuracy there says how often this one label is found."))
    elif missing := [name for name in names if name not in shared]:
        title = f"{source}: no row has the run's label {listed([repr(name) for name in missing], 6)}"
        findings.append(Finding("amber", title, "Where it is predicted there, it counts as wrong."))
    return spelled.select(known), unknown, findings


def _without_training_texts(
    rows: LabelledTexts, train: LabelledTexts, evaluation: LabelledTexts, source: str
) -> tuple[LabelledTexts, list[Finding]]:
    """Leave out what was trained on; tell of what is held out, since that is no other task."""
    learned, held = {*train.keys()}, {*evaluation.keys()}
    kept = [row for row, key in enumerate(rows.keys()) if key not in learned]
    if len(rows) and not kept:
        title = f"{SETTING}: all texts of {source} are also in the training file"
        return rows, [Finding("red", title, "Choose a file of another task or source.")]
    findings = []
    if left_out := len(rows) - len(kept):
        title = f"{source}: {left_out:,} of {counted(len(rows), 'text')} also in the training file"
        findings.append(Finding("amber", title, "Left out."))
    rows = rows.select(kept)
    keys = rows.keys()
    if same := sum(key in held for key in keys):
        title = f"{source}: {same:,} of {counted(len(rows), 'text')} also among the held-out rows"
        findings.append(Finding("amber", title, "These are no related task: choose a file of another source."))
    return rows, findings


def _scored(rows: LabelledTexts, all_rows: int, columns: TextColumns, source: str) -> Finding:
    drawn = f", drawn at random from {all_rows:,}" if len(rows) < all_rows else ""
    counts = listed([f"{name} ({n:,})" for name, n in Counter(labels[0] for labels in rows.labels).most_common()])
    pair = f", second text in {columns.text_pair!r}" if columns.text_pair else ""
    title = f"{source}: {counted(len(rows), 'row')} of a related task to score at the end{drawn}"
    detail = f"Text in column {columns.text!r}{pair}, label in {columns.label!r}. Labels: {counts}."
    return Finding("green", title, detail)
