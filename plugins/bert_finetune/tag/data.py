"""Read, check, repair and split tagged sentences. Needs no torch."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.bert_finetune.checks import split_finding
from plugins.bert_finetune.tag import schemes
from plugins.bert_finetune.tag.formats.conll import is_conll, read_conll
from plugins.bert_finetune.tag.formats.rows import read_rows, rows_of_table
from plugins.bert_finetune.tag.formats.tables import annotations_of
from plugins.bert_finetune.tag.formats.tag_values import class_names, named_tags
from plugins.bert_finetune.tag.sentences import Annotations, Sentence, cut
from plugins.bert_finetune.tag.words import WordRule, rule_of
from training.data.splits import split_rows
from training.data.text_documents import read_source
from training.errors import UserError
from training.preflight.sheet import Finding, Sheet
from training.wording import at_lines, counted, listed

if TYPE_CHECKING:
    from plugins.bert_finetune.tag.settings import TagSettings

MAX_SENTENCE_WORDS = 1000  # above it, blank lines between sentences may be missing
MIN_ENTITIES = 10  # per label


@dataclass(frozen=True)
class TagData:
    """Sentences with BIO tags or, if `plain`, tags without prefixes; `tags` are those of training, in id order.

    `rule` cut the words of both; what is served is cut by it too.
    """

    train: list[Sentence]
    evaluation: list[Sentence]
    tags: list[str]
    plain: bool
    sheet: Sheet
    rule: WordRule


def read(settings: TagSettings) -> TagData:
    """Read, check and split the data of the settings.

    Raises:
        UserError: If a file cannot be read.
    """
    annotations = _annotations(settings.data, settings)
    findings, given = annotations.findings, annotations.sentences
    plain = schemes.lack_prefixes({tag for sentence in given for tag in sentence.tags}) and bool(given)
    if given and not plain and not _is_red(findings):
        annotations.sentences, repairs = _as_bio(given, settings)
        findings += repairs
    rule = rule_of([sentence.words for sentence in given]) if given else WordRule()
    sentences = cut(annotations, rule)
    if not _is_red(findings):
        findings += _size_findings(annotations.sentences or sentences, plain)
    if settings.eval_data:
        train, (evaluation, more) = sentences, _evaluation(settings, annotations, sentences, plain, rule)
        findings += more
    else:
        keys = [sentence.words for sentence in sentences]
        rows, held = split_rows(None, len(keys), eval_share=settings.eval_share, seed=settings.seed, groups=keys)
        train, evaluation = [sentences[row] for row in rows], [sentences[row] for row in held]
    tags = _all_tags(train, plain)
    if not _is_red(findings):
        findings += [split_finding(len(train), len(evaluation), "sentence"), *_unseen_tags(evaluation, set(tags))]
    sample = [{"words": " ".join(row.words[:40]), "tags": " ".join(row.tags[:40])} for row in train[:5]]
    return TagData(train, evaluation, tags, plain, Sheet(tuple(findings), sample=tuple(sample)), rule)


def _is_red(findings: list[Finding]) -> bool:
    return any(finding.level == "red" for finding in findings)


def _annotations(source: str, settings: TagSettings, training: Annotations | None = None) -> Annotations:
    """Read a file, or the data set of the settings if there is none; class ids get names.

    Args:
        training: What was read of the training file, if this is another one.
    """
    names: dict[str, list[str]] = {}
    like = training.columns if training else None
    if not source:
        table = read_source("", settings.dataset)
        found = annotations_of(rows_of_table(table), settings)
    else:
        path = Path(source)
        if not path.is_file():
            raise UserError(f"There is no file {path.name}.")
        if not path.stat().st_size:
            raise UserError(f"{path.name} is empty (0 bytes).")
        if is_conll(path):
            found = read_conll(path, settings, like)
        else:
            rows, notices = read_rows(path)
            found, names = annotations_of(rows, settings, like), class_names(path)
            found.findings[:0] = notices
    own = names.get(found.columns.get("tags_column", ""), [])
    found.sentences, more = named_tags(found.sentences, settings.tag_names, settings.outside_tag, own)
    found.findings += more
    tags, trained = (
        {tag for one in each.sentences for tag in one.tags} if each else set() for each in (found, training)
    )
    if renamed := schemes.in_usual_form(tags, trained):
        found.sentences = [
            replace(one, tags=tuple(renamed.get(tag, tag) for tag in one.tags)) for one in found.sentences
        ]
        first, second = next(iter(sorted(renamed.items())))
        found.findings.append(Finding("green", f"Tags such as {first} are read as {second}"))
    return found


def _as_bio(sentences: list[Sentence], settings: TagSettings) -> tuple[list[Sentence], list[Finding]]:
    if schemes.are_io({tag for sentence in sentences for tag in sentence.tags}):
        title = "Tags are IO, without B-: adjacent words of one label are read as one entity"
        bio = [replace(sentence, tags=tuple(schemes.from_io(sentence.tags))) for sentence in sentences]
        return bio, [Finding("amber", title)]
    wrong = [
        (sentence.tags[position], sentence.lines[position])
        for sentence in sentences
        for position in schemes.invalid_positions(sentence.tags)
    ]
    if wrong:
        names = listed([repr(tag) for tag in dict.fromkeys(tag for tag, _ in wrong)])
        lines = sorted({line for _, line in wrong})
        advice = "Expected O and B-, I- (or BIOES), such as B-PER."
        return sentences, [Finding("red", f"Tags {names} are not BIO ({at_lines(lines)})", advice)]
    bio, orphans = [], []
    for sentence in sentences:
        tags, positions = schemes.to_bio(sentence.tags)
        bio.append(replace(sentence, tags=tuple(tags)))
        orphans += [sentence.lines[position] for position in positions]
    if not orphans:
        return bio, []
    if schemes.is_iob1([sentence.tags for sentence in sentences]):
        return bio, [Finding("green", "Tags are IOB1: read as BIO")]
    title = f"{counted(len(orphans), 'I- tag')} without a preceding B-"
    if settings.repair_tags:
        return bio, [Finding("amber", f"{title}, read as B-", f"{at_lines(orphans).capitalize()}.")]
    return bio, [Finding("red", title, f"{at_lines(orphans).capitalize()}. Correct them, or set repair_tags.")]


def _size_findings(sentences: list[Sentence], plain: bool) -> list[Finding]:
    if not sentences:
        return [Finding("red", "There is no sentence", "Every row is empty.")]
    labels = Counter(label for sentence in sentences for label in _labels(sentence, plain))
    words = sum(len(sentence.words) for sentence in sentences)
    findings = []
    if long := [sentence.lines[0] for sentence in sentences if len(sentence.words) > MAX_SENTENCE_WORDS]:
        longest = max(len(sentence.words) for sentence in sentences)
        title = f"{counted(len(long), 'sentence')} of more than {MAX_SENTENCE_WORDS:,} words ({longest:,} at most)"
        findings.append(Finding("amber", title, f"Are blank lines missing? From {at_lines(long)}; split into windows."))
    if not labels:
        title = "There is no entity in the whole file: every tag is O"
        return [*findings, Finding("red", title, "A tagger needs entities to learn from.")]
    counts = listed([f"{label} ({count:,})" for label, count in labels.most_common()], 12)
    noun = "tags" if plain else "entities"
    title = f"{counted(len(sentences), 'sentence')}, {counted(words, 'word')}; {noun}: {counts}"
    findings.append(Finding("green", title))
    if rare := [label for label, count in labels.items() if count < MIN_ENTITIES]:
        findings.append(
            Finding("amber", f"Fewer than {MIN_ENTITIES} of: {listed(rare)}", "They will hardly be learned.")
        )
    return findings


def _labels(sentence: Sentence, plain: bool) -> list[str]:
    return list(sentence.tags) if plain else [span.label for span in schemes.entity_spans(sentence.tags)]


def _evaluation(
    settings: TagSettings, training: Annotations, train: list[Sentence], plain: bool, rule: WordRule
) -> tuple[list[Sentence], list[Finding]]:
    """Read the evaluation file by the training file's columns, without the sentences that training has seen."""
    name = Path(settings.eval_data).name
    annotations = _annotations(settings.eval_data, settings, training)
    findings = annotations.findings
    if not plain and annotations.sentences:
        annotations.sentences, repairs = _as_bio(annotations.sentences, settings)
        findings += repairs
    sentences = cut(annotations, rule)
    findings = [replace(finding, title=f"{name}: {finding.title}") for finding in findings]
    seen = {sentence.words for sentence in train}
    fresh = [sentence for sentence in sentences if sentence.words not in seen]
    if len(fresh) == len(sentences):
        return sentences, findings
    title = f"{name}: {counted(len(sentences) - len(fresh), 'sentence')} also in the training file"
    if not fresh or not settings.drop_leaked:
        return sentences, [*findings, Finding("amber", title, "The score will be too high.")]
    return fresh, [*findings, Finding("amber", title, "Excluded from the evaluation.")]


def _all_tags(train: list[Sentence], plain: bool) -> list[str]:
    """O first, then B- and I- of every label; tags without prefixes alphabetically."""
    if plain:
        return sorted({tag for sentence in train for tag in sentence.tags})
    labels = sorted({tag[2:] for sentence in train for tag in sentence.tags if tag != schemes.OUTSIDE})
    return [schemes.OUTSIDE, *(f"{prefix}-{label}" for label in labels for prefix in "BI")]


def _unseen_tags(evaluation: list[Sentence], trained: set[str]) -> list[Finding]:
    tags = {tag for sentence in evaluation for tag in sentence.tags if tag not in trained}
    unseen = {tag[2:] if tag[1:2] == "-" else tag for tag in tags}
    title = f"Evaluation has tags that training lacks: {listed(sorted(unseen))}"
    return [Finding("amber", title, "They cannot be predicted, and count as missed.")] if unseen else []
