"""What the trainers read: pictures, the caption of each, and everything found amiss, in words. Needs no torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from training.data.images.checks import check_images
from training.data.images.image_set import ImageSet
from training.data.images.read import read_image_dataset, read_images
from training.data.splits import split_rows
from training.errors import UserError
from training.preflight.sheet import Finding, Sheet

if TYPE_CHECKING:
    from plugins.diffusion_cfg.settings import PictureSettings

CAPTIONS = (
    "caption",
    "captions",
    "text",
    "prompt",
    "title",
    "description",
    "label",
)  # the first that is there is taken
FEW, SHOWN = 20, 5
HOW = "Put metadata.jsonl with file_name and caption into the folder, or a text file beside each picture; in a Parquet file, a column caption."


@dataclass(frozen=True, eq=False)
class Captioned:
    """Pictures and what each shows; captions are empty strings where the trainer needs none."""

    images: ImageSet
    captions: list[str]

    def __len__(self) -> int:
        return len(self.images)

    def select(self, rows: np.ndarray) -> Captioned:
        return Captioned(self.images.select(rows), [self.captions[int(row)] for row in rows])


@dataclass(frozen=True, eq=False)
class Halves:
    """What is learnt from, what is scored, what was found."""

    train: Captioned
    held: Captioned
    findings: tuple[Finding, ...]


def check(settings: PictureSettings, captions: bool) -> Sheet:
    """The preflight sheet; what cannot be read at all is a red row, not an error."""
    try:
        return Sheet(_read_all(settings, captions).findings)
    except UserError as error:
        return Sheet((Finding("red", "The pictures cannot be used", str(error)),))


def read(settings: PictureSettings, captions: bool) -> Halves:
    """Pictures, split.

    Args:
        captions: Whether each needs one; pictures without are then left out.

    Raises:
        UserError: What the preflight sheet would show in red.
    """
    halves = _read_all(settings, captions)
    Sheet(halves.findings).raise_if_blocked()
    return halves


def _read_all(settings: PictureSettings, captions: bool) -> Halves:
    data, found = _read(settings, settings.data, captions)
    if settings.eval_data:
        held, more = _read(settings, settings.eval_data, captions)
        found += [Finding(one.level, f"{held.images.source}: {one.title}", one.detail) for one in more]
        train = data
    else:
        copies = [hashlib.sha1(data.images.bytes(row), usedforsecurity=False).digest() for row in range(len(data))]
        rows, held_out = split_rows(None, len(data), eval_share=settings.eval_share, seed=settings.seed, groups=copies)
        train, held = data.select(rows), data.select(held_out)
    if not len(held):
        found.append(
            Finding("amber", "No picture is held out", "Nothing is scored: raise eval_share, or give eval_data.")
        )
    if 0 < len(train) < FEW:
        found.append(Finding("amber", f"Only {len(train)} pictures to learn from", "It will learn them by heart. Hundreds, better thousands, are useful; a LoRA takes some ten."))  # fmt: skip
    return Halves(train, held, tuple(found))


def _read(settings: PictureSettings, path: str, captions: bool) -> tuple[Captioned, list[Finding]]:
    if not path and not settings.dataset:
        raise UserError(
            "No pictures: give a zip, a Parquet file, a folder (on the command line) or a data set of the Hub."
        )
    images = read_images(Path(path)) if path else read_image_dataset(settings.dataset)
    texts, told = _captions(images, settings.caption_column, captions)
    kept = [row for row, text in enumerate(texts) if text or not captions]
    if len(kept) < len(images):
        names = ", ".join(images.name(row) for row, text in enumerate(texts) if not text)
        told.append(
            Finding("amber", f"{len(images) - len(kept)} pictures have no caption and are left out", _cut(names))
        )
    places = {int(images.rows[row]): texts[row] for row in kept}
    usable, found = check_images(images.select(kept).as_channels(settings.picture_channels))
    return Captioned(usable, [places[int(place)] for place in usable.rows]), [*found, *told]


def _captions(images: ImageSet, column: str, needed: bool) -> tuple[list[str], list[Finding]]:
    """A caption a picture, spaces tidied; what they are taken from."""
    if not needed:
        return [""] * len(images), []
    name = column or next((each for each in CAPTIONS if each in images.columns), "")
    if not name:
        have = f" It has the columns {', '.join(images.columns)}: set caption_column." if images.columns else ""
        raise UserError(f"{images.source} has pictures without captions.{have} {HOW}")
    texts = [" ".join((text or "").split()) for text in images.column(name)]
    kinds = len({text for text in texts if text})
    words = len({word for text in texts for word in text.lower().split()})
    examples = "; ".join(dict.fromkeys(text for text in texts if text))
    return texts, [
        Finding("green", f"Captions from the column {name!r}: {kinds:,} different, {words:,} words", _cut(examples))
    ]


def _cut(names: str, most: int = 300) -> str:
    return names if len(names) <= most else names[: names.rfind(" ", 0, most)] + " …"
