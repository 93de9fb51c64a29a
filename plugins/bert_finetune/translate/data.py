"""Read, clean and split sentence pairs from a table or two parallel text files. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.bert_finetune.checks import split_finding
from training.data.column_guess import describe_columns
from training.data.encoding import find_encoding
from training.data.splits import split_rows
from training.data.table import Table
from training.data.text_documents import read_source
from training.errors import UserError
from training.preflight.sheet import Finding, Sheet
from training.wording import at_lines, counted, listed

if TYPE_CHECKING:
    from plugins.bert_finetune.translate.settings import TranslateSettings

MAX_LENGTH_RATIO = 9.0  # of the two lengths in characters; above it the pair is probably misaligned
MIN_CHECKED_CHARACTERS = 30  # shorter pairs are not checked: their ratio varies by chance


@dataclass(frozen=True)
class SentencePairs:
    """Source texts, their translations, and their line numbers in the file."""

    sources: list[str]
    targets: list[str]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.lines)

    def select(self, rows: list[int]) -> SentencePairs:
        """Return the rows of these indexes, in their order."""
        sources, targets = [self.sources[row] for row in rows], [self.targets[row] for row in rows]
        return SentencePairs(sources, targets, [self.lines[row] for row in rows])


@dataclass(frozen=True)
class TranslateData:
    """Training and evaluation pairs."""

    train: SentencePairs
    evaluation: SentencePairs
    sheet: Sheet


def read(settings: TranslateSettings) -> TranslateData:
    """Read, clean and split the data of the settings; equal sources stay on one side of the split.

    Raises:
        UserError: If a file cannot be read, the columns are ambiguous, or two files differ in length.
    """
    pairs, findings = _pairs(settings.data, settings.target_data, settings)
    if not len(pairs):
        findings.append(Finding("red", "No pair is left", "Every row lacks its source or its translation."))
    if not settings.eval_data:
        share, groups = settings.eval_share, pairs.sources
        rows, held = split_rows(None, len(pairs), eval_share=share, seed=settings.seed, groups=groups)
        findings += [split_finding(len(rows), len(held), "pair")] if len(pairs) else []
        return _with_sheet(pairs.select(rows.tolist()), pairs.select(held.tolist()), findings)
    name = Path(settings.eval_data).name
    evaluation, more = _pairs(settings.eval_data, settings.eval_target_data, settings)
    findings += [replace(finding, title=f"{name}: {finding.title}") for finding in more]
    seen = set(pairs.sources)
    fresh = [row for row, source in enumerate(evaluation.sources) if source not in seen]
    if len(fresh) < len(evaluation):
        title = f"{name}: {counted(len(evaluation) - len(fresh), 'text')} also in the training file"
        effect = "Excluded from the evaluation." if fresh else "The score will be too high."
        findings.append(Finding("amber", title, effect))
    kept = evaluation.select(fresh) if fresh else evaluation
    findings.append(split_finding(len(pairs), len(kept), "pair"))
    return _with_sheet(pairs, kept, findings)


def _with_sheet(train: SentencePairs, evaluation: SentencePairs, findings: list[Finding]) -> TranslateData:
    pairs = zip(train.sources[:5], train.targets[:5], strict=True)
    sample = tuple({"source": source, "target": target} for source, target in pairs)
    return TranslateData(train, evaluation, Sheet(tuple(findings), sample=sample))


def _pairs(source: str, target: str, settings: TranslateSettings) -> tuple[SentencePairs, list[Finding]]:
    sources, targets, lines, findings = _parallel(Path(source), Path(target)) if target else _table(source, settings)
    sources, targets = [(text or "").strip() for text in sources], [(text or "").strip() for text in targets]
    full = [row for row in range(len(sources)) if sources[row] and targets[row]]
    if len(full) < len(sources):
        dropped = sorted({*range(len(sources))} - {*full})
        title = f"{counted(len(dropped), 'row')} dropped: no source or no translation"
        findings.append(Finding("amber", title, f"{at_lines([lines[row] for row in dropped]).capitalize()}."))
    pairs = SentencePairs(sources, targets, lines).select(full)
    return pairs, [*findings, *_alignment_findings(pairs)]


def _alignment_findings(pairs: SentencePairs) -> list[Finding]:
    """Report pairs that look misaligned."""
    if not len(pairs):
        return []
    rows = list(zip(pairs.sources, pairs.targets, strict=True))
    findings = [Finding("green", f"{counted(len(pairs), 'pair')}, such as {rows[0][0][:60]!r} and {rows[0][1][:60]!r}")]
    uneven = [line for line, pair in zip(pairs.lines, rows, strict=True) if _is_uneven(*pair)]
    if uneven:
        title = (
            f"{counted(len(uneven), 'pair')} with one side more than {MAX_LENGTH_RATIO:g} times as long as the other"
        )
        findings.append(Finding("amber", title, f"Are they aligned? {at_lines(uneven).capitalize()}."))
    equal = sum(a == b for a, b in rows)
    if equal > len(rows) / 10:
        title = f"{equal / len(rows):.0%} of the pairs have two equal sides"
        findings.append(Finding("amber", title, "Check the columns."))
    return findings


def _is_uneven(source: str, target: str) -> bool:
    short, long = sorted((len(source), len(target)))
    return long > MIN_CHECKED_CHARACTERS and long / short > MAX_LENGTH_RATIO


def _parallel(source: Path, target: Path) -> tuple[list, list, list[int], list[Finding]]:
    """Read two text files with one sentence per line.

    Raises:
        UserError: If they differ in length.
    """
    sides, findings = [], []
    for path in (source, target):
        if not path.is_file():
            raise UserError(f"There is no file {path.name}.")
        file, notices = find_encoding(path)
        with file.open() as text:
            sides.append(text.read().splitlines() if path.stat().st_size else [])
        findings += notices
    if len(sides[0]) != len(sides[1]):
        raise UserError(
            f"{source.name} has {counted(len(sides[0]), 'line')} and {target.name} {len(sides[1]):,}: "
            "each line of one must be the translation of the same line of the other."
        )
    return sides[0], sides[1], list(range(1, len(sides[0]) + 1)), findings


def _table(source: str, settings: TranslateSettings) -> tuple[list, list, list[int], list[Finding]]:
    table = read_source(source, settings.dataset)
    if nested := _nested(table, settings):
        return *nested, table.lines.tolist(), list(table.notices)
    first, second = _columns(table, settings)
    finding = Finding("green", f"From column {first!r} to {second!r}")
    return table.strings(first), table.strings(second), table.lines.tolist(), [*table.notices, finding]


def _nested(table: Table, settings: TranslateSettings) -> tuple[list, list] | None:
    """Read the form of the Hub's data sets: a column `translation` of records, one text per language."""
    if "translation" not in table.names:
        return None
    rows = table.column("translation").to_pylist()
    languages = list(rows[0]) if rows and isinstance(rows[0], dict) else []
    first, second = settings.source_column or (languages or [""])[0], settings.target_column or (languages or [""])[-1]
    if len(languages) < 2 or first not in languages or second not in languages:
        raise UserError(
            f"The column translation of {table.source} has the languages {listed(languages)}. Name two of them."
        )
    return [row.get(first) for row in rows], [row.get(second) for row in rows]


def _columns(table: Table, settings: TranslateSettings) -> tuple[str, str]:
    if settings.source_column and settings.target_column:
        return settings.source_column, settings.target_column
    texts = [column["name"] for column in describe_columns(table) if column["type"] in ("text", "category")]
    free = [name for name in texts if name not in (settings.source_column, settings.target_column)]
    first = settings.source_column or (free.pop(0) if free else "")
    second = settings.target_column or (free.pop(0) if free else "")
    if len(texts) < 2:
        advice = "Give the translations in a second column, or line by line as target_data."
        raise UserError(f"{table.source} has one column of texts: the translations are missing. {advice}")
    if not (first and second) or free:
        raise UserError(
            f"{table.source} has the columns {', '.join(table.names)}. Set source_column and target_column."
        )
    return first, second
