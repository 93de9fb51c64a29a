"""Guess which legacy encoding a text is in, by the letters that the languages written in each would have.

Every candidate decodes the same bytes to other letters. For each language of an encoding, the log-likelihood of the
decoded characters is summed: its own letters by their rank, everything else as very improbable. A letter in the middle
of letters of another script, or a capital after a small one, costs extra: that is what mojibake looks like.

`charset-normalizer` 3.5 is not used: it reads 15 to 17 of the 33 texts of tests/data/test_encoding.py (two to eighty
rows with short labels) as another encoding, among them Shift-JIS as Korean and Polish as Windows-1252; this reads all.
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

ASCII = math.log(1 / 25)  # of one character; the same in all candidates
UNKNOWN = math.log(1e-6)
RUN = math.log(0.05)
MIN_LOG_LIKELIHOOD = -7.5  # per byte that is not ASCII; below it no language of any candidate has these letters
CLOSE = 3.0  # difference in log-likelihood below which the second candidate is named, too
TYPOGRAPHY = dict.fromkeys("“”„‘‚…•€™®©«»°§№·–—’\u00a0", math.log(0.002))
BETWEEN_LETTERS = "’–—·\u00a0"  # typographic characters that stand between two letters

LATIN = {
    "cp1252": [
        *("üäöß", "éèàêçùôâîûœëïæ", "óáíéñúü¿¡", "ãáçéêíóõâúôà", "èàùòìé", "éëïèöüáó", "äåöé", "øåæé", "äöå"),
        *("íáðóþéúæýö", "àéèíóòçúïü·"),
    ],
    "cp1250": ["łąęóśżćńź", "íáěéřčýžšůúóťňď", "áíčéšýžťúľôňďäóĺŕ", "áéíóöőúüű", "čšžćđ", "ăîâşţ"],
    "cp1254": ["ıüşçğöâîû"],
    "cp1257": ["šžųėčįąūę", "āīēšņļūķčģž", "äõüöšž"],
    "cp850": ["üäöß", "éèàêçùôâîûëï", "óáíéñúü¿¡"],
    "cp852": ["łąęóśżćńź", "íáěéřčýžšůúóťňď", "áéíóöőúüű"],
    "mac_roman": ["üäöß", "éèàêçùôâîûœëï", "óáíéñúü¿¡"],
    "iso8859_2": ["łąęóśżćńź", "íáěéřčýžšůúóťňď", "áéíóöőúüű"],
}
RUSSIAN, UKRAINIAN = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё", "оаинівтерслкдпумьзяйгбчхєїжцшюфщґ"
CYRILLIC = [RUSSIAN, UKRAINIAN, "аеиотнрсвлдпкмзгуъбчщцхяжйшюфь", "аиоенрстујкдмвплзгбчшцћхњжљђџф"]
ALPHABETS = {
    "cp1251": CYRILLIC,
    "koi8_u": CYRILLIC[:2],
    "cp866": CYRILLIC[:1],
    "iso8859_5": CYRILLIC,
    "mac_cyrillic": CYRILLIC[:2],
    "cp1253": ["αοιετσνηρυπςκμλίόάέήωδγώύχθφβξζψϊ"],
    "cp1255": ["יוהלארתבמשנכעחדקפצגטזסםןךףץ"],
    "cp1256": ["ايلمونرتبدعسفهكحقجشصطخذزضثغظةأىإءآؤئپچژگ،؟"],
    "cp874": ["านรกอเงมยลวดทสตะปบคหแจพชขใไโผซถณ่้ีิุู์ั็ำึืฟธญภฐ"],
}
CONSONANTS = frozenset("бвгдзклмнпрстхцжшфчщћђњљџјґ" + "βγδζθκλμνξπρστφχψς")
NAMES = {
    "cp1252": "Windows-1252", "cp1250": "Windows-1250 (Central Europe)",
    "cp1251": "Windows-1251 (Cyrillic)", "cp1253": "Windows-1253 (Greek)", "cp1254": "Windows-1254 (Turkish)",
    "cp1255": "Windows-1255 (Hebrew)", "cp1256": "Windows-1256 (Arabic)", "cp1257": "Windows-1257 (Baltic)",
    "cp874": "Windows-874 (Thai)", "gb18030": "GB18030 (Chinese)", "big5hkscs": "Big5 (Chinese)",
    "cp932": "Shift-JIS (Japanese)", "euc_jp": "EUC-JP (Japanese)", "cp949": "EUC-KR (Korean)",
    "koi8_u": "KOI8 (Cyrillic)", "cp866": "DOS 866 (Cyrillic)", "iso8859_5": "ISO 8859-5 (Cyrillic)",
    "mac_cyrillic": "Mac Cyrillic", "cp850": "DOS 850 (Western Europe)", "cp852": "DOS 852 (Central Europe)",
    "mac_roman": "Mac Roman", "iso8859_2": "ISO 8859-2 (Central Europe)",
}  # fmt: skip
USUAL = frozenset(
    ["cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp874", "gb18030", "big5hkscs", "cp932"]
) | {"cp949"}


class Guess(NamedTuple):
    """A candidate, and the log-likelihood of the sample under its best language."""

    encoding: str
    log_likelihood: float


def guess_encoding(sample: bytes) -> list[Guess]:
    """Rank the encodings that can decode the sample, the most likely first; without those whose letters are nobody's.

    Args:
        sample: Lines that hold bytes above 127; the last character may be cut.
    """
    guesses: dict[str, Guess] = {}
    for encoding, languages in _models().items():
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(sample)
        except UnicodeDecodeError:
            continue
        best = max(_log_likelihood(text, *language) for language in languages) - _prior(encoding)
        ascii_count = sum(character < "\x80" for character in text)
        if best - ASCII * ascii_count >= MIN_LOG_LIKELIHOOD * (len(sample) - ascii_count):
            guesses.setdefault(text, Guess(encoding, best))
    return sorted(guesses.values(), key=lambda guess: -guess.log_likelihood)


def _prior(encoding: str) -> float:
    """What an encoding has to be more likely by than Windows-1252, the most common one of files that are not UTF-8."""
    return 0.0 if encoding == "cp1252" else 2.0 if encoding in USUAL else 4.0


Letters = Callable[[str], float]  # log-probability of a character that is not ASCII
Language = tuple[
    Letters, float
]  # and the log-probability that a run of such characters begins: words of another script


@lru_cache(maxsize=1)
def _models() -> dict[str, list[Language]]:
    models = {name: [(_alphabet(letters, 0.15), 0.0) for letters in lists] for name, lists in LATIN.items()}
    models |= {name: [(_alphabet(letters, 0.9), RUN) for letters in lists] for name, lists in ALPHABETS.items()}
    models |= {"gb18030": [(_simplified, RUN)], "big5hkscs": [(_traditional, RUN)], "cp949": [(_korean, RUN)]}
    return models | {"cp932": [(_japanese, RUN)], "euc_jp": [(_japanese, RUN)]}


def _alphabet(letters: str, share: float) -> Letters:
    """Letters by their rank in the language (Zipf), with this share of all characters; a capital is 8 times as rare."""
    total = sum(1 / (rank + 2) for rank in range(len(letters)))
    table = {letter: math.log(share / total / (rank + 2)) for rank, letter in enumerate(letters)}
    capitals = {letter.upper(): value + math.log(0.12) for letter, value in table.items() if len(letter.upper()) == 1}
    table = {**TYPOGRAPHY, **capitals, **table}
    return lambda character: table.get(character, UNKNOWN)


def _log_likelihood(text: str, letters: Letters, run: float) -> float:
    total = 0.0
    for previous, character in pairwise(f" {text}"):
        if character < "\x80":
            total += ASCII
            if previous in TYPOGRAPHY and previous not in BETWEEN_LETTERS and character.isalpha():
                total += math.log(0.3)
            continue
        total += letters(character)
        if previous.islower() and (character.isupper() or (character in TYPOGRAPHY and character not in "’”…»–—·°™®")):
            total += math.log(0.01)
        if run and previous < "\x80" and character.isalpha():
            total += run + (math.log(0.2) if previous.isalpha() else 0)
        elif character in CONSONANTS and previous in CONSONANTS:
            total += math.log(0.5)
    return total


def _rows(encoding: str, first: int, last: int) -> Callable[[str], bool]:
    """Whether a character is in these rows of a national standard, where the common characters are."""

    @lru_cache(maxsize=2**15)
    def is_in(character: str) -> bool:
        try:
            return first <= character.encode(encoding)[0] <= last
        except UnicodeEncodeError:
            return False

    return is_in


COMMON_SIMPLIFIED, ALL_SIMPLIFIED = _rows("gb2312", 0xB0, 0xD7), _rows("gb2312", 0xB0, 0xF7)
COMMON_TRADITIONAL, ALL_TRADITIONAL = _rows("big5", 0xA4, 0xC6), _rows("big5", 0xA4, 0xF9)
COMMON_KANJI, COMMON_HANGUL = _rows("euc_jp", 0xB0, 0xCF), _rows("euc_kr", 0xB0, 0xC8)


def _simplified(character: str) -> float:
    return _east_asian(character, COMMON_SIMPLIFIED(character), ALL_SIMPLIFIED(character), 2500)


def _traditional(character: str) -> float:
    return _east_asian(character, COMMON_TRADITIONAL(character), ALL_TRADITIONAL(character), 3500)


def _korean(character: str) -> float:
    return _east_asian(character, COMMON_HANGUL(character), "\u3131" <= character <= "\u318e", 700)


def _japanese(character: str) -> float:
    if "\u3041" <= character <= "\u30fe":
        return math.log(0.5 / 60 if character < "\u30a0" else 0.15 / 80)
    return _east_asian(character, COMMON_KANJI(character), False, 4000)


def _east_asian(character: str, is_common: bool, is_known: bool, count: int) -> float:
    """One of `count` common characters, a known but rare one, or a mark of East Asian text; else improbable."""
    if is_common:
        return math.log(0.8 / count)
    if is_known:
        return math.log(1 / 50_000)
    return math.log(0.005) if "\u3000" <= character <= "\u301f" or "\uff01" <= character <= "\uff1f" else UNKNOWN
