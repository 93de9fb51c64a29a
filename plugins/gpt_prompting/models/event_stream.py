"""Server-sent events of chat completions: bytes to JSON values (WHATWG HTML, §9.2), as servers really send them.

Lines end at LF, CR LF or CR only: U+2028 and U+0085 are text. An event is complete as soon as its data is JSON, so
streams without blank lines, or cut off after the last event, are read too. Lines of plain JSON without `data:` are
read as data.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

LINE_END = re.compile(r"\r\n|\n|\r(?!\Z)")  # a CR at the end of what came may be the first half of CR LF
PREFIX = re.compile(r"\s*(?:data:\s*)+")
DONE = "[DONE]"
UNREADABLE = object()  # in place of an event whose data is no JSON


def parse_json(text: str) -> Any:
    """Parse JSON that may hold raw control characters.

    Raises:
        ValueError: If it is none.
    """
    return json.loads(text, strict=False)


def lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Split bytes into lines; a byte that is no UTF-8 becomes U+FFFD."""
    decoder, rest = codecs.getincrementaldecoder("utf-8-sig")("replace"), ""
    for chunk in chunks:
        *complete, rest = LINE_END.split(rest + decoder.decode(chunk))
        yield from complete
    *complete, rest = re.split(r"\r\n|\n|\r", rest + decoder.decode(b"", True))
    yield from [*complete, rest]


def events(chunks: Iterable[bytes]) -> Iterator[Any]:
    """Yield the JSON value of each event, `DONE`, or `UNREADABLE`; comments and other fields are skipped."""
    data: list[str] = []
    for line in lines(chunks):
        prefix = PREFIX.match(line)
        if not line.strip():
            if data:
                yield UNREADABLE
            data = []
        elif prefix and "data:" in prefix[0]:
            data.append(line[prefix.end() :])
        elif data or line.lstrip().startswith(("{", DONE)):
            data.append(line)
        if data and (value := _value("\n".join(data))) is not UNREADABLE:
            data = []
            yield value
    if data:
        yield UNREADABLE


def _value(text: str) -> Any:
    if text.strip().startswith(DONE):
        return DONE
    try:
        return parse_json(text)
    except ValueError:
        return UNREADABLE
