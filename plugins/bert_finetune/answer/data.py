"""Questions with their contexts and answers: out of SQuAD JSON or a table, checked against the context. Needs no torch."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.bert_finetune.checks import tell_split
from training.data.column_names import plain_name
from training.data.encoding import find_encoding
from training.data.hub_dataset import load_hub_dataset
from training.data.splits import split_rows
from training.data.table import Table, read_table
from training.errors import UserError
from training.preflight.sheet import Finding, Sheet
from training.wording import counted, listed

if TYPE_CHECKING:
    from plugins.bert_finetune.answer.settings import AnswerSettings

QUESTION, CONTEXT, ANSWER = ("question", "query"), ("context", "passage", "paragraph", "text"), ("answers", "answer", "answertext")  # fmt: skip
START = ("answerstart", "start", "offset")
NO_OFFSET = -1


@dataclass(frozen=True)
class Question:
    """A question of a context.

    Args:
        answers: (text, character at which it starts in the context); none where there is no answer.
        place: Where it stands in the file, for people.
        group: Questions of one article stay on one side of a split.
    """

    question: str
    context: str
    answers: tuple[tuple[str, int], ...]
    place: str
    group: str


@dataclass
class Faults:
    """What is wrong with the answers of a file, by the questions' places."""

    moved: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    blank: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class AnswerData:
    """Questions to train and to evaluate on."""

    train: list[Question]
    evaluation: list[Question]
    findings: tuple[Finding, ...]

    @property
    def has_unanswerable(self) -> bool:
        """Whether training holds questions without an answer, as SQuAD 2 does."""
        return any(not one.answers for one in self.train)


def check(settings: AnswerSettings) -> Sheet:
    """The preflight sheet; a file that cannot be read at all is a red row."""
    try:
        data = read(settings)
    except UserError as error:
        return Sheet((Finding("red", "The data cannot be used", str(error)),))
    shown = [
        {"question": one.question, "answer": one.answers[0][0] if one.answers else "", "context": one.context[:200]}
        for one in data.train[:5]
    ]
    return Sheet(data.findings, (), tuple(shown))


def read(settings: AnswerSettings) -> AnswerData:
    """Read, check and split what the settings name; whole articles are held out.

    Raises:
        UserError: If a file cannot be read.
    """
    found, findings = _questions(settings.data, settings)
    if settings.eval_data:
        evaluation, more = _questions(settings.eval_data, settings)
        name = Path(settings.eval_data).name
        findings += [replace(finding, title=f"{name}: {finding.title}") for finding in more]
        findings += [*_leaks(found, evaluation, name), tell_split(len(found), len(evaluation), "question")]
        return AnswerData(found, evaluation, tuple(findings))
    train, held = _split(found, settings)
    findings += [tell_split(len(train), len(held), "question")] if found else []
    return AnswerData([found[row] for row in train], [found[row] for row in held], tuple(findings))


def _split(found: list[Question], settings: AnswerSettings) -> tuple[Any, Any]:
    """Whole articles are held out; where every one holds more than the share, whole contexts."""
    for groups in ([one.group for one in found], [one.context for one in found]):
        train, held = split_rows(None, len(found), eval_share=settings.eval_share, seed=settings.seed, groups=groups)
        if len(held):
            break
    return train, held


def _leaks(train: list[Question], evaluation: list[Question], name: str) -> list[Finding]:
    known = {(one.question, one.context) for one in train}
    leaked = sum((one.question, one.context) in known for one in evaluation)
    title = f"{name}: {counted(leaked, 'question')} also in the training file"
    return [Finding("amber", title, "The score will be too good.")] if leaked else []


def _questions(source: str, settings: AnswerSettings) -> tuple[list[Question], list[Finding]]:
    raw, notices = _raw(source, settings)
    faults = Faults()
    found = [checked for one in raw if (checked := _checked(one, faults)) is not None]
    findings = [*notices, *_told(faults, len(found))]
    if not found:
        return found, [*findings, Finding("red", "No question is left", "Every answer must occur in its context.")]
    without = sum(not one.answers for one in found)
    contexts = len({one.context for one in found})
    title = f"{counted(len(found), 'question')} of {counted(contexts, 'context')}, {without:,} without an answer"
    if without == len(found):
        return found, [*findings, Finding("red", title, "There is nothing to learn: give questions with answers.")]
    return found, [*findings, Finding("green", title)]


def _raw(source: str, settings: AnswerSettings) -> tuple[list[Question], list[Finding]]:
    if not source:
        if not settings.dataset:
            raise UserError("No data: upload SQuAD JSON, or a table with the columns question, context and answer.")
        return list(_of_table(load_hub_dataset(settings.dataset, "train"))), []
    path = Path(source)
    if not path.is_file():
        raise UserError(f"There is no file {path.name}.")
    if (loaded := read_squad(path)) is not None:
        found, notices = loaded
        return _distinct(list(found), path.name), notices
    table = read_table(path)
    return list(_of_table(table)), list(table.notices)


def read_squad(path: Path) -> tuple[Iterator[Question], list[Finding]] | None:
    """The questions of a SQuAD file; None if it is something else, such as rows of JSON."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    if suffixes[-1:] != [".json"] or not path.stat().st_size:
        return None
    file, notices = find_encoding(path)
    try:
        with file.open() as text:
            loaded = json.load(text)
    except (ValueError, RecursionError):
        return None  # the table reader says what is wrong, by line
    if not isinstance(loaded, dict) or not isinstance(loaded.get("data"), list):
        return None
    return _articles(loaded["data"], path.name), notices


def _articles(articles: list[Any], name: str) -> Iterator[Question]:
    try:
        for number, article in enumerate(articles, 1):
            for paragraph in article["paragraphs"]:
                for one in paragraph["qas"]:
                    answers = [] if one.get("is_impossible") else one.get("answers") or []
                    yield Question(
                        str(one["question"]).strip(),
                        str(paragraph["context"]),
                        tuple((str(answer["text"]), int(answer.get("answer_start", NO_OFFSET))) for answer in answers),
                        str(one.get("id", "")),
                        str(article.get("title") or number),
                    )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(
            f"{name} is not SQuAD JSON: {str(error)[:80]} is missing or of another kind. "
            "Expected data, paragraphs, qas, answers with text and answer_start."
        ) from None


def _distinct(found: list[Question], name: str) -> list[Question]:
    seen: dict[str, int] = {}
    for one in found:
        if one.place:
            seen[one.place] = seen.get(one.place, 0) + 1
    if twice := [place for place, count in seen.items() if count > 1]:
        raise UserError(f"{name}: question id {listed(twice, 3)} occurs twice. Give every question its own.")
    return found


def _of_table(table: Table) -> Iterator[Question]:
    names = {plain_name(name): name for name in reversed(table.names)}
    question, context, answer = (
        next((names[name] for name in known if name in names), "") for known in (QUESTION, CONTEXT, ANSWER)
    )
    if not (question and context and answer):
        raise UserError(f"{table.source} has the columns {', '.join(table.names)}. Expected question, context and answer (answer_start too if it is known).")  # fmt: skip
    starts = next((names[name] for name in START if name in names), "")
    offsets = table.strings(starts) if starts else [None] * len(table)
    rows = zip(
        table.strings(question),
        table.strings(context),
        table.column(answer).to_pylist(),
        offsets,
        table.lines.tolist(),
        strict=True,
    )
    for words, passage, given, offset, line in rows:
        answers = _cell_answers(given, offset)
        yield Question((words or "").strip(), passage or "", answers, f"line {line}", passage or "")


def _cell_answers(given: Any, offset: str | None) -> tuple[tuple[str, int], ...]:
    """A cell is a text, or as the Hub's data sets have it {"text": [...], "answer_start": [...]}."""
    if isinstance(given, str) and given.lstrip().startswith("{"):
        with contextlib.suppress(ValueError):  # then it is a text that begins with a brace
            given = json.loads(given)
    if isinstance(given, dict):
        texts, starts = given.get("text") or [], given.get("answer_start") or []
        texts = [texts] if isinstance(texts, str) else texts
        starts = [starts] if isinstance(starts, int) else starts
        return tuple(
            (str(text), int(start)) for text, start in zip(texts, [*starts, *[NO_OFFSET] * len(texts)], strict=False)
        )
    start = int(offset) if offset and re.fullmatch(r"\d{1,9}", offset.strip()) else NO_OFFSET
    return ((str(given), start),) if given is not None and str(given).strip() else ()


def _checked(one: Question, faults: Faults) -> Question | None:
    """The question with every answer where it stands in the context; None where nothing of it can be used."""
    if not one.question or not one.context.strip():
        faults.blank.append(one.place)
        return None
    answers = []
    for text, start in one.answers:
        place = _find(text.strip(), start, one.context)
        if place is None:
            continue
        if place != start and start != NO_OFFSET and one.context[start : start + len(text)].strip() != text.strip():
            faults.moved.append(one.place)
        answers.append((text.strip(), place))
    if one.answers and not answers:
        faults.missing.append(one.place)
        return None
    return replace(one, answers=tuple(answers))


def _find(text: str, start: int, context: str) -> int | None:
    """Where the answer stands, nearest to `start`."""
    places = [match.start() for match in re.finditer(re.escape(text), context)] if text else []
    return min(places, key=lambda place: abs(place - start)) if places else None


def _told(faults: Faults, left: int) -> list[Finding]:
    rows = (
        (faults.missing, "whose answer is not in its context: left out"),
        (faults.blank, "without a question or a context: left out"),
        (faults.moved, "whose answer stands elsewhere than it says: found and mended"),
    )
    return [
        Finding("amber", f"{counted(len(places), 'question')} {what}", f"Questions {listed(places)}.")
        for places, what in rows
        if places
    ]
