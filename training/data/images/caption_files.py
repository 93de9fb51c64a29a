"""Captions in text files beside the images: x.txt or x.caption of x.png, in whatever encoding."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from pathlib import PurePosixPath

from training.data.encoding_guess import NAMES, guess_encoding
from training.data.images.archive import Members
from training.preflight.sheet import Finding
from training.wording import listed

SUFFIXES = (".txt", ".caption")  # by precedence
NO_CAPTIONS = ("readme", "license", "licence", "labels", "classes", "requirements")
MAX_NAMES = 5  # in a finding
MARKS = {  # UTF-32 before UTF-16, whose mark begins the same
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_captions(members: Members) -> tuple[list[str | None], list[Finding]]:
    """Return one caption (or None) per image of `members.image_names`, and findings about encodings and lost files."""
    files = {name.lower(): name for name in members.names if name.lower().endswith(SUFFIXES)}
    if not files:
        return [None] * len(members.image_names), []
    matches = [_beside(name, files) for name in members.image_names]
    texts, findings = decode_texts({name: members.read(name) for name in matches if name})
    captions = [" ".join(texts[name].split()) or None if name else None for name in matches]
    alone = sorted(set(files.values()) - set(matches))
    alone = [name for name in alone if PurePosixPath(name).stem.lower() not in NO_CAPTIONS]
    if alone and any(captions):
        findings.append(Finding("amber", f"{len(alone)} captions have no image", listed(alone, MAX_NAMES)))
    return captions, findings


def _beside(image: str, files: Mapping[str, str]) -> str | None:
    """Return the caption file of an image, whatever the case of its name: x.txt, x.caption or x.png.txt."""
    stems = (str(PurePosixPath(image).with_suffix("")), image)
    names = (f"{stem}{suffix}".lower() for stem in stems for suffix in SUFFIXES)
    return next((files[name] for name in names if name in files), None)


def decode_texts(files: Mapping[str, bytes]) -> tuple[dict[str, str], list[Finding]]:
    """Decode text files: each by its byte order mark or as UTF-8, those that are not all by one other encoding.

    A caption is too short to tell its encoding from, and the files of one folder come from one program: they are told
    together.
    """
    texts, others = {}, {}
    for name, data in files.items():
        text = _unicode(data)
        (others if text is None else texts)[name] = data if text is None else text
    if not others:
        return texts, []
    guesses = guess_encoding(b"\n".join(dict.fromkeys(others.values())))
    encoding = guesses[0].encoding if guesses else "cp1252"
    texts |= {name: data.decode(encoding, "replace") for name, data in others.items()}
    title = f"{len(others)} caption files are not UTF-8: read as {NAMES[encoding]}"
    samples = listed([texts[name].strip()[:40] for name in others], 3)
    return texts, [Finding("amber", title, f"They say: {samples}. If that looks wrong, save them as UTF-8.")]


def _unicode(data: bytes) -> str | None:
    """Decode UTF-8, UTF-16 and UTF-32; None if it is none of them."""
    encoding = next((encoding for mark, encoding in MARKS.items() if data.startswith(mark)), "")
    if not encoding and b"\0" in data:  # UTF-16 without a mark: the high bytes of Latin letters are 0
        encoding = "utf-16-le" if data[1::2].count(0) >= data[::2].count(0) else "utf-16-be"
    try:
        return data.decode(encoding or "utf-8-sig")
    except UnicodeDecodeError:
        return None
