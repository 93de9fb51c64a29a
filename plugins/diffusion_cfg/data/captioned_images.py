"""Read images and their captions, split off the held-out ones, and report problems. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from plugins.diffusion_cfg.data.resize import ResizedImages
from plugins.diffusion_cfg.settings import ImageSettings
from training.data.images.checks import check_images
from training.data.images.image_set import ImageSet
from training.data.images.preview import preview
from training.data.images.read import read_image_dataset, read_images
from training.data.splits import split_rows
from training.errors import UserError
from training.preflight.sheet import Finding, Sheet

CAPTION_COLUMNS = (  # by precedence, in any case
    "caption", "captions", "text", "texts", "sentences", "prompt", "title", "description", "label"
)  # fmt: skip
FEW_IMAGES = 20
MAX_DETAIL = 300  # characters of a list of names or captions in a finding
HOW_TO_CAPTION = (
    "Put metadata.jsonl with file_name and caption into the folder, or a text file (x.txt, x.caption) beside each "
    "image; in a Parquet file, a column caption."
)


@dataclass(frozen=True, eq=False)
class CaptionedImages:
    """Images and their captions; captions are empty strings if the training needs none.

    Args:
        several: All captions of each image, if some have several; `captions` holds the first. Else empty.
    """

    images: ImageSet
    captions: list[str]
    several: tuple[tuple[str, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.images)

    def select(self, rows: np.ndarray) -> CaptionedImages:
        several = tuple(self.several[int(row)] for row in rows) if self.several else ()
        return CaptionedImages(self.images.select(rows), [self.captions[int(row)] for row in rows], several)

    @property
    def all_captions(self) -> list[str]:
        """Every caption that can be drawn."""
        return [*self.captions, *(text for texts in self.several for text in texts)]


@dataclass(frozen=True, eq=False)
class SplitImages:
    """Training images, held-out images, and the findings about both."""

    train: CaptionedImages
    held_out: CaptionedImages
    sheet: Sheet

    def resized(
        self, size: int, channels: int, settings: ImageSettings, keep: bool = True
    ) -> tuple[ResizedImages, ResizedImages]:
        """The training images and the held-out ones of an evaluation, as arrays of one size.

        Args:
            keep: Whether they are asked for more than once.
        """
        train, held_out = (
            ResizedImages(part.images.as_channels(channels), size, settings.resize_mode, keep)
            for part in (self.train, self.evaluated(settings))
        )
        return train, held_out

    def evaluated(self, settings: ImageSettings) -> CaptionedImages:
        """The held-out images that an evaluation uses, at most `eval_images`."""
        return self.held_out.select(np.arange(min(len(self.held_out), settings.eval_images)))


def read_split(settings: ImageSettings, caption_column: str | None = None) -> SplitImages:
    """Read the images, and split them unless there are images to evaluate on.

    Args:
        caption_column: Where the captions are, empty to guess; images without a caption are left out. None: without
            captions.

    Raises:
        UserError: If the images cannot be read, or there are no captions.
    """
    data, findings = _read(settings, settings.data, caption_column)
    if settings.eval_data:
        train = data
        held_out, more = _read(settings, settings.eval_data, caption_column)
        source = held_out.images.source
        findings += [Finding(finding.level, f"{source}: {finding.title}", finding.detail) for finding in more]
    else:
        train, held_out = _split(data, settings)
    findings = [*findings, *_check_sizes(len(train), len(held_out))]
    return SplitImages(train, held_out, Sheet(tuple(findings), sample=preview(train.images, train.captions)))


def _split(data: CaptionedImages, settings: ImageSettings) -> tuple[CaptionedImages, CaptionedImages]:
    """Hold out a share of the images; copies of one file stay on one side."""
    digests = data.images.digests()
    rows, held_out = split_rows(None, len(data), eval_share=settings.eval_share, seed=settings.seed, groups=digests)
    return data.select(rows), data.select(held_out)


def _check_sizes(train: int, held_out: int) -> list[Finding]:
    findings = []
    if not held_out:
        detail = "Nothing is evaluated: raise eval_share, or give eval_data."
        findings.append(Finding("amber", "No image is held out", detail))
    if 0 < train < FEW_IMAGES:
        detail = "The model will memorise them. Hundreds, better thousands, are useful; a LoRA needs about ten."
        findings.append(Finding("amber", f"Only {train} training images", detail))
    return findings


def _read(settings: ImageSettings, path: str, caption_column: str | None) -> tuple[CaptionedImages, list[Finding]]:
    images = read_images(Path(path)) if path else read_image_dataset(settings.dataset)
    if caption_column is None:
        usable, findings = check_images(images.as_channels(settings.image_channels))
        return CaptionedImages(usable, [""] * len(usable)), findings
    several, caption_findings = _captions(images, caption_column)
    captioned = [row for row, texts in enumerate(several) if texts]
    if len(captioned) < len(images):
        names = ", ".join(images.name(row) for row, texts in enumerate(several) if not texts)
        title = f"{len(images) - len(captioned)} images have no caption and are left out"
        caption_findings.append(Finding("amber", title, _shorten(names)))
    captions_of = {int(images.rows[row]): several[row] for row in captioned}
    usable, findings = check_images(images.select(captioned).as_channels(settings.image_channels))
    kept = tuple(captions_of[int(row)] for row in usable.rows)
    have_several = any(len(texts) > 1 for texts in kept)
    data = CaptionedImages(usable, [texts[0] for texts in kept], kept if have_several else ())
    return data, [*findings, *caption_findings]


def _captions(images: ImageSet, column: str) -> tuple[list[tuple[str, ...]], list[Finding]]:
    """The captions of each image, whitespace normalised, and a finding about the column that they come from."""
    by_lower = {name.lower(): name for name in images.columns}
    name = column or next((by_lower[name] for name in CAPTION_COLUMNS if name in by_lower), "")
    if not name:
        columns = ", ".join(images.columns)
        hint = f" It has the columns {columns}: set caption_column." if columns else ""
        raise UserError(f"{images.source} has images without captions.{hint} {HOW_TO_CAPTION}")
    firsts = [(text or "",) for text in images.column(name)]
    given = [images.several[name][int(row)] for row in images.rows] if name in images.several else firsts
    several = [tuple(words for text in texts if (words := " ".join(text.split()))) for texts in given]
    distinct = dict.fromkeys(text for texts in several for text in texts)
    words = len({word for text in distinct for word in text.lower().split()})
    title = f"Captions from the column {name!r}: {len(distinct):,} distinct, {words:,} words"
    return several, [Finding("green", title, _shorten("; ".join(distinct)))]


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_DETAIL else text[: text.rfind(" ", 0, MAX_DETAIL)] + " …"
