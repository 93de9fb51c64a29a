"""Rows that examples come from and rows to measure on, with every finding in words. Needs no torch."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.gpt_prompting.models.openai_model import connect
from plugins.gpt_prompting.prompting.labelled_rows import LabelledRows, read_rows
from plugins.gpt_prompting.prompting.prompts import LABEL, Prompt, Row, make_prompt
from training.data.column_guess import describe_columns
from training.data.splits import split_rows
from training.errors import UserError
from training.preflight.sheet import Finding, Sheet
from training.settings import HOSTED
from training.wording import counted, listed

if TYPE_CHECKING:
    from plugins.gpt_prompting.shots.settings import ShotsSettings

MAX_SHOTS = 256


@dataclass(frozen=True)
class ShotsData:
    """A prompt, rows to draw examples from, and rows to measure on that are none of them."""

    prompt: Prompt
    pool: list[Row]
    rows: list[Row]
    counts: list[int]
    findings: tuple[Finding, ...]
    read: LabelledRows

    @property
    def chance(self) -> float:
        return 1 / len(self.prompt.names)

    @property
    def majority(self) -> float:
        """Accuracy of always saying the most frequent label."""
        return Counter(row[LABEL] for row in self.rows).most_common(1)[0][1] / len(self.rows)


def check(settings: ShotsSettings) -> Sheet:
    """The preflight sheet."""
    try:
        data = read(settings)
    except UserError as error:
        return Sheet((Finding("red", "The prompt cannot be measured", str(error)),))
    return Sheet(data.findings, describe_columns(data.read.table), tuple(data.read.table.head(5)))


def read(settings: ShotsSettings) -> ShotsData:
    """Read and split what the settings name.

    Raises:
        UserError: For a template, labels or a file that do not fit each other, or too few rows.
    """
    if settings.model.startswith(HOSTED):
        connect(settings.model)  # its name has a form, and not every server may be asked from here
    if not settings.data:
        raise UserError("No data: upload a CSV, TSV, JSONL or Parquet file with a text and a label column.")
    counts, template = parse_counts(settings.shots), settings.template.replace("\\n", "\n")
    found = read_rows(Path(settings.data), template, settings.label_column)
    labels = [each for each in re.split(r"[,\n]", settings.labels) if each.strip()] or found.labels
    prompt = make_prompt(template, labels, (), settings.instruction, settings.calibrate)
    pool, rows, findings = _split(found, prompt, settings)
    if max(counts) > len(pool):
        raise UserError(f"shots: {max(counts)} examples were asked for; {len(pool)} rows are left to draw them from.")
    rows, left = _some(rows, settings)
    title = f"{counted(len(rows), 'row')} to measure on, {counted(len(pool), 'row')} to draw examples from"
    findings = [Finding("green", title, f"Labels: {listed(prompt.names, 12)}."), *findings, *left]
    return ShotsData(prompt, pool, rows, counts, (*found.table.notices, *findings), found)


def parse_counts(text: str) -> list[int]:
    """Numbers of examples.

    Raises:
        UserError: If one is none.
    """
    parts = [each.strip() for each in text.split(",") if each.strip()]
    if not parts or not all(each.isdecimal() and int(each) <= MAX_SHOTS for each in parts):
        raise UserError(
            f"shots: {text[:80]!r} was given; numbers from 0 to {MAX_SHOTS} were expected, such as 0, 1, 4."
        )
    return sorted({int(each) for each in parts})


def _split(found: LabelledRows, prompt: Prompt, settings: ShotsSettings) -> tuple[list[Row], list[Row], list[Finding]]:
    known = [row for row in found.rows if row[LABEL] in prompt.names]
    findings = []
    if len(known) < len(found.rows):
        title = f"{counted(len(found.rows) - len(known), 'row')} with other labels are left out"
        findings.append(Finding("amber", title, "The list of labels does not have them."))
    if settings.eval_data:
        held = read_rows(Path(settings.eval_data), prompt.template, settings.label_column)
        shown = {tuple(row[name] for name in prompt.fields) for row in known}
        rows = [row for row in held.rows if row[LABEL] in prompt.names]
        fresh = [row for row in rows if tuple(row[name] for name in prompt.fields) not in shown]
        if len(fresh) < len(rows):
            findings.append(Finding("amber", f"{counted(len(rows) - len(fresh), 'row')} stand in both files", "They are not measured on."))  # fmt: skip
        pool, rows = known, fresh
    else:
        keys = [tuple(row[name] for name in prompt.fields) for row in known]
        labels = [row[LABEL] for row in known]
        train, held_out = split_rows(
            labels, len(known), eval_share=settings.eval_share, seed=settings.seed, groups=keys
        )
        pool, rows = [known[at] for at in train], [known[at] for at in held_out]
    if len({row[LABEL] for row in rows}) < 2:
        raise UserError("The rows to measure on have fewer than two labels: give more rows, or other labels.")
    return pool, rows, findings


def _some(rows: list[Row], settings: ShotsSettings) -> tuple[list[Row], list[Finding]]:
    if len(rows) <= settings.eval_rows:
        return rows, []
    share = settings.eval_rows / len(rows)
    _, chosen = split_rows([row[LABEL] for row in rows], len(rows), eval_share=share, seed=settings.seed)
    left = Finding("green", f"{len(rows) - len(chosen):,} more rows are there", "Raise eval_rows for narrower intervals.")  # fmt: skip
    return [rows[at] for at in chosen], [left]
