"""Guess which legacy encoding a text is in, by the letters that the languages written in each would have.

Every candidate decodes the same bytes to other letters. For each language of an encoding, the log-likelihood of the
decoded characters is summed: its own letters by their rank, everything else as very improbable. A letter in the middle
of letters of another script, a capital after a small one, or a Latin letter beside a digit (`£5` read as `ú5`) costs
extra: that is what mojibake looks like.

`charset-normalizer` 3.5 is not used: it reads 15 to 17 of the 33 texts of tests/data/test_encoding.py (two to eighty
rows with short labels) as another encoding, among them Shift-JIS as Korean and Polish as Windows-1252; this reads all.
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

ASCII = math.log(1 / 25)  # of one character; the same in all candidates
UNKNOWN = math.log(1e-6)
RUN = math.log(0.05)
MIN_ALPHABET, MIN_EAST_ASIAN = -7.5, -10.5  # mean log-probability of a character, below which no language has them
FEW_BYTES = 4  # above 127; fewer are no evidence but for the Latin letters of Windows
CLOSE = 3.0  # difference in log-likelihood below which the second candidate is named, too
TYPOGRAPHY = dict.fromkeys("“”„‘‚…•€£¥™®©«»°±²³½×µ§№·–—’\u00a0", math.log(0.002))
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
    "mac_roman": ["üäöß", "éèàêçùôâîûœëï", "óáíéñúü¿¡", "ãáçéêíóõâúôà", "äåöé", "øåæé"],
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
    "iso8859_6": ["ايلمونرتبدعسفهكحقجشصطخذزضثغظةأىإءآؤئ،؟"],
    "cp874": ["านรกอเงมยลวดทสตะปบคหแจพชขใไโผซถณ่้ีิุู์ั็ำึืฟธญภฐ"],
}
FREQUENT_HANZI = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种"
    "事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第"
    "公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西月话合回"
    "特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活更别打女变四神总何电"
    "数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指许统区保至队形社便空决治展马科司五基眼书非则听白却界"
    "达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运"
    "這個們來為國說時會對於著過發後裡無與長機關點業將兩間問應戰頭體見產話給門東聲員論處義幾認條係氣題別變總電數報結還進"
    "樣實從軍沒動開學經麼現當種歡愛壞差喜爱欢坏优负否棒烂優負"
)
FREQUENT_HANGUL = frozenset(
    "이다는을의에가고도하지한로은사인나아기리자시정그를어서대일스해수라보부있게전과제여들주상만니안원구성동장면음것모조"
    "우선국용공경신무소유방비세화중관회오연영치계물적재진선미생마문산실드트요거바말되내저때없같습좋"
)
CONSONANTS = frozenset("бвгдзклмнпрстхцжшфчщћђњљџјґ" + "βγδζθκλμνξπρστφχψς")
NAMES = {
    "cp1252": "Windows-1252", "cp1250": "Windows-1250 (Central Europe)",
    "cp1251": "Windows-1251 (Cyrillic)", "cp1253": "Windows-1253 (Greek)", "cp1254": "Windows-1254 (Turkish)",
    "cp1255": "Windows-1255 (Hebrew)", "cp1256": "Windows-1256 (Arabic)", "iso8859_6": "ISO 8859-6 (Arabic)",
    "cp1257": "Windows-1257 (Baltic)",
    "cp874": "Windows-874 (Thai)", "gb18030": "GB18030 (Chinese)", "big5hkscs": "Big5 (Chinese)",
    "cp932": "Shift-JIS (Japanese)", "euc_jp": "EUC-JP (Japanese)", "cp949": "EUC-KR (Korean)",
    "koi8_u": "KOI8 (Cyrillic)", "cp866": "DOS 866 (Cyrillic)", "iso8859_5": "ISO 8859-5 (Cyrillic)",
    "mac_cyrillic": "Mac Cyrillic", "cp850": "DOS 850 (Western Europe)", "cp852": "DOS 852 (Central Europe)",
    "mac_roman": "Mac Roman", "iso8859_2": "ISO 8859-2 (Central Europe)",
}  # fmt: skip
EAST_ASIAN = ("gb18030", "big5hkscs", "cp949", "cp932", "euc_jp")
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
    is_few = sum(byte > 127 for byte in sample) < FEW_BYTES
    guesses: dict[str, Guess] = {}
    for encoding, languages in _models().items():
        if is_few and encoding not in ("cp1252", "cp1250", "cp1254", "cp1257"):
            continue
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(sample)
        except UnicodeDecodeError:
            continue
        if known := [value for language in languages if (value := _of_language(text, language, encoding)) is not None]:
            guesses.setdefault(text, Guess(encoding, max(known) - _prior(encoding)))
    return sorted(guesses.values(), key=lambda guess: -guess.log_likelihood)


def _of_language(text: str, language: Language, encoding: str) -> float | None:
    """Log-likelihood of a text in this language; None if hardly any of its characters are of the language."""
    above = [character for character in text if character >= "\x80"]
    value = _log_likelihood(text, *language)
    if encoding in EAST_ASIAN:  # a word may be one character, whose run is improbable, but whose character is not
        is_known = sum(map(language[0], above)) >= MIN_EAST_ASIAN * len(above)
    else:
        is_known = value - ASCII * (len(text) - len(above)) >= MIN_ALPHABET * len(above)
    return value if is_known else None


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
    for previous, character, following in zip(f" {text}", text, f"{text[1:]} ", strict=False):
        if character < "\x80":
            total += ASCII
            if previous in TYPOGRAPHY and previous not in BETWEEN_LETTERS and character.isalpha():
                total += math.log(0.3)
            continue
        total += letters(character)
        if previous.islower() and (character.isupper() or (character in TYPOGRAPHY and character not in "’”…»–—·°™®")):
            total += math.log(0.01)
        if not run and character.isalpha() and (previous.isdigit() or following.isdigit()):
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
    return _east_asian(character, FREQUENT_HANZI, COMMON_SIMPLIFIED(character), ALL_SIMPLIFIED(character), 2500)


def _traditional(character: str) -> float:
    return _east_asian(character, FREQUENT_HANZI, COMMON_TRADITIONAL(character), ALL_TRADITIONAL(character), 3500)


def _korean(character: str) -> float:
    return _east_asian(character, FREQUENT_HANGUL, COMMON_HANGUL(character), "\u3131" <= character <= "\u318e", 2350)


def _japanese(character: str) -> float:
    if "\u3041" <= character <= "\u30fe":
        return math.log(0.5 / 60 if character < "\u30a0" else 0.15 / 80)
    return _east_asian(character, frozenset(), COMMON_KANJI(character), False, 2000)


def _east_asian(character: str, frequent: frozenset[str], is_common: bool, is_rare: bool, count: int) -> float:
    """A frequent character, one of `count` common ones, a rare one, or a mark of East Asian text; else improbable."""
    if character in frequent:
        return math.log(0.5 / len(frequent))
    if is_common:
        return math.log(0.4 / count)
    if is_rare:
        return math.log(1 / 50_000)
    return math.log(0.005) if "\u3000" <= character <= "\u301f" or "\uff01" <= character <= "\uff1f" else UNKNOWN
