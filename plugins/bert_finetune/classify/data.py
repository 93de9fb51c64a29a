"""Read, clean, check and split labelled texts. Needs no torch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.bert_finetune.classify.label_checks import check_labels, check_overlap, check_split
from plugins.bert_finetune.classify.label_columns import SEPARATOR, gathered, label_columns, yes_no_columns
from plugins.bert_finetune.classify.label_leakage import check_label_leakage
from plugins.bert_finetune.classify.labelled_texts import LabelledTexts, clean_texts
from plugins.bert_finetune.classify.prompted import hosted_findings
from plugins.bert_finetune.classify.related import RelatedTexts, read_related
from training.data.column_guess import TextColumns, describe_columns, guess_text_columns
from training.data.splits import split_column, split_rows
from training.data.table import Table, read_table
from training.data.text_documents import read_source
from training.errors import UserError
from training.preflight.sheet import Finding, Sheet
from training.wording import listed

if TYPE_CHECKING:
    from plugins.bert_finetune.classify.settings import ClassifySettings


@dataclass(frozen=True)
class ClassifyData:
    """Training and evaluation rows; `label_names` are the labels of the training rows, in the order of their ids.

    `related` are rows of related tasks, to be scored at the end.
    """

    train: LabelledTexts
    evaluation: LabelledTexts
    label_names: list[str]
    columns: TextColumns
    sheet: Sheet
    related: tuple[RelatedTexts, ...] = ()


def read(settings: ClassifySettings) -> ClassifyData:
    """Read, clean, check and split the data of the settings.

    Raises:
        UserError: If a file cannot be read, a column is missing, or one is both text and label.
    """
    table = read_source(settings.data, settings.dataset)
    labels = label_columns(table, settings)
    table = gathered(table, labels)
    columns = _columns(table, settings, SEPARATOR.join(labels))
    if columns.label in (columns.text, columns.text_pair):
        raise UserError(f"Column {columns.label!r} is both the text and the label: choose two columns.")
    rows, dropped = clean_texts(table, columns, settings)
    findings = [
        *table.notices,
        _columns_found(columns, table),
        *split_column(table),
        *dropped,
        *check_labels(rows, settings),
        *check_label_leakage(rows),
    ]
    train, evaluation, split_findings = (
        _with_evaluation_file(rows, columns, labels, settings) if settings.eval_data else _split(rows, settings)
    )
    names = _sorted_labels({label for labels in train.labels for label in labels})
    findings += split_findings
    related: tuple[RelatedTexts, ...] = ()
    if not any(finding.level == "red" for finding in findings):
        findings += check_split(train, evaluation, settings)
        related, related_findings = read_related(settings, columns, train, evaluation, names)
        findings += related_findings
        tasks = [len(rows) for rows in (evaluation, *(each.rows for each in related)) if len(rows)]
        findings += hosted_findings(settings, tasks if related else [])
    sheet = Sheet(tuple(findings), describe_columns(table), tuple(table.head(5)))
    return ClassifyData(train, evaluation, names, columns, sheet, related)


def _columns(table: Table, settings: ClassifySettings, labels: str) -> TextColumns:
    """The columns as given or guessed; `labels` is the one that was put together of several."""
    try:
        return guess_text_columns(
            table,
            text_column=settings.text_column,
            text_pair_column=settings.text_pair_column,
            label_column=labels or settings.label_column,
        )
    except UserError as error:
        several = () if labels or settings.label_column else yes_no_columns(table)
        if not several:
            raise
        raise UserError(f"{error} Or turn multi_label on: then {listed(several)} are a label each.") from None


def _columns_found(columns: TextColumns, table: Table) -> Finding:
    pair = f", second text in {columns.text_pair!r}" if columns.text_pair else ""
    unused = [name for name in table.names if name not in (columns.text, columns.text_pair, columns.label)]
    detail = f"Not used: {listed(unused)}." if unused else ""
    return Finding("green", f"Text in column {columns.text!r}{pair}, label in {columns.label!r}", detail)


def _with_evaluation_file(
    train: LabelledTexts, columns: TextColumns, label_names: Sequence[str], settings: ClassifySettings
) -> tuple[LabelledTexts, LabelledTexts, list[Finding]]:
    """Read the evaluation file with the columns of the training file, and exclude rows that training has seen."""
    wanted = [name for name in (columns.text, columns.text_pair, columns.label) if name]
    table = gathered(read_table(Path(settings.eval_data)).spelled_as(label_names), label_names).spelled_as(wanted)
    names = {label for labels in train.labels for label in labels}
    evaluation, dropped = clean_texts(table, columns, settings, names)
    seen = set(train.keys())
    leaked = [row for row, key in enumerate(evaluation.keys()) if key in seen]
    is_excluded = settings.drop_leaked and len(leaked) < len(evaluation)
    findings = [replace(finding, title=f"{table.source}: {finding.title}") for finding in (*table.notices, *dropped)]
    findings += check_overlap(evaluation, leaked, table.source, is_excluded)
    if not is_excluded:
        return train, evaluation, findings
    return train, evaluation.select(sorted({*range(len(evaluation))} - {*leaked})), findings


def _split(rows: LabelledTexts, settings: ClassifySettings) -> tuple[LabelledTexts, LabelledTexts, list[Finding]]:
    """Hold rows out, stratified by each row's rarest label; every label keeps training rows."""
    counts = Counter(label for labels in rows.labels for label in labels)
    strata = [min(labels, key=lambda label: counts[label], default="") for labels in rows.labels]
    _, held_out = split_rows(strata, len(rows), eval_share=settings.eval_share, seed=settings.seed, groups=rows.keys())
    held = _keep_every_label(rows, held_out.tolist())
    return rows.select(row for row in range(len(rows)) if row not in held), rows.select(sorted(held)), []


def _keep_every_label(rows: LabelledTexts, held_out: Iterable[int]) -> set[int]:
    """Return the held-out rows without those whose label would be missing in training."""
    held = set(held_out)
    trained = {label for row, labels in enumerate(rows.labels) if row not in held for label in labels}
    keys = rows.keys()
    needed = {keys[row] for row in held if not trained.issuperset(rows.labels[row])}
    return {row for row in held if keys[row] not in needed}


def _sorted_labels(names: set[str]) -> list[str]:
    """Sort numbers by value, words alphabetically."""
    return sorted(names, key=lambda name: (0, int(name), "") if re.fullmatch(r"-?\d{1,18}", name) else (1, 0, name))
