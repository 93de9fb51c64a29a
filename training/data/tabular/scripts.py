"""Characters that mean the same in numbers and dates: digits of all scripts, spaces, signs, apostrophes."""

from __future__ import annotations

import unicodedata

LAST_DIGIT = 0x20000  # no script has digits beyond

_SAME = {
    "-": "\u2212\u2010\u2011\u2012\u2013\ufe63\uff0d",
    "+": "\uff0b\ufe62",
    " ": "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\t",
    "'": "\u2018\u2019\u02bc\u00b4`\u2032\uff07",
    ".": "\u066b\uff0e",
    ",": "\u066c\uff0c",
    "%": "\uff05\u066a",
    ":": "\uff1a",
    "/": "\uff0f",
    "": "\u200b\u200e\u200f\u061c\u2060\ufeff",
}


def _digits() -> dict[int, str]:
    found = {}
    for code in range(128, LAST_DIGIT):
        if (value := unicodedata.decimal(chr(code), None)) is not None:
            found[code] = str(value)
    return found


PLAIN_CHARACTERS: dict[int, str] = {ord(sign): plain for plain, signs in _SAME.items() for sign in signs} | _digits()
