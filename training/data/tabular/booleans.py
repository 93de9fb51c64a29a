"""Yes and no in any spelling: which words say the same, so that True, TRUE, 1 and yes are one value of a column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

FAMILIES = (  # the word for true, the word for false
    ("true", "false"), ("yes", "no"), ("on", "off"), ("1", "0"), ("t", "f"), ("y", "n"),
    ("wahr", "falsch"), ("ja", "nein"), ("j", "n"), ("vrai", "faux"), ("oui", "non"), ("verdadero", "falso"),
    ("verdadeiro", "falso"), ("vero", "falso"), ("sí", "no"), ("si", "no"), ("sim", "não"), ("ja", "nee"),
    ("waar", "onwaar"), ("ja", "nej"), ("tak", "nie"), ("ano", "ne"), ("evet", "hayır"), ("да", "нет"),
    ("истина", "ложь"), ("是", "否"), ("はい", "いいえ"), ("예", "아니오"),
)  # fmt: skip
TRUTH = {word: value for pair in FAMILIES for word, value in zip(pair, (True, False), strict=True)}
LETTERS = ("t", "f", "y", "n", "j")  # that are as often the codes of something else
PLAIN = ("true", "false")  # words that mean nothing else in any column


def truth_of(words: Iterable[str]) -> dict[str, bool] | None:
    """Return what each word of a column's vocabulary says; None where they are not all words for yes and no.

    Letters of two alphabets of codes together, such as T, F, Y and N, are no such words.
    """
    folded = {word: word.casefold() for word in words}
    if not folded or any(word not in TRUTH for word in folded.values()):
        return None
    used = set(folded.values())
    families = [pair for pair in FAMILIES if used & set(pair) & set(LETTERS)]
    if used <= {*LETTERS, "1", "0"} and not any(used <= {*pair, "1", "0"} for pair in families or [("1", "0")]):
        return None
    return {word: TRUTH[fold] for word, fold in folded.items()}


def merged_spellings(counts: Mapping[str, int]) -> dict[str, str]:
    """Return for each value of a column the spelling that its equals share: the most frequent one.

    Values are equal if the whole column says yes and no; otherwise only True, TRUE and true are.
    """
    truth = truth_of(counts)
    keys = {word: truth[word] if truth else word.casefold() for word in counts if truth or word.casefold() in PLAIN}
    best: dict[object, str] = {}
    for word in sorted(keys, key=lambda word: (-counts[word], word)):
        best.setdefault(keys[word], word)
    return {word: best[keys[word]] if word in keys else word for word in counts}


def same_value(word: str, vocabulary: Sequence[str]) -> str | None:
    """Return the value of a vocabulary that says what a word of another spelling says; None if there is none."""
    fold, truth = word.casefold(), truth_of(vocabulary)
    if truth is None or fold not in TRUTH:
        return next((value for value in vocabulary if fold in PLAIN and value.casefold() == fold), None)
    if len(truth) == 1 and next(iter(truth)).casefold() not in PLAIN and fold not in PLAIN:
        return next((value for value in vocabulary if value.casefold() == fold), None)
    return next((value for value, says in truth.items() if says is TRUTH[fold]), None)
