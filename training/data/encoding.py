"""Detect the encoding of a text file (BOM, UTF-8, else Windows-1252) and open it, through gzip if compressed."""

from __future__ import annotations

import codecs
import gzip
import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from training.errors import UserError
from training.preflight.sheet import Finding

BLOCK_BYTES = 2**20


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
    """Decode the whole file once: by its byte order mark, else as UTF-8, else as Windows-1252.

    Raises:
        UserError: If none of them fits, naming the line.
    """
    with open_bytes(path) as file:
        encoding = _marked_encoding(file.read(4))
    line = _first_undecodable_line(path, encoding)
    if line is None:
        marked = encoding in ("utf-16", "utf-32")
        return TextFile(path, encoding), [Finding("green", f"{encoding.upper()} by its byte order mark")] * marked
    if encoding == "utf-8" and _first_undecodable_line(path, "cp1252") is None:
        detail = f"Line {line} holds the first byte that is not UTF-8. If accents look wrong, save the file as UTF-8."
        return TextFile(path, "cp1252"), [Finding("amber", "Not UTF-8: read as Windows-1252", detail)]
    raise UserError(f"{path.name} is not readable text: line {line} is no {encoding.upper()}. Save it as UTF-8.")


def _marked_encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):  # before UTF-16, whose mark begins the same
        return "utf-32"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
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
