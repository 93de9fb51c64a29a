"""What the page shows of denoised pictures: before, after, what was removed, and how good it is."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from plugins.denoising_ae.answers import check_cleaner, like, spoiled, write
from plugins.denoising_ae.images.progress import telling
from plugins.denoising_ae.noise.level_estimation import estimate_noise_level
from training.data.images.decode import Picture, decode
from training.data.images.write_png import to_png
from training.errors import UserError

if TYPE_CHECKING:
    from plugins.denoising_ae.images.image_denoiser import Cleaner

MOST_FILES = 50
MOST_SHOWN = 2048  # pixels a side of what the page shows; the download is whole
MIDDLE = 384  # pixels a side of what "Told a level" shows
AMPLIFIED = 4  # times the removed noise, shown about grey
HEADERS = ["picture", "size", "noise level", "PSNR before", "PSNR after", "SSIM before", "SSIM after"]


class Asked(NamedTuple):
    """What is to be done with each picture.

    Args:
        strength: As `Cleaner.cleaning` has it.
        self_ensemble: As there.
        noise: A kind of noise to add first, so that the picture as given is the clean one; empty for none.
        level: Of that noise.
        seed: Of that noise in the first picture; the next has the next.
        clean: The clean picture of a single noisy one.
    """

    strength: float = 1.0
    self_ensemble: bool = False
    noise: str = ""
    level: float = 0.0
    seed: int = 0
    clean: Path | None = None


def denoise_files(model: Cleaner, files: list[Path], asked: Asked) -> Iterator[dict[str, Any] | str]:
    """Denoise pictures, after adding noise to them where asked.

    Yields:
        Words on how far it is; last, shown: (file, caption) of before, after and removed of each picture in turn; files: to
        download; table: a row a picture with `HEADERS`; said: the first picture in words.

    Raises:
        UserError: Naming the picture that cannot be used; for a clean picture beside several.
    """
    check_cleaner(model)
    if not 1 <= len(files) <= MOST_FILES:
        raise UserError(f"{len(files)} pictures were given; 1 to {MOST_FILES} at once are denoised.")
    if asked.clean is not None and (len(files) > 1 or asked.noise):
        raise UserError("A clean picture to compare with belongs to one noisy picture, with no noise added.")
    found = []
    for place, file in enumerate(files):
        found.append((yield from _one(model, file, asked._replace(seed=asked.seed + place))))
    yield {
        "shown": [each for one in found for each in one["shown"]],
        "files": [str(one["file"]) for one in found],
        "table": {"headers": HEADERS, "data": [one["row"] for one in found]},
        "said": _said(found[0]["row"]) if len(found) == 1 else f"{len(found)} pictures. Click one to compare.",
    }


def _one(model: Cleaner, file: Path, asked: Asked) -> Generator[str, None, dict[str, Any]]:
    picture = decode(file)
    given, reference = picture.pixels, None
    if asked.noise:
        given = spoiled(picture, asked.noise, asked.level, asked.seed)
        reference = picture.pixels if picture.depth == 8 else (picture.pixels >> 8).astype(np.uint8)
    elif asked.clean is not None:
        reference = like(decode(asked.clean).flat(), picture.pixels)
    work = model.cleaning(given, asked.strength, self_ensemble=asked.self_ensemble)
    cleaned = yield from telling(work, lambda share: f"{file.name}: {share:.0%} …")
    alpha = picture.alpha if given.dtype == picture.pixels.dtype else None
    scores = ["", "", "", ""] if reference is None else _scores(given, cleaned.pixels, reference)
    estimate = "" if cleaned.level is None else round(cleaned.level, 1)
    shown = [
        (given, "before"),
        (cleaned.pixels, "after"),
        (_about_grey(cleaned.removed), f"removed, {AMPLIFIED} times"),
    ]
    return {
        "file": write(file.name, "-denoised", to_png(cleaned.pixels, alpha)),
        "shown": [(_show(pixels), f"{file.name}: {words}") for pixels, words in shown],
        "row": [file.name, f"{given.shape[1]} x {given.shape[0]}", estimate, *scores],
    }


def _scores(given: np.ndarray, cleaned: np.ndarray, reference: np.ndarray) -> list[str]:
    import torch

    from plugins.denoising_ae.images.metrics import psnr, ssim

    def tensor(pixels: np.ndarray) -> Any:
        return torch.from_numpy(pixels.astype(np.float32) / np.iinfo(pixels.dtype).max).permute(2, 0, 1)

    before, after, truth = tensor(given), tensor(cleaned), tensor(reference)
    return [f"{psnr(before, truth):.2f}", f"{psnr(after, truth):.2f}", f"{ssim(before, truth):.3f}", f"{ssim(after, truth):.3f}"]  # fmt: skip


def _said(row: list[Any]) -> str:
    level = "" if row[2] == "" else f"Estimated noise level **{row[2]}** of 255."
    if row[3] == "":
        return level
    return f"{level} PSNR **{row[3]} → {row[4]} dB**, SSIM **{row[5]} → {row[6]}**."


def _about_grey(removed: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(0.5 + AMPLIFIED * removed, 0, 1) * 255).astype(np.uint8)


def at_levels(model: Cleaner, file: Path) -> list[tuple[str, str]]:
    """(file, caption) of the middle of a picture: as given, blind, and told half, once and twice its estimated level.

    Raises:
        UserError: If the weights take no level, or the picture is too small to tell its own.
    """
    check_cleaner(model)
    pixels = decode(file).flat()
    top, left = (max(0, side - MIDDLE) // 2 for side in pixels.shape[:2])
    pixels = pixels[top : top + MIDDLE, left : left + MIDDLE]
    level = estimate_noise_level(pixels.astype(np.float32) / np.iinfo(pixels.dtype).max)
    if not model.model.config.level_input or level is None:
        raise UserError("These weights take no noise level, or the picture is smaller than 16 pixels a side.")
    found = [(_show(pixels), f"given, estimated {level:.1f}"), (_show(model.told(pixels, None)), "blind")]
    for times in (0.5, 1.0, 2.0):
        found.append((_show(model.told(pixels, times * level)), f"told {times * level:.1f}"))
    return found


def show_file(file: Path) -> str:
    """A picture's file as one that a browser shows."""
    return _show(decode(file).pixels)


def _show(pixels: np.ndarray) -> str:
    """A file that a browser shows: 8 bits, not larger than the page needs."""
    from PIL import Image

    shown = Picture(pixels, None).flat()
    image = Image.fromarray(shown[..., 0] if shown.shape[2] == 1 else np.ascontiguousarray(shown))
    image.thumbnail((MOST_SHOWN, MOST_SHOWN))
    path = Path(tempfile.mkdtemp(prefix="selfsup-")) / "shown.png"
    image.save(path, compress_level=1)  # noise does not compress, and trying takes five times as long
    return str(path)
