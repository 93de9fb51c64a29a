"""Text in an encoding that is not UTF-8: what it is read as, and that nonsense is refused."""

from pathlib import Path

import pytest

from tests.files import refusal, rows_of, write
from training.data.encoding import find_encoding
from training.data.table import read_table

TEXTS = {
    "de": [("ein schöner Film, wirklich", "gut"), ("ein öder Film, übel", "schlecht"), ("große Klasse", "schön")],
    "fr": [("très bon film, à voir", "positif"), ("une œuvre ratée, hélas", "négatif")],
    "es": [("¡qué película más buena!", "sí"), ("una niña dice que no está bien", "así no")],
    "pt": [("não é um filme bom", "não"), ("a canção é ótima, coração", "ótimo")],
    "sv": [("en underbar film på kvällen", "bra"), ("för lång och tråkig", "dålig")],
    "pl": [("świetny film, żółw", "dobry"), ("okropny film, błąd", "zły")],
    "cs": [("skvělý film, žluťoučký kůň", "dobrý"), ("špatný film, příliš dlouhý", "zlý")],
    "hu": [("nagyszerű film, őrült jó", "jó"), ("rossz film, túl hosszú", "gyönge")],
    "ro": [("un film foarte bun, ştii că da", "bun"), ("prea lung şi plictisitor, fără viaţă", "rău")],
    "hr": [("jako dobar film, čak sjajan, već sam ga gledao", "odličan"), ("loš film, dosađujem se", "loš")],
    "tr": [("çok güzel bir film, ışık", "iyi"), ("kötü bir şey, değil mi", "kötü")],
    "lt": [("labai geras filmas, ačiū už viską", "geras"), ("blogas, per ilgas, nežiūrėkite šio", "prastas, ųjų")],
    "ru": [("отличный фильм, очень понравился", "хорошо"), ("ужасное кино, скука", "плохо")],
    "uk": [("чудовий фільм, дуже сподобався", "добре"), ("жахливе кіно, її нема", "погано")],
    "el": [("υπέροχη ταινία, τη συστήνω", "καλή"), ("χάλια ταινία", "κακή")],
    "he": [("סרט נהדר, אהבתי מאוד את השחקנים", "טוב"), ("סרט גרוע וארוך מדי, לא מומלץ", "רע")],
    "ar": [("فيلم رائع جدا", "جيد"), ("فيلم سيئ وطويل", "سيئ")],
    "th": [("หนังดีมาก ชอบ", "ดี"), ("หนังแย่มาก", "แย่")],
    "zh": [("这部电影很好看", "好"), ("这部电影太无聊了", "差")],
    "zh-tw": [("這部電影很好看", "好"), ("這部電影太無聊了", "壞")],
    "ja": [("とても良い映画でした", "良い"), ("退屈な映画でした", "悪い")],
    "ko": [("정말 좋은 영화", "좋음"), ("지루한 영화", "나쁨")],
}
ENCODINGS = [
    *((language, "cp1252") for language in ("de", "fr", "es", "pt", "sv")),
    *((language, "cp1250") for language in ("pl", "cs", "hu", "ro", "hr")),
    *(("tr", "cp1254"), ("lt", "cp1257"), ("ru", "cp1251"), ("uk", "cp1251"), ("ru", "koi8-r"), ("ru", "cp866")),
    *(("ru", "iso8859-5"), ("el", "cp1253"), ("el", "iso8859-7"), ("he", "cp1255"), ("ar", "cp1256"), ("th", "cp874")),
    *(("zh", "gb18030"), ("zh", "gb2312"), ("zh-tw", "big5"), ("ja", "shift-jis"), ("ja", "euc-jp"), ("ko", "euc-kr")),
    *(("de", "cp850"), ("pl", "iso8859-2"), ("cs", "iso8859-2"), ("fr", "mac-roman")),
    *(("sv", "mac-roman"), ("pt", "mac-roman"), ("ar", "iso8859-6")),
    *(("de", "utf-16-le"), ("fr", "utf-16-be"), ("en", "cp1252")),
]
TEXTS["en"] = [("it’s “good” – really", "good"), ("that’s bad…", "bad"), ("a café for €5", "good")]


@pytest.mark.parametrize(("language", "encoding"), ENCODINGS)
@pytest.mark.parametrize("copies", [1, 40])
def test_text_in_the_encoding_of_its_language_is_read(
    tmp_path: Path, language: str, encoding: str, copies: int
) -> None:
    rows = [(f"{text} {number}", label) for number in range(copies) for text, label in TEXTS[language]]
    content = "text;label\n" + "".join(f"{text};{label}\n" for text, label in rows)
    path = write(tmp_path / "rows.csv", content.encode(encoding))
    table = read_table(path)
    assert rows_of(table) == rows
    level = "green" if encoding.startswith("utf-16") else "amber"
    assert [row.level for row in table.notices if "UTF-" in row.title] == [level]


def test_accents_that_are_rare_do_not_make_another_language(tmp_path: Path) -> None:
    for word in ("café", "naïve", "Zoë", "Ängström", "MÜLLER", "ŒUVRE", "30 °C", "½ cup", "Señor"):
        rows = "".join(f"a text without any accent in it {n},{n % 2}\n" for n in range(50))
        path = write(tmp_path / "a.csv", f"text,label\n{rows}the word {word} only,1\n".encode("cp1252"))
        assert read_table(path).strings("text")[-1] == f"the word {word} only"


def test_stray_bytes_in_text_without_accents_do_no_harm(tmp_path: Path) -> None:
    rows = "".join(f"this is a text of common words only {n},{n % 2}\n" for n in range(60))
    path = write(tmp_path / "a.csv", f"text,label\n{rows}".encode() + b"a long enough text with one bad byte: \xbd,1\n")
    assert read_table(path).strings("text")[-1] == "a long enough text with one bad byte: ½"


def test_symbols_alone_are_those_of_windows(tmp_path: Path) -> None:
    rows = [(f"a prize of £{n} for ½ an hour, call now ± {n}", ["ham", "spam"][n % 2]) for n in range(60)]
    content = "text;label\n" + "".join(f"{text};{label}\n" for text, label in rows)
    assert rows_of(read_table(write(tmp_path / "sms.csv", content.encode("cp1252")))) == rows


def test_iso_2022_jp_is_no_ascii(tmp_path: Path) -> None:
    content = "text;label\n" + "".join(f"{text};{label}\n" for text, label in TEXTS["ja"])
    assert rows_of(read_table(write(tmp_path / "a.csv", content.encode("iso2022_jp")))) == TEXTS["ja"]


@pytest.mark.parametrize("content", [bytes(range(128, 256)) * 8, b"\xa4 \xa6 \xac \xb1 \xb6 \xbc \xd7 \xf7 " * 20])
def test_letters_of_no_language_are_refused(tmp_path: Path, content: bytes) -> None:
    message = refusal(write(tmp_path / "a.csv", b"text,label\n" + content.replace(b"\n", b"") + b",1\n"))
    assert "line 2" in message and "Save it as UTF-8" in message


def test_labels_alone_tell_the_encoding(tmp_path: Path) -> None:
    for labels, encoding in (("好坏", "gb18030"), (["да", "нет"], "cp1251"), (["良い", "悪い"], "shift-jis")):
        rows = [(f"an english text about films {n}", labels[n % 2]) for n in range(20)]
        content = "text,label\n" + "".join(f"{text},{label}\n" for text, label in rows)
        assert rows_of(read_table(write(tmp_path / "a.csv", content.encode(encoding)))) == rows


@pytest.mark.parametrize("language", ["de", "ru", "zh", "ja"])
def test_damaged_utf8_is_not_read_as_another_encoding(tmp_path: Path, language: str) -> None:
    rows = "".join(f"{text} {number};{label}\n" for number in range(9) for text, label in TEXTS[language])
    path = write(tmp_path / "a.csv", f"text;label\n{rows}".encode() + "schöner;gut\n".encode("cp1252"))
    assert "UTF-8 with bytes in line" in refusal(path)


def test_encoding_that_was_read_is_named_with_its_language(tmp_path: Path) -> None:
    content = "".join(f"{text}\n" for text, _ in TEXTS["ru"]).encode("cp1251")
    file, [finding] = find_encoding(write(tmp_path / "a.txt", content))
    assert (file.encoding, finding.title) == ("cp1251", "Not UTF-8: read as Windows-1251 (Cyrillic)")
    assert "Line 1 holds the first byte" in finding.detail
