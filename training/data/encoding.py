"""Detect the encoding of a text file (BOM, UTF-8, else by its letters) and open it, through gzip if compressed."""

from __future__ import annotations

import codecs
import gzip
import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from training.data.encoding_guess import CLOSE, NAMES, guess_encoding
from training.errors import UserError
from training.preflight.sheet import Finding

BLOCK_BYTES = 2**20
SAMPLE_BYTES = 2**13  # of different lines with bytes above 127, from which an encoding is guessed
JIS_ESCAPE = b"\x1b$"  # changes from ASCII to kanji in ISO-2022-JP, whose bytes are all ASCII
MAX_STRAY_SHARE = 0.02  # of such bytes in the text: damaged characters and symbols of a text without accents


@dataclass(frozen=True)
class TextFile:
    """A text file, gzip or not, and its detected encoding."""

    path: Path
    encoding: str

    @property
    def suffix(self) -> str:
        """The suffix that names the format, `.csv` for reviews.csv.gz."""
        return next((s for s in map(str.lower, reversed(self.path.suffixes)) if s != ".gz"), "")

    def open(self) -> TextIO:
        """Open at the start; lines keep their ends (\\n, \\r or \\r\\n)."""
        return io.TextIOWrapper(open_bytes(self.path), encoding=self.encoding, newline="")


def open_bytes(path: Path) -> BinaryIO:
    """Open a file, through gzip if its content is compressed, whatever its name."""
    return cast(BinaryIO, gzip.open(path)) if is_gzip(path) else path.open("rb")


def is_gzip(path: Path) -> bool:
    """Look at the first two bytes."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def find_encoding(path: Path) -> tuple[TextFile, list[Finding]]:
    """Decode the whole file once: by its byte order mark, else as UTF-8, else as what its letters suggest.

    Raises:
        UserError: If none of them fits, naming the line.
    """
    with open_bytes(path) as file:
        encoding = _marked_encoding(file.read(4096))
    line = _first_undecodable_line(path, encoding)
    if line is None:
        marked = encoding.startswith(("utf-16", "utf-32"))
        if encoding == "iso2022_jp":
            return TextFile(path, encoding), [Finding("green", "ISO-2022-JP by its escape sequences")]
        how = "by its zero bytes" if encoding.endswith(("le", "be")) else "by its byte order mark"
        return TextFile(path, encoding), [Finding("green", f"{encoding.upper()} {how}")] * marked
    if encoding != "utf-8":
        raise UserError(f"{path.name} is not readable text: line {line} is no {encoding.upper()}. Save it as UTF-8.")
    return _legacy_encoding(path, line)


def _legacy_encoding(path: Path, line: int) -> tuple[TextFile, list[Finding]]:
    """Guess the encoding of a file whose first byte that is not UTF-8 is in this line, and say so.

    Raises:
        UserError: If the letters are of no language in any encoding: nothing is read rather than nonsense. Likewise
            if most of the file is UTF-8.
    """
    sample, size = _lines_above_ascii(path)
    if _is_damaged_utf8(sample):
        raise UserError(
            f"{path.name} is UTF-8 with bytes in line {line} that are not: it is damaged, or files of two encodings "
            "were joined. Correct these lines and save it as UTF-8."
        )
    is_stray = sum(byte > 127 for byte in sample) < MAX_STRAY_SHARE * size
    guesses = guess_encoding(sample)
    candidates = [guess.encoding for guess in guesses] or ["cp1252"] * is_stray
    encoding = next((each for each in candidates if _first_undecodable_line(path, each) is None), None)
    if encoding is None:
        raise UserError(
            f"{path.name} is not readable text: line {line} is no UTF-8, and its encoding is not known. "
            "Save it as UTF-8 (in a spreadsheet: CSV UTF-8)."
        )
    detail = f"Line {line} holds the first byte that is not UTF-8. If letters look wrong, save the file as UTF-8."
    close = [
        NAMES[guess.encoding] for guess in guesses[1:2] if guesses[0].log_likelihood - guess.log_likelihood < CLOSE
    ]
    detail += f" It may also be {close[0]}." if close and candidates[0] == encoding else ""
    return TextFile(path, encoding), [Finding("amber", f"Not UTF-8: read as {NAMES[encoding]}", detail)]


def _is_damaged_utf8(sample: bytes) -> bool:
    """Whether most characters above 127 are valid UTF-8, which hardly happens by chance."""
    text = sample.decode("utf-8", errors="replace")
    damaged = text.count("\N{REPLACEMENT CHARACTER}")
    whole = sum(character > "\x7f" for character in text) - damaged
    return whole >= 3 and whole > 3 * damaged


def _lines_above_ascii(path: Path) -> tuple[bytes, int]:
    """The first different lines of a file that hold bytes above 127, and the bytes of the file until their end."""
    lines: dict[bytes, None] = {}
    sample_size = size = 0
    with open_bytes(path) as file:
        while sample_size < SAMPLE_BYTES and (line := file.readline(SAMPLE_BYTES)):
            size += len(line)
            if not line.isascii() and line not in lines:
                lines[line] = None
                sample_size += len(line)
    return b"".join(lines), size


def _marked_encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):  # before UTF-16, whose mark begins the same
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if JIS_ESCAPE in head and head.isascii():
        return "iso2022_jp"
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) > len(head) / 4 and min(even, odd) == 0:  # half of the bytes of Latin letters, digits, marks
        return "utf-16-le" if odd else "utf-16-be"
    return "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"


def _first_undecodable_line(path: Path, encoding: str) -> int | None:
    """Return the line of the first byte that cannot be decoded, None if there is none."""
    decoder, done = codecs.getincrementaldecoder(encoding)(), 0
    with open_bytes(path) as file:
        while True:
            block = file.read(BLOCK_BYTES)
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                undecoded = len(error.object) - len(block)  # bytes that the decoder kept of the block before
                return 1 + _count_newlines(path, done - undecoded + error.start)
            if not block:
                return None
            done += len(block)


def _count_newlines(path: Path, size: int) -> int:
    """Count the line feeds among a file's first `size` bytes."""
    count = 0
    with open_bytes(path) as file:
        while size > 0 and (block := file.read(min(size, BLOCK_BYTES))):
            count, size = count + block.count(b"\n"), size - len(block)
    return count
