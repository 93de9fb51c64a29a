"""Read, clean and split sentence pairs from a table or two parallel text files. Needs no torch."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.bert_finetune.checks import split_finding
from plugins.bert_finetune.translate.direction import check_direction
from training.data.column_guess import describe_columns, guess_text_columns
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
NESTED = "translation"  # column of the Hub's data sets: a record with one text per language
TRANSLATION = "translation"  # column that a translated file gains
Columns = tuple[str, str]  # names of the columns (or languages) of source and target; empty: not known
UNKNOWN: Columns = ("", "")


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
    """Training and evaluation pairs; `source_column` is where a table has the source texts, empty if that is open."""

    train: SentencePairs
    evaluation: SentencePairs
    source_column: str
    sheet: Sheet


def clean(text: str | None) -> str:
    """Trim a text and compose its accents (Unicode NFC): of training, evaluation and served texts alike.

    NFC is as far as this goes: what it changes looks the same. NFKC would write `,` for `，` and `1/2` for `½`.
    """
    return unicodedata.normalize("NFC", text or "").strip()


def read(settings: TranslateSettings) -> TranslateData:
    """Read, clean and split the data of the settings; equal sources stay on one side of the split.

    Raises:
        UserError: If a file cannot be read, the columns are ambiguous, or two files differ in length.
    """
    pairs, columns, findings = _pairs(settings.data, settings.target_data, settings, UNKNOWN)
    if not len(pairs):
        findings.append(Finding("red", "No pair is left", "Every row lacks its source or its translation."))
    if not settings.eval_data:
        share, groups = settings.eval_share, pairs.sources
        rows, held = split_rows(None, len(pairs), eval_share=share, seed=settings.seed, groups=groups)
        findings += [split_finding(len(rows), len(held), "pair")] if len(pairs) else []
        return _data(pairs.select(rows.tolist()), pairs.select(held.tolist()), columns, findings)
    evaluation, more = _evaluation(pairs, columns, settings)
    return _data(pairs, evaluation, columns, [*findings, *more])


def _evaluation(pairs: SentencePairs, columns: Columns, settings: TranslateSettings) -> tuple[SentencePairs, list]:
    """Read the evaluation file with the columns of the training file, without the sources that training has."""
    name = Path(settings.eval_data).name
    evaluation, _, notices = _pairs(settings.eval_data, settings.eval_target_data, settings, columns)
    findings = [replace(finding, title=f"{name}: {finding.title}") for finding in notices]
    findings += check_direction((pairs.sources, pairs.targets), (evaluation.sources, evaluation.targets), name)
    seen = set(pairs.sources)
    fresh = [row for row, source in enumerate(evaluation.sources) if source not in seen]
    if len(fresh) < len(evaluation):
        title = f"{name}: {counted(len(evaluation) - len(fresh), 'text')} also in the training file"
        effect = "Excluded from the evaluation." if fresh else "The score will be too high."
        findings.append(Finding("amber", title, effect))
    kept = evaluation.select(fresh) if fresh else evaluation
    return kept, [*findings, split_finding(len(pairs), len(kept), "pair")]


def _data(train: SentencePairs, evaluation: SentencePairs, columns: Columns, findings: list[Finding]) -> TranslateData:
    pairs = zip(train.sources[:5], train.targets[:5], strict=True)
    sample = tuple({"source": source, "target": target} for source, target in pairs)
    return TranslateData(train, evaluation, columns[0], Sheet(tuple(findings), sample=sample))


def _pairs(
    source: str, target: str, settings: TranslateSettings, columns: Columns
) -> tuple[SentencePairs, Columns, list[Finding]]:
    """Read and clean the pairs of a table or of two files, and drop those that lack a side.

    Args:
        columns: Those of the training file, for an evaluation file.
    """
    if target:
        read_sides, names = _parallel(Path(source), Path(target)), _languages(Path(source), Path(target))
    else:
        read_sides, names = _table(source, settings, columns)
    sides, lines, findings = read_sides
    sources, targets = ([clean(text) for text in side] for side in sides)
    full = [row for row in range(len(sources)) if sources[row] and targets[row]]
    if len(full) < len(sources):
        dropped = sorted({*range(len(sources))} - {*full})
        title = f"{counted(len(dropped), 'row')} dropped: no source or no translation"
        findings.append(Finding("amber", title, f"{at_lines([lines[row] for row in dropped]).capitalize()}."))
    pairs = SentencePairs(sources, targets, lines).select(full)
    return pairs, names, [*findings, *_alignment_findings(pairs)]


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


Sides = tuple[tuple[list, list], list[int], list[Finding]]  # both sides as read, line numbers, findings


def _parallel(source: Path, target: Path) -> Sides:
    """Read two text files with one sentence per line.

    Raises:
        UserError: If they differ in length.
    """
    (sources, notices), (targets, more) = _lines(source), _lines(target)
    if len(sources) != len(targets):
        raise UserError(
            f"{source.name} has {counted(len(sources), 'line')} and {target.name} {len(targets):,}: "
            "each line of one must be the translation of the same line of the other."
        )
    return (sources, targets), list(range(1, len(sources) + 1)), [*notices, *more]


def _lines(path: Path) -> tuple[list[str], list[Finding]]:
    """Lines of a text file as `wc -l` and editors count them.

    They end in a line feed, or both in a carriage return and one; where there is no line feed, in a carriage return.
    Unicode's other separators (U+2028, U+0085, form feed, which `str.splitlines` cuts at) stand inside sentences.
    """
    if not path.is_file():
        raise UserError(f"There is no file {path.name}.")
    if not path.stat().st_size:
        return [], []
    file, notices = find_encoding(path)
    with file.open() as opened:
        text = opened.read()
    lines = text.split("\n" if "\n" in text else "\r")
    return [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])], notices


def _languages(source: Path, target: Path) -> Columns:
    """Suffixes of two parallel files, which usually are their languages: corpus.en and corpus.de."""
    suffixes = ([suffix[1:] for suffix in path.suffixes if suffix.lower() != ".gz"] for path in (source, target))
    first, second = (names[-1] if names else "" for names in suffixes)
    return (first, second) if first != second else UNKNOWN


def _table(source: str, settings: TranslateSettings, columns: Columns) -> tuple[Sides, Columns]:
    """Read the pairs of a table.

    Args:
        columns: Those of the training file, which an evaluation file is read by; guessed for the training file.
    """
    table = read_source(source, settings.dataset)
    columns = _as_spelled(columns, table.names)
    if settings.target_data and not {*columns} <= {*table.names, *_nested_languages(table)}:
        columns = UNKNOWN  # suffixes of the training files that this table does not know
    if languages := _nested_languages(table):
        names = _choose_languages(table, languages, settings, columns)
        rows = table.column(NESTED).to_pylist()
        sides = tuple([(row or {}).get(name) for row in rows] for name in names)
    else:
        names = columns if all(columns) else _choose_columns(table, settings)
        sides = tuple(table.strings(name) for name in names)
    finding = Finding("green", f"From column {names[0]!r} to {names[1]!r}")
    return ((sides[0], sides[1]), table.lines.tolist(), [*table.notices, finding]), names


def _as_spelled(columns: Columns, names: Sequence[str]) -> Columns:
    """Names of the training file's columns as this table spells them: DE for de."""
    spelled = {name.casefold(): name for name in names}
    first, second = (column if column in names else spelled.get(column.casefold(), column) for column in columns)
    return first, second


def _nested_languages(table: Table) -> list[str]:
    """Languages of a column `translation` of records, the form of the Hub's data sets; empty for other tables."""
    rows = table.columns[NESTED].slice(0, 1).to_pylist() if NESTED in table.names else []
    return list(rows[0]) if rows and isinstance(rows[0], dict) else []


def _choose_languages(table: Table, languages: list[str], settings: TranslateSettings, columns: Columns) -> Columns:
    first, second = columns
    first = first or settings.source_column or languages[0]
    second = second or settings.target_column or languages[-1]
    if len(languages) < 2 or first not in languages or second not in languages:
        raise UserError(
            f"The column {NESTED} of {table.source} has the languages {listed(languages)}. Name two of them."
        )
    return first, second


def _choose_columns(table: Table, settings: TranslateSettings) -> Columns:
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


def source_texts(table: Table, source_column: str) -> list[str]:
    """Texts of a table to translate, cleaned as in training: of the column that training read, else of a guessed one.

    Raises:
        UserError: If the table has no column of texts.
    """
    if source_column in _nested_languages(table):
        return [clean((row or {}).get(source_column)) for row in table.column(NESTED).to_pylist()]
    if source_column not in table.names:
        others = {name: values for name, values in table.columns.items() if name != TRANSLATION}
        table = replace(table, columns=others or table.columns)
        source_column = guess_text_columns(table, need_label=False).text
    return [clean(text) for text in table.strings(source_column)]
