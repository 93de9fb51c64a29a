"""Sentence pairs: out of a table, or of two parallel text files, cleaned and split. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.bert_finetune.checks import tell_split
from training.data.column_guess import describe_columns
from training.data.encoding import find_encoding
from training.data.hub_dataset import load_hub_dataset
from training.data.splits import split_rows
from training.data.table import Table, read_table
from training.errors import UserError
from training.preflight.sheet import Finding, Sheet
from training.wording import at_lines, counted, listed

if TYPE_CHECKING:
    from plugins.bert_finetune.translate.settings import TranslateSettings

RATIO = 9.0  # times longer than its other half, in characters: most likely not aligned
SHORT = 30  # characters up to which a ratio says nothing


@dataclass(frozen=True)
class Pairs:
    """Texts, their translations, and the line of the file on which each stands."""

    sources: list[str]
    targets: list[str]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.lines)

    def select(self, rows: list[int]) -> Pairs:
        """Return the rows of these indexes, in their order."""
        sources, targets = [self.sources[row] for row in rows], [self.targets[row] for row in rows]
        return Pairs(sources, targets, [self.lines[row] for row in rows])


@dataclass(frozen=True)
class TranslateData:
    """What `translate` trains and evaluates on."""

    train: Pairs
    evaluation: Pairs
    findings: tuple[Finding, ...]


def check(settings: TranslateSettings) -> Sheet:
    """The preflight sheet; a file that cannot be read at all is a red row."""
    try:
        data = read(settings)
    except UserError as error:
        return Sheet((Finding("red", "The data cannot be used", str(error)),))
    shown = zip(data.train.sources[:5], data.train.targets[:5], strict=True)
    return Sheet(data.findings, (), tuple({"source": source, "target": target} for source, target in shown))


def read(settings: TranslateSettings) -> TranslateData:
    """Read, clean and split what the settings name; equal sources stay on one side.

    Raises:
        UserError: If a file cannot be read, the columns cannot be told, or two files differ in length.
    """
    pairs, findings = _pairs(settings.data, settings.target_data, settings)
    if not len(pairs):
        findings.append(Finding("red", "No pair is left", "Every row lacks one of its sides."))
    if not settings.eval_data:
        left, held = split_rows(None, len(pairs), eval_share=settings.eval_share, seed=settings.seed, groups=pairs.sources)  # fmt: skip
        findings += [tell_split(len(left), len(held), "pair")] if len(pairs) else []
        return TranslateData(pairs.select(left.tolist()), pairs.select(held.tolist()), tuple(findings))
    name = Path(settings.eval_data).name
    evaluation, more = _pairs(settings.eval_data, settings.eval_target_data, settings)
    findings += [replace(finding, title=f"{name}: {finding.title}") for finding in more]
    known = set(pairs.sources)
    fresh = [row for row, source in enumerate(evaluation.sources) if source not in known]
    if len(fresh) < len(evaluation):
        title = f"{name}: {counted(len(evaluation) - len(fresh), 'text')} also in the training file"
        findings.append(Finding("amber", title, "Left out, or the score would be too good." if fresh else "The score will be too good."))  # fmt: skip
    kept = evaluation.select(fresh) if fresh else evaluation
    findings.append(tell_split(len(pairs), len(kept), "pair"))
    return TranslateData(pairs, kept, tuple(findings))


def _pairs(source: str, target: str, settings: TranslateSettings) -> tuple[Pairs, list[Finding]]:
    sources, targets, lines, findings = _parallel(Path(source), Path(target)) if target else _table(source, settings)
    sources, targets = [(text or "").strip() for text in sources], [(text or "").strip() for text in targets]
    full = [row for row in range(len(sources)) if sources[row] and targets[row]]
    if len(full) < len(sources):
        gone = sorted({*range(len(sources))} - {*full})
        title = f"{counted(len(gone), 'row')} dropped: an empty side"
        findings.append(Finding("amber", title, f"{at_lines([lines[row] for row in gone]).capitalize()}."))
    pairs = Pairs(sources, targets, lines).select(full)
    return pairs, [*findings, *_shapes(pairs)]


def _shapes(pairs: Pairs) -> list[Finding]:
    """What looks as if the sides did not belong together."""
    if not len(pairs):
        return []
    rows = list(zip(pairs.sources, pairs.targets, strict=True))
    found = [Finding("green", f"{counted(len(pairs), 'pair')}, such as {rows[0][0][:60]!r} and {rows[0][1][:60]!r}")]
    odd = [pairs.lines[row] for row, (a, b) in enumerate(rows) if max(len(a), len(b)) > SHORT and max(len(a) / len(b), len(b) / len(a)) > RATIO]  # fmt: skip
    if odd:
        title = f"{counted(len(odd), 'pair')} with one side more than {RATIO:g} times as long as the other"
        found.append(Finding("amber", title, f"Are they aligned? {at_lines(odd).capitalize()}."))
    same = sum(a == b for a, b in rows)
    if same > len(rows) / 10:
        found.append(
            Finding("amber", f"{same / len(rows):.0%} of the pairs have two equal sides", "Check the columns.")
        )
    return found


def _parallel(source: Path, target: Path) -> tuple[list, list, list[int], list[Finding]]:
    """Two text files, a sentence a line.

    Raises:
        UserError: If they differ in length, with both.
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
            "line by line, one must be the translation of the other."
        )
    return sides[0], sides[1], list(range(1, len(sides[0]) + 1)), findings


def _table(source: str, settings: TranslateSettings) -> tuple[list, list, list[int], list[Finding]]:
    if source:
        table = read_table(Path(source))
    elif settings.dataset:
        table = load_hub_dataset(settings.dataset, "train")
    else:
        raise UserError("No data: upload a table with two columns of texts, or two parallel text files.")
    if nested := _nested(table, settings):
        return *nested, table.lines.tolist(), list(table.notices)
    first, second = _columns(table, settings)
    found = Finding("green", f"From column {first!r} to {second!r}")
    return table.strings(first), table.strings(second), table.lines.tolist(), [*table.notices, found]


def _nested(table: Table, settings: TranslateSettings) -> tuple[list, list] | None:
    """The Hub's form: a column `translation` of records, a text a language."""
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
    texts = [one["name"] for one in describe_columns(table) if one["type"] in ("text", "category")]
    left = [name for name in texts if name not in (settings.source_column, settings.target_column)]
    first = settings.source_column or (left.pop(0) if left else "")
    second = settings.target_column or (left.pop(0) if left else "")
    if len(texts) < 2:
        raise UserError(f"{table.source} has one column of texts: the translations are missing. Give them in a second column, or as target_data, line by line.")  # fmt: skip
    if not (first and second) or left:
        raise UserError(
            f"{table.source} has the columns {', '.join(table.names)}. Name source_column and target_column."
        )
    return first, second
