"""Read questions with answers from SQuAD JSON or a table, and check them against the contexts. Needs no torch."""

from __future__ import annotations

import ast
import contextlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.bert_finetune.answer.find_answer import Place, find_answer
from plugins.bert_finetune.checks import split_finding
from plugins.bert_finetune.offset_units import COSTS, Cost, places_of
from training.data.column_names import plain_name
from training.data.encoding import find_encoding
from training.data.splits import split_rows
from training.data.table import Table, read_table
from training.data.text_documents import read_source
from training.errors import UserError
from training.preflight.sheet import Finding, Sheet
from training.wording import counted, listed

if TYPE_CHECKING:
    from plugins.bert_finetune.answer.settings import AnswerSettings

QUESTION, CONTEXT = ("question", "query"), ("context", "passage", "paragraph", "text")
ANSWER = ("answers", "answer", "answertext", "answerstext", "text")  # `text` beside a column of contexts
START = ("answerstart", "answersanswerstart", "startposition", "start", "offset")
IMPOSSIBLE = "isimpossible"  # SQuAD 2.0: the answer beside it is a plausible, wrong one
UNKNOWN_START = -1
MUCH_BETTER = 5  # times fewer answers elsewhere, for another unit than characters


@dataclass(frozen=True)
class QuestionExample:
    """A question about a context.

    Args:
        answers: (text, start character in the context) each; empty if the context has no answer.
        place: Its id or line in the file, for messages.
        group: Questions of one group (article) stay on one side of a split.
    """

    question: str
    context: str
    answers: tuple[tuple[str, int], ...]
    place: str
    group: str


@dataclass
class AnswerFaults:
    """Problems with the answers of a file, as places of the questions."""

    shifted: list[str] = field(default_factory=list)
    unplaced: list[str] = field(default_factory=list)  # no start is given, and the answer stands in several places
    inside_words: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    blank: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class AnswerData:
    """Training and evaluation questions."""

    train: list[QuestionExample]
    evaluation: list[QuestionExample]
    sheet: Sheet

    @property
    def has_unanswerable(self) -> bool:
        """Whether training has questions without an answer, as SQuAD 2.0."""
        return any(not example.answers for example in self.train)


def read(settings: AnswerSettings) -> AnswerData:
    """Read, check and split the data of the settings; whole articles are held out.

    Raises:
        UserError: If a file cannot be read.
    """
    examples, findings = _questions(settings.data, settings)
    if settings.eval_data:
        evaluation, more = _questions(settings.eval_data, settings)
        name = Path(settings.eval_data).name
        findings += [replace(finding, title=f"{name}: {finding.title}") for finding in more]
        findings += [
            *_overlap_findings(examples, evaluation, name),
            split_finding(len(examples), len(evaluation), "question"),
        ]
        return _with_sheet(examples, evaluation, findings)
    train, held = _split(examples, settings)
    findings += [split_finding(len(train), len(held), "question")] if examples else []
    return _with_sheet([examples[row] for row in train], [examples[row] for row in held], findings)


def _with_sheet(train: list[QuestionExample], evaluation: list[QuestionExample], findings: list[Finding]) -> AnswerData:
    sample = [
        {"question": row.question, "answer": row.answers[0][0] if row.answers else "", "context": row.context[:200]}
        for row in train[:5]
    ]
    return AnswerData(train, evaluation, Sheet(tuple(findings), sample=tuple(sample)))


def _split(examples: list[QuestionExample], settings: AnswerSettings) -> tuple[Any, Any]:
    """Hold out whole articles; whole contexts if every article is larger than the share."""
    for groups in ([example.group for example in examples], [example.context for example in examples]):
        train, held = split_rows(None, len(examples), eval_share=settings.eval_share, seed=settings.seed, groups=groups)
        if len(held):
            break
    return train, held


def _overlap_findings(train: list[QuestionExample], evaluation: list[QuestionExample], name: str) -> list[Finding]:
    seen = {(example.question, example.context) for example in train}
    leaked = sum((example.question, example.context) in seen for example in evaluation)
    title = f"{name}: {counted(leaked, 'question')} also in the training file"
    return [Finding("amber", title, "The score will be too high.")] if leaked else []


def _questions(source: str, settings: AnswerSettings) -> tuple[list[QuestionExample], list[Finding]]:
    raw, notices = _raw(source, settings)
    raw, ignored = _without_placeholders(raw)
    raw, converted = in_characters(raw)
    faults = AnswerFaults()
    examples = [checked for example in raw if (checked := _checked(example, faults)) is not None]
    findings = [*notices, *ignored, *converted, *_fault_findings(faults)]
    if not examples:
        return examples, [*findings, Finding("red", "No question is left", "Every answer must occur in its context.")]
    without = sum(not example.answers for example in examples)
    contexts = len({example.context for example in examples})
    title = f"{counted(len(examples), 'question')} on {counted(contexts, 'context')}, {without:,} without an answer"
    if without == len(examples):
        return examples, [*findings, Finding("red", title, "Nothing can be learned: give questions with answers.")]
    return examples, [*findings, Finding("green", title)]


def _raw(source: str, settings: AnswerSettings) -> tuple[list[QuestionExample], list[Finding]]:
    if not source:
        return list(_of_table(read_source("", settings.dataset))), []
    path = Path(source)
    if not path.is_file():
        raise UserError(f"There is no file {path.name}.")
    if (loaded := read_squad(path)) is not None:
        examples, notices = loaded
        return _check_ids(list(examples), path.name), notices
    table = read_table(path)
    return list(_of_table(table)), list(table.notices)


def read_squad(path: Path) -> tuple[Iterator[QuestionExample], list[Finding]] | None:
    """Read the questions of a SQuAD file, or of a list of its paragraphs; None for any other file, as rows of JSON."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    if suffixes[-1:] != [".json"] or not path.stat().st_size:
        return None
    file, notices = find_encoding(path)
    try:
        with file.open() as text:
            loaded = json.load(text)
    except (ValueError, RecursionError):
        return None  # the table reader reports what is wrong, by line
    if isinstance(loaded, list) and all(isinstance(item, dict) and {"context", "qas"} <= {*item} for item in loaded):
        loaded = {"data": [{"title": str(n), "paragraphs": [item]} for n, item in enumerate(loaded, 1)]}
    if not isinstance(loaded, dict) or not isinstance(loaded.get("data"), list):
        return None
    return _articles(loaded["data"], path.name), notices


def _articles(articles: list[Any], name: str) -> Iterator[QuestionExample]:
    try:
        for number, article in enumerate(articles, 1):
            for paragraph in article["paragraphs"]:
                for item in paragraph["qas"]:
                    answers = [] if _is_true(item.get("is_impossible")) else item.get("answers") or []
                    yield QuestionExample(
                        str(item["question"]).strip(),
                        str(paragraph["context"]),
                        tuple((str(answer["text"]), _start(answer.get("answer_start"))) for answer in answers),
                        str(item.get("id", "")),
                        str(article.get("title") or number),
                    )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(
            f"{name} is not SQuAD JSON: {str(error)[:80]} is missing or of another type. "
            "Expected data, paragraphs, qas, answers with text and answer_start."
        ) from None


def _is_true(value: Any) -> bool:
    return str(value).strip().casefold() in ("true", "1", "1.0", "yes")


def _start(value: Any) -> int:
    """A start, also as text or as 20.0; unknown if it is none."""
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return UNKNOWN_START


def _check_ids(examples: list[QuestionExample], name: str) -> list[QuestionExample]:
    counts = Counter(example.place for example in examples if example.place)
    if repeated := [place for place, count in counts.items() if count > 1]:
        raise UserError(f"{name}: question id {listed(repeated, 3)} occurs twice. Every question needs its own.")
    return examples


def _of_table(table: Table) -> Iterator[QuestionExample]:
    names = {plain_name(name): name for name in reversed(table.names)}
    question, context = (next((names[name] for name in own if name in names), "") for own in (QUESTION, CONTEXT))
    answer = next((names[name] for name in ANSWER if name in names and names[name] != context), "")
    if not (question and context and answer):
        expected = "question, context and answer (and answer_start, if known)"
        raise UserError(f"{table.source} has the columns {', '.join(table.names)}. Expected {expected}.")
    starts = next((names[name] for name in START if name in names), "")
    impossible = table.strings(names[IMPOSSIBLE]) if IMPOSSIBLE in names else [None] * len(table)
    offsets = table.strings(starts) if starts else [None] * len(table)
    rows = zip(
        table.strings(question),
        table.strings(context),
        table.column(answer).to_pylist(),
        offsets,
        table.lines.tolist(),
        impossible,
        strict=True,
    )
    for text, passage, cell, offset, line, has_none in rows:
        answers = () if _is_true(has_none) else _cell_answers(cell, offset)
        yield QuestionExample((text or "").strip(), passage or "", answers, f"line {line}", passage or "")


def _cell_answers(cell: Any, offset: str | None) -> tuple[tuple[str, int], ...]:
    """Answers of a cell: a text, a list of texts, or {"text": [...], "answer_start": [...]} as in data sets of the Hub.

    Lists and records may be written as text, in the spelling of JSON, Python or NumPy.
    """
    cell = _parsed(cell) if isinstance(cell, str) else cell
    if isinstance(cell, list) and cell and all(isinstance(item, dict) for item in cell):
        cell = {name: [item.get(name) for item in cell] for name in ("text", "answer_start")}
    if isinstance(cell, dict):
        texts, starts = cell.get("text") or [], cell.get("answer_start") or []
    else:
        texts, starts = ([] if cell is None else cell), [int(start) for start in re.findall(r"-?\d{1,9}", offset or "")]
    texts = [texts] if isinstance(texts, str) or not isinstance(texts, list) else texts
    starts = starts if isinstance(starts, list) else [starts]
    padded = [*starts, *[UNKNOWN_START] * len(texts)]
    return tuple((str(text), _start(start)) for text, start in zip(texts, padded, strict=False) if str(text).strip())


def _parsed(cell: str) -> Any:
    """The record or list that a cell spells; the cell itself if it is a text."""
    text = re.sub(r"array\((\[.*?\])(, dtype=\w+)?\)", r"\1", cell.strip(), flags=re.DOTALL)
    if not text.startswith(("{", "[")):
        return cell
    for parse in (json.loads, ast.literal_eval):
        with contextlib.suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            value = parse(text)
            is_list = isinstance(value, list) and len({*map(type, value)}) < 2
            if isinstance(value, dict) or (is_list and all(isinstance(item, str | dict) for item in value)):
                return value
    return cell


def _checked(example: QuestionExample, faults: AnswerFaults) -> QuestionExample | None:
    """Return the question with the corrected starts of its answers; None if it cannot be used."""
    if not example.question or not example.context.strip():
        faults.blank.append(example.place)
        return None
    answers, places = [], []
    for text, start in example.answers:
        if (place := find_answer(text, start, example.context)) is not None:
            places.append(place)
            answers.append((example.context[place.start : place.end], place.start))
    if example.answers and not answers:
        faults.missing.append(example.place)
        return None
    _note_faults(example.place, places, faults)
    return replace(example, answers=tuple(answers))


def _note_faults(name: str, places: list[Place], faults: AnswerFaults) -> None:
    if any(place.is_corrected for place in places):
        faults.shifted.append(name)
    if any(place.is_first_of_several for place in places):
        faults.unplaced.append(name)
    if any(place.is_inside_word for place in places):
        faults.inside_words.append(name)


def _without_placeholders(examples: list[QuestionExample]) -> tuple[list[QuestionExample], list[Finding]]:
    """Forget the starts of a file whose starts are all 0: a converter that did not know them wrote that."""
    starts = [start for example in examples for _, start in example.answers]
    if len(starts) < 2 or any(start != 0 for start in starts):
        return examples, []
    title = f"answer_start is 0 for all {counted(len(starts), 'answer')}: ignored"
    unknown = [
        replace(example, answers=tuple((text, UNKNOWN_START) for text, _ in example.answers)) for example in examples
    ]
    return unknown, [Finding("amber", title, "Each answer is searched in its context.")]


def in_characters(examples: list[QuestionExample]) -> tuple[list[QuestionExample], list[Finding]]:
    """Convert the starts of a file that counts in UTF-16 units, in bytes or with other line ends: where an answer
    stands in several places, the nearest to such a start is often another one."""
    plain = _misplaced(examples, None)
    if not plain or not any("\n" in one.context or not one.context.isascii() for one in examples):
        return examples, []
    wrong = {name: _misplaced(examples, cost) for name, cost in COSTS if cost}
    best = min(wrong, key=lambda name: wrong[name])
    if wrong[best] * MUCH_BETTER > plain:
        return examples, []
    cost = dict(COSTS)[best]
    converted = [
        replace(one, answers=tuple((text, _converted(one.context, start, cost)) for text, start in one.answers))
        for one in examples
    ]
    title = f"answer_start is counted in {best}: converted"
    return converted, [Finding("amber", title, f"As characters, {counted(plain, 'answer')} would be elsewhere.")]


def _misplaced(examples: list[QuestionExample], cost: Cost | None) -> int:
    """Answers that do not stand where the file says, counted in these units."""
    return sum(
        not one.context.startswith(text.strip(), _converted(one.context, start, cost))
        for one in examples
        for text, start in one.answers
        if start >= 0
    )


def _converted(context: str, start: int, cost: Cost | None) -> int:
    """A start in characters; as it is if no character begins there."""
    return places_of(cost, context).get(start, start) if cost and start > 0 else start


def _fault_findings(faults: AnswerFaults) -> list[Finding]:
    rows = (
        (faults.missing, "dropped: the answer is not in the context", ""),
        (faults.blank, "dropped: no question or no context", ""),
        (faults.shifted, "with a wrong answer_start: corrected", ""),
        (faults.unplaced, "whose answer stands in several places, with no answer_start: the first is taken", ""),
        (faults.inside_words, "whose answer stands only inside a word", " Is it a part of that word?"),
    )
    return [
        Finding("amber", f"{counted(len(places), 'question')} {what}", f"Questions {listed(places)}.{advice}")
        for places, what, advice in rows
        if places
    ]
