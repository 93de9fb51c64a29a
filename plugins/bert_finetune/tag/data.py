"""What `tag` trains and evaluates on: read, checked, repaired and split. Needs no torch."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from plugins.bert_finetune.checks import tell_split
from plugins.bert_finetune.tag import schemes
from plugins.bert_finetune.tag.conll import is_conll, read_conll
from plugins.bert_finetune.tag.sentences import Sentence, from_table
from training.data.hub_dataset import load_hub_dataset
from training.data.splits import split_rows
from training.data.table import read_table
from training.errors import UserError
from training.preflight.sheet import Finding, Sheet
from training.wording import at_lines, counted, listed

if TYPE_CHECKING:
    from plugins.bert_finetune.tag.settings import TagSettings

LONG = 1000  # words in a sentence from which blank lines may be missing
FEW = 10  # entities of a kind


@dataclass(frozen=True)
class TagData:
    """Sentences with BIO or bare tags; `tags` are those of the training sentences, in the order of ids."""

    train: list[Sentence]
    evaluation: list[Sentence]
    tags: list[str]
    bare: bool
    findings: tuple[Finding, ...]


def check(settings: TagSettings) -> Sheet:
    """The preflight sheet; a file that cannot be read at all is a red row."""
    try:
        data = read(settings)
    except UserError as error:
        return Sheet((Finding("red", "The data cannot be used", str(error)),))
    shown = [{"words": " ".join(one.words[:40]), "tags": " ".join(one.tags[:40])} for one in data.train[:5]]
    return Sheet(data.findings, (), tuple(shown))


def read(settings: TagSettings) -> TagData:
    """Read, check and split what the settings name.

    Raises:
        UserError: If a file cannot be read.
    """
    found, findings = _sentences(settings.data, settings)
    bare = schemes.are_bare({tag for one in found for tag in one.tags})
    found, repairs = _as_bio(found, settings) if not bare else (found, [])
    findings += repairs + ([] if any(row.level == "red" for row in repairs) else _amounts(found, bare))
    if settings.eval_data:
        train, (evaluation, more) = found, _evaluation(settings, found, bare)
        findings += more
    else:
        keys = [one.words for one in found]
        left, held = split_rows(None, len(found), eval_share=settings.eval_share, seed=settings.seed, groups=keys)
        train, evaluation = [found[row] for row in left], [found[row] for row in held]
    tags = _all_tags(train, bare)
    if not any(finding.level == "red" for finding in findings):
        findings += [tell_split(len(train), len(evaluation), "sentence"), *_unseen(evaluation, set(tags))]
    return TagData(train, evaluation, tags, bare, tuple(findings))


def _sentences(source: str, settings: TagSettings) -> tuple[list[Sentence], list[Finding]]:
    if not source:
        if not settings.dataset:
            raise UserError("No data: upload a CoNLL file, or a table of tokens and tags or of texts and spans.")
        return from_table(load_hub_dataset(settings.dataset, "train"), settings)
    path = Path(source)
    if not path.is_file():
        raise UserError(f"There is no file {path.name}.")
    if not path.stat().st_size:
        raise UserError(f"{path.name} is empty (0 bytes).")
    if is_conll(path):
        return read_conll(path)
    table = read_table(path)
    sentences, findings = from_table(table, settings)
    return sentences, [*table.notices, *findings]


def _as_bio(found: list[Sentence], settings: TagSettings) -> tuple[list[Sentence], list[Finding]]:
    if schemes.are_io({tag for one in found for tag in one.tags}):
        title = "Tags are IO, without B-: words of one kind in a row are read as one entity"
        return [replace(one, tags=tuple(schemes.from_io(one.tags))) for one in found], [Finding("amber", title)]
    wrong = [(one.tags[place], one.lines[place]) for one in found for place in schemes.foreign(one.tags)]
    if wrong:
        names = listed([repr(tag) for tag in dict.fromkeys(tag for tag, _ in wrong)])
        lines = sorted({line for _, line in wrong})
        advice = "Expected O and B-, I- (or BIOES), such as B-PER."
        return found, [Finding("red", f"Tags {names} are not BIO ({at_lines(lines)})", advice)]
    made, orphans = [], []
    for one in found:
        tags, places = schemes.to_bio(one.tags)
        made.append(replace(one, tags=tuple(tags)))
        orphans += [one.lines[place] for place in places]
    if not orphans:
        return made, []
    if schemes.is_iob1([one.tags for one in found]):
        return made, [Finding("green", "Tags are IOB1: read as BIO")]
    title = f"{counted(len(orphans), 'tag')} I- with nothing to continue"
    if settings.repair_tags:
        return made, [Finding("amber", f"{title}, read as B-", f"{at_lines(orphans).capitalize()}.")]
    return made, [Finding("red", title, f"{at_lines(orphans).capitalize()}. Mend them, or set repair_tags.")]


def _amounts(found: list[Sentence], bare: bool) -> list[Finding]:
    if not found:
        return [Finding("red", "There is no sentence", "Every row was empty.")]
    labels = (one.tags if bare else [span.label for span in schemes.spans(one.tags)] for one in found)
    kinds, words = Counter(label for each in labels for label in each), sum(len(one.words) for one in found)
    findings = []
    if long := [one.lines[0] for one in found if len(one.words) > LONG]:
        most = max(len(one.words) for one in found)
        title = f"{counted(len(long), 'sentence')} of more than {LONG:,} words ({most:,} at most)"
        findings.append(Finding("amber", title, f"Are blank lines missing? From {at_lines(long)}; cut into windows."))
    if not kinds:
        title = "There is no entity in the whole file: every tag is O"
        return [*findings, Finding("red", title, "A tagger needs words to find.")]
    said = listed([f"{label} ({count:,})" for label, count in kinds.most_common()], 12)
    title = f"{counted(len(found), 'sentence')}, {counted(words, 'word')}; {'tags' if bare else 'entities'}: {said}"
    findings.append(Finding("green", title))
    if rare := [label for label, count in kinds.items() if count < FEW]:
        findings.append(Finding("amber", f"Fewer than {FEW} of: {listed(rare)}", "They will hardly be learned."))
    return findings


def _evaluation(settings: TagSettings, train: list[Sentence], bare: bool) -> tuple[list[Sentence], list[Finding]]:
    """The evaluation file, without the sentences that training has seen."""
    name = Path(settings.eval_data).name
    found, findings = _sentences(settings.eval_data, settings)
    if not bare:
        found, repairs = _as_bio(found, settings)
        findings += repairs
    findings = [replace(finding, title=f"{name}: {finding.title}") for finding in findings]
    known = {one.words for one in train}
    fresh = [one for one in found if one.words not in known]
    if len(fresh) == len(found):
        return found, findings
    title = f"{name}: {counted(len(found) - len(fresh), 'sentence')} also in the training file"
    if not fresh or not settings.drop_leaked:
        return found, [*findings, Finding("amber", title, "The score will be too good.")]
    return fresh, [*findings, Finding("amber", title, "Left out, or the score would be too good.")]


def _all_tags(train: list[Sentence], bare: bool) -> list[str]:
    """O first, then B- and I- of every kind; bare tags by alphabet."""
    if bare:
        return sorted({tag for one in train for tag in one.tags})
    kinds = sorted({tag[2:] for one in train for tag in one.tags if tag != schemes.OUTSIDE})
    return [schemes.OUTSIDE, *(f"{prefix}-{kind}" for kind in kinds for prefix in "BI")]


def _unseen(evaluation: list[Sentence], known: set[str]) -> list[Finding]:
    new = {tag[2:] if tag[1:2] == "-" else tag for one in evaluation for tag in one.tags if tag not in known}
    title = f"Evaluation has tags that training lacks: {listed(sorted(new))}"
    return [Finding("amber", title, "They cannot be found, and count as missed.")] if new else []
