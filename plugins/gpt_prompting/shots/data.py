"""Data of the few-shot experiment: a pool that demonstrations are selected from, and rows to evaluate on, with the
findings."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.gpt_prompting.prompting.labelled_rows import LabelledRows, read_rows, rows_of
from plugins.gpt_prompting.prompting.prompts import LABEL, Prompt, Row, make_prompt
from training.data.column_guess import describe_columns
from training.data.splits import split_rows
from training.data.text_documents import read_source
from training.errors import UserError
from training.preflight.sheet import Finding, Sheet
from training.wording import counted, listed

if TYPE_CHECKING:
    from plugins.gpt_prompting.shots.settings import ShotsSettings

MAX_SHOTS = 256


@dataclass(frozen=True)
class ShotsData:
    """A prompt, and disjoint rows for demonstrations and evaluation.

    Args:
        prompt: Without demonstrations.
        pool: Rows that demonstrations are selected from.
        rows: Rows to evaluate on.
        counts: Numbers of demonstrations.
    """

    prompt: Prompt
    pool: list[Row]
    rows: list[Row]
    counts: list[int]
    sheet: Sheet

    @property
    def chance(self) -> float:
        return 1 / len(self.prompt.names)

    @property
    def majority(self) -> float:
        """Accuracy of always predicting the most frequent label."""
        return Counter(row[LABEL] for row in self.rows).most_common(1)[0][1] / len(self.rows)


def read(settings: ShotsSettings) -> ShotsData:
    """Read and split the files of the settings.

    Raises:
        UserError: For a template, labels or a file that do not fit each other, or too few rows.
    """
    counts, template = parse_counts(settings.shots), settings.template.replace("\\n", "\n")
    labelled = rows_of(read_source(settings.data, settings.dataset), template, settings.label_column)
    labels = split_labels(settings.labels) or labelled.labels
    prompt = make_prompt(template, labels, (), settings.instruction, settings.calibrate)
    pool, rows, findings = _split(labelled, prompt, settings)
    counts, fewer = _possible(counts, len(pool), settings)
    rows, left_out = _limit(rows, settings)
    title = f"{counted(len(rows), 'row')} to evaluate on, {counted(len(pool), 'row')} to select examples from"
    findings = [Finding("green", title, f"Labels: {listed(prompt.names, 12)}."), *findings, *fewer, *left_out]
    table = labelled.table
    sheet = Sheet((*table.notices, *findings), describe_columns(table), tuple(table.head(5)))
    return ShotsData(prompt, pool, rows, counts, sheet)


def split_labels(text: str) -> list[str] | dict[str, str]:
    """Split the setting `labels`: a JSON list, a JSON object (label -> words), one label a line, or commas between
    them, where a label with a comma is written in quotes.

    Raises:
        UserError: If it begins like JSON and is none.
    """
    text = text.strip().replace("\\n", "\n")
    if text.startswith(("[", "{")):
        return _json_labels(text)
    if "\n" in text:
        return [line.strip() for line in text.splitlines() if line.strip()]
    return [entry.strip() for row in csv.reader([text], skipinitialspace=True) for entry in row if entry.strip()]


def _json_labels(text: str) -> list[str] | dict[str, str]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return value
    if isinstance(value, dict) and all(isinstance(entry, str) for entry in value.values()):
        return value
    raise UserError(
        f"labels: {text[:80]!r} was given; a JSON list of texts was expected, or an object with the words of each."
    )


def parse_counts(text: str) -> list[int]:
    """Parse comma-separated numbers of demonstrations; returns them sorted, each once.

    Raises:
        UserError: If one is no number from 0 to 256.
    """
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    if not entries or not all(entry.isdecimal() and int(entry) <= MAX_SHOTS for entry in entries):
        raise UserError(
            f"shots: {text[:80]!r} was given; numbers from 0 to {MAX_SHOTS} were expected, such as 0, 1, 4."
        )
    return sorted({int(entry) for entry in entries})


def _split(
    labelled: LabelledRows, prompt: Prompt, settings: ShotsSettings
) -> tuple[list[Row], list[Row], list[Finding]]:
    """Pool and evaluation rows, which never share a text."""

    def values(row: Row) -> tuple[str, ...]:
        return tuple(row[name] for name in prompt.fields)

    usable = [row for row in labelled.rows if row[LABEL] in prompt.names]
    findings = []
    if len(usable) < len(labelled.rows):
        title = f"{counted(len(labelled.rows) - len(usable), 'row')} with other labels are left out"
        findings.append(Finding("amber", title, "The list of labels does not have them."))
    if settings.eval_data:
        held_out = read_rows(Path(settings.eval_data), prompt.template, settings.label_column)
        in_pool = {values(row) for row in usable}
        rows = [row for row in held_out.rows if row[LABEL] in prompt.names]
        fresh = [row for row in rows if values(row) not in in_pool]
        if len(fresh) < len(rows):
            title = f"{counted(len(rows) - len(fresh), 'row')} are in both files"
            findings.append(Finding("amber", title, "They are not evaluated on."))
        pool, rows = usable, fresh
    else:
        labels, texts = [row[LABEL] for row in usable], [values(row) for row in usable]
        sides = split_rows(labels, len(usable), eval_share=settings.eval_share, seed=settings.seed, groups=texts)
        pool, rows = ([usable[index] for index in side] for side in sides)
    if len({row[LABEL] for row in rows}) < 2:
        raise UserError("The rows to evaluate on have fewer than two labels: give more rows, or other labels.")
    return pool, rows, findings


def _possible(counts: list[int], pool: int, settings: ShotsSettings) -> tuple[list[int], list[Finding]]:
    """The numbers of demonstrations that the pool allows. Of the usual ones, larger numbers are left out.

    Raises:
        UserError: If a number that was given is larger than the pool.
    """
    possible = [count for count in counts if count <= pool]
    if possible == counts:
        return counts, []
    have = f"{counted(pool, 'row')} {'is' if pool == 1 else 'are'} left to select them from"
    usual = type(settings).model_fields["shots"].default
    if parse_counts(settings.shots) != parse_counts(usual):
        raise UserError(f"shots: {max(counts)} examples were asked for; {have}: give numbers up to {pool}.")
    title = f"At most {counted(possible[-1], 'example')} in a prompt"
    detail = (
        f"{have[0].upper()}{have[1:]}: the usual numbers above that ({listed(counts[len(possible) :])}) are left out."
    )
    return possible, [Finding("amber", title, detail)]


def _limit(rows: list[Row], settings: ShotsSettings) -> tuple[list[Row], list[Finding]]:
    """At most `eval_rows` rows, stratified by label."""
    if len(rows) <= settings.eval_rows:
        return rows, []
    share = settings.eval_rows / len(rows)
    _, kept = split_rows([row[LABEL] for row in rows], len(rows), eval_share=share, seed=settings.seed)
    title = f"{len(rows) - len(kept):,} more rows are there"
    return [rows[index] for index in kept], [Finding("green", title, "Raise eval_rows for narrower intervals.")]
