"""Parse a label from a generated answer, for models that give no log-likelihoods of the labels.

An answer names a label if it is the label, says so in JSON, between tags or after words such as "answer:", or mentions
one label and no other without negating it. What is ambiguous names none: a missing label is counted, a wrong one isn't.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from plugins.gpt_prompting.models.label_json import JsonReader, json_values
from plugins.gpt_prompting.models.negation import is_negated
from plugins.gpt_prompting.models.reasoning import split_reasoning

MIN_LABEL_PROBABILITY = 0.5  # of the first token; with less on all labels together, the answer's text decides
MAX_CHARACTERS = 50_000  # of an answer, which are read
DECORATION = " \t\r\n\"'`´*_#>~-–—•.,;:!?()[]{}<|=“”„‚‘’«»‹›「」『』【】《》〈〉（）。，！？：；、…/\\"
# Of scripts without word edges.
SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
LETTER = rf"[^\W_{SPACELESS}]"  # a letter or digit that belongs to the same word as its neighbours
COMMON_WORDS = re.compile(  # that are words of a sentence more often than labels
    "[aeiouy]|an|am|is|are|it|us|we|he|me|my|in|on|at|to|of|or|and|no|so|as|be|by|do|go|if|up|who|all|any|can|may|not|one|"
    "out|this|that",
    re.IGNORECASE,
)
TAGGED = re.compile(
    r"<(answer|final|final_answer|output|result|response|label|class|classification|category|sentiment|prediction)>(.*?)</\1>",
    re.IGNORECASE | re.DOTALL,
)
BOXED = re.compile(r"\\boxed\{(?:\\\w+\{)?([^{}]*)\}")
FENCE = re.compile(r"\A\s*```\w*\s*\n?(.*?)\n?\s*```\s*\Z", re.DOTALL)
BLOCKS = re.compile(  # of reasoning, by tags that only an answer with one label would have
    r"<(analysis|reflection|rationale|scratchpad|explanation|cot|reasoning|thoughts?|thinking|think)>.*?(?:</\1>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
SPECIAL_TOKEN = re.compile(r"<\|[^|<>]*\|>|</?s>|<(?:end|start)_of_turn>|\[/?INST\]|<(?:eos|bos|pad)>")
CUE = re.compile(
    r"(?:\b(?P<final>final(?:ly)?\W+|therefore\W+|overall\W+)?(?:the\s+|my\s+)?(?:correct\s+|best\s+|predicted\s+|right\s+)?"
    r"(?:answer|label|class|classification|category|sentiment|prediction|verdict|option|choice|result|output|intent|topic|"
    r"conclusion|rating|classified|categori[sz]ed|labell?ed|antwort|klasse|kategorie|stimmung|étiquette|réponse|catégorie|"
    r"etiqueta|respuesta|categoría|risposta|categoria|resposta|ответ|метка|класс|категория|тональность)\b"
    r"|(?:最终|最終)?(?:答案|标签|標籤|分类|分類|类别|類別|结果|結果|情感|ラベル|回答|答え|정답|레이블|분류|답))"
    r"[\s*_`\"'“‘:：=\->→—–]*(?:(?:is|as|would\s+be|should\s+be|must\s+be|ist|est|es|é|è|は|是|为|為|은|는|это)(?!\w))?"
    r"[\s*_`\"'“‘«「『【(\[{<:：=→>-]*(?:(?:an?|the|clearly|definitely|most\s+likely|probably|option|label|class|therefore)\s+)?"
    r"[\s*_`\"'“‘«「『【(\[{<]*\Z",
    re.IGNORECASE,
)
LIST = re.compile(
    r"[\s\"'`*_”’]*(?:,\s*(?:or|and)?|/|\||\bor\b|\band\b|\boder\b|\bund\b|\bou\b|\bet\b|、|和|或|与|或者|や|と)[\s\"'`*_“‘]*\Z"
)
STANDS_ALONE = re.compile(
    r"[^\S\n]*(?:\Z|\n|[.,;:!?)\]}\"”»*`_|/–—。，！？：；、）」』】]|['’](?![^\W\d_])|-\s|(?:because|since|and|or)\b|is\s+(?:the\s+)?(?:correct|right|best))"
)
OUT_OF = re.compile(r"(?<=\d)\s*(?:/|out\s+of|von|sur|de|из|/\s*)\s*\d+\b", re.IGNORECASE)
NUMBERING = re.compile(r"(?:^|\n)\s*\d+\s*[.)、．]\s*(?=\S)")


@dataclass(frozen=True)
class LabelReading:
    """What an answer says.

    Args:
        label: Empty if it names none, or several.
        reason: Why there is no label.
        leads: Whether the answer begins with the label, so that its first token is the label's.
    """

    label: str
    reason: str = ""
    leads: bool = False


@dataclass(frozen=True)
class Mention:
    """A place where a label's words are in a text."""

    start: int
    end: int
    label: str


def parse_label(answer: str, labels: Mapping[str, str]) -> str:
    """Find the one label that an answer names; empty if there is none. See `read_label`."""
    return read_label(answer, labels).label


def read_label(answer: str, labels: Mapping[str, str]) -> LabelReading:
    """Find the one label that an answer names.

    Args:
        answer: The generated text.
        labels: Label -> its words (verbalizer).
    """
    text = SPECIAL_TOKEN.sub("", split_reasoning(answer).of(answer))[:MAX_CHARACTERS]
    text = unicodedata.normalize("NFKC", text)
    words = {name: unicodedata.normalize("NFKC", given).strip() for name, given in labels.items()}
    found = _read(BLOCKS.sub("", text), words)
    if len(found) == 1:
        [label] = found
        return LabelReading(label, leads=_undecorated(text).startswith(_undecorated(words[label])))
    names = ", ".join(words[name] for name in labels if name in found)
    return LabelReading("", f"The answer names several labels: {names}." if found else "The answer names no label.")


def _read(text: str, words: Mapping[str, str], depth: int = 0) -> set[str]:
    """The labels that a text names, by the first rule that applies."""
    if (label := _equal(text, words)) is not None:
        return {label}
    if (fenced := FENCE.match(text)) and depth < 3:
        return _read(fenced[1], words, depth + 1)
    for marked in (TAGGED.findall(text), [("", inner) for inner in BOXED.findall(text)]):
        if marked and depth < 3:
            return _read(marked[-1][1], words, depth + 1)
    values = json_values(text)
    if values and depth < 3:
        reader = JsonReader(lambda value: _equal(value, words), lambda value: _read(value, words, depth + 1))
        return reader.read(values[-1])
    return _of_lines(text, words) or _of_sentences(text, words)


def _undecorated(text: str) -> str:
    return text.strip(DECORATION).casefold()


def _equal(text: str, words: Mapping[str, str]) -> str | None:
    """The label that a text is, with or without decoration."""
    for form in (str.strip, lambda text: text.strip().casefold(), _undecorated, _simplified):
        matches = [name for name, given in words.items() if form(given) and form(given) == form(text)]
        if len(matches) == 1:
            return matches[0]
    return None


def _simplified(text: str) -> str:
    """With spaces for underscores and dashes."""
    return re.sub(r"[\s_-]+", " ", _undecorated(text))


# -- lines and sentences -----------------------------------------------------------------------------------------------


def _of_lines(text: str, words: Mapping[str, str]) -> set[str]:
    """Labels that have the first lines to themselves; else those that have a later one."""
    lines = [line for line in text.splitlines() if line.strip(DECORATION)]
    read = [_equal(line, words) for line in lines]
    first = {label for label in read[: next((i for i, label in enumerate(read) if label is None), len(read))] if label}
    return first or {label for label in read[-1:] if label is not None}


def _of_sentences(text: str, words: Mapping[str, str]) -> set[str]:
    """Labels after a cue; else those that are mentioned and not negated."""
    text = OUT_OF.sub(lambda match: " " * len(match[0]), text)
    mentions = _mentions(text, words)
    after_cue: dict[bool, list[set[str]]] = {True: [], False: []}
    for index, mention in enumerate(mentions):
        cue = CUE.search(text[max(0, mention.start - 80) : mention.start])
        if cue and not _is_negated(text, mentions, index):
            after_cue[bool(cue["final"] or cue[0].startswith("最"))].append(
                {m.label for m in _listed(text, mentions, index)}
            )
    for said in (after_cue[True][-1:], after_cue[False]):
        if said:
            return set().union(*said)
    numbered = {match.end() for match in NUMBERING.finditer(text)}
    plain = [
        mention.label
        for index, mention in enumerate(mentions)
        if _may_stand(text, mention, words[mention.label], numbered) and not _is_negated(text, mentions, index)
    ]
    return set(plain)


def _listed(text: str, mentions: Sequence[Mention], index: int) -> Iterator[Mention]:
    """A mention, and those that a list such as "a, b or c" joins to it."""
    yield mentions[index]
    while index + 1 < len(mentions) and LIST.match(text[mentions[index].end : mentions[index + 1].start]):
        index += 1
        yield mentions[index]


def _is_negated(text: str, mentions: Sequence[Mention], index: int) -> bool:
    mention = mentions[index]
    following = mentions[index + 1].start if index + 1 < len(mentions) else len(text)
    return is_negated(text, mention.start, mention.end, following)


def _mentions(text: str, words: Mapping[str, str]) -> list[Mention]:
    """Places of labels in order; of two that overlap the longer."""
    found = [
        Mention(match.start(), match.end(), name)
        for name, given in words.items()
        for match in _pattern(given, words).finditer(text)
    ]
    kept: list[Mention] = []
    for mention in sorted(found, key=lambda mention: (mention.start - mention.end, mention.start)):
        if all(mention.end <= other.start or mention.start >= other.end for other in kept):
            kept.append(mention)
    return sorted(kept, key=lambda mention: mention.start)


def _pattern(given: str, words: Mapping[str, str]) -> re.Pattern[str]:
    """A label's words with word edges where its script has them; spaces, underscores and dashes are alike.

    A word with a dash before or behind it is another word ("non-positive"), and a digit beside a point another number.
    """
    if not any(character.isalnum() for character in given) and given.isascii():
        return re.compile(r"(?!)")
    body = r"[\s_-]+".join(re.escape(part) for part in re.split(r"[\s_-]+", given) if part) or re.escape(given)
    body = re.escape(given[0]) + body if given[0] in "-_" and not given[1:].startswith(("-", "_")) else body
    left = rf"(?<!{LETTER})(?<!{LETTER}[_‐‑-])(?<!\d[.,])(?<![+-])" if re.match(LETTER, given) else ""
    right = rf"(?!{LETTER})(?![_‐‑-]{LETTER})(?![.,]\d)(?![+#])" if re.match(LETTER, given[-1]) else ""
    is_cased = sum(other.casefold() == given.casefold() for other in words.values()) > 1
    return re.compile(left + body + right, re.NOFLAG if is_cased else re.IGNORECASE)


def _may_stand(text: str, mention: Mention, given: str, numbered: set[int]) -> bool:
    """Whether a mention without a cue may be the label: letters and common words only where nothing goes on with them,
    in their own case; a number not where it counts items."""
    if given.isdecimal() and any(mention.start < end <= mention.end + 3 for end in numbered):
        return False
    is_letter = len(given) == 1 and given.isalpha() and bool(re.match(LETTER, given))
    is_upper = len(given) <= 4 and given.isupper() and given.isascii()
    if (is_letter or is_upper) and text[mention.start : mention.end] != given:
        return False
    return not COMMON_WORDS.fullmatch(given) or bool(STANDS_ALONE.match(text, mention.end))


# -- probabilities -----------------------------------------------------------------------------------------------------


def first_token_probabilities(
    candidates: Sequence[tuple[str, float]], labels: Mapping[str, str]
) -> dict[str, float] | None:
    """Compute label probabilities from the most probable first tokens of an answer.

    Args:
        candidates: First tokens and their probabilities.
        labels: Label -> its words.

    Returns:
        Label -> probability, normalised; None if a token starts several labels, or less than `MIN_LABEL_PROBABILITY`
        lies on labels.
    """
    verbalizers = {name: words.strip().casefold() for name, words in labels.items()}
    mass = dict.fromkeys(labels, 0.0)
    for token, probability in candidates:
        start = token.strip("Ġ▁ \t\n\"'`*([").casefold()
        matching = [name for name, words in verbalizers.items() if start and words.startswith(start)]
        if len(matching) > 1:
            return None
        if matching:
            mass[matching[0]] += probability
    total = sum(mass.values())
    return {name: value / total for name, value in mass.items()} if total >= MIN_LABEL_PROBABILITY else None
