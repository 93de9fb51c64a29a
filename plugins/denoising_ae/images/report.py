"""Denoised files as the page shows them: before, after and removed noise; PSNR and SSIM against a clean reference."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from plugins.denoising_ae.images.files import browser_png, corrupted_pixels, write_png
from plugins.denoising_ae.images.inference.image_denoiser import Denoised, ImageDenoiser
from plugins.denoising_ae.images.inference.progress import map_progress
from plugins.denoising_ae.images.metrics import psnr, ssim
from plugins.denoising_ae.images.predictor import ImageDenoisingPredictor
from plugins.denoising_ae.images.request import DenoiseRequest
from plugins.denoising_ae.noise.named_level import NoiseLevel
from training.data.images.decode import DecodedImage, decode, to_channels
from training.data.images.write_png import to_png
from training.errors import UserError

MAX_FILES = 50
RESIDUAL_GAIN = 4  # the removed noise is shown about grey, amplified
HEADERS = ["image", "size", "noise level", "PSNR before", "PSNR after", "SSIM before", "SSIM after"]


class FileReport(NamedTuple):
    """One denoised file: its PNG, three images with captions to show, a table row with `HEADERS`, and remarks."""

    png: Path
    images: list[tuple[str, str]]
    row: list[Any]
    remarks: str


def denoise_files(
    predictor: ImageDenoisingPredictor, files: list[Path], request: DenoiseRequest
) -> Iterator[dict[str, Any] | str]:
    """Denoise image files, after adding noise where requested.

    Yields:
        Progress messages; last, a dict: images (file, caption) before, after and removed of each file in turn; files to
        download; table with a row per file; summary in Markdown.

    Raises:
        UserError: Naming the image that cannot be used; for a clean reference beside several images.
    """
    if not 1 <= len(files) <= MAX_FILES:
        raise UserError(f"{len(files)} images were given; 1 to {MAX_FILES} can be denoised at once.")
    if request.clean is not None and (len(files) > 1 or request.noise):
        raise UserError("A clean reference belongs to one noisy image, with no noise added.")
    reports = []
    for number, file in enumerate(files):
        reports.append(
            (yield from _denoise_file(predictor.denoiser, file, request._replace(seed=request.seed + number)))
        )
    several = f"{len(reports)} images. Click one to compare."
    yield {
        "images": [shown for report in reports for shown in report.images],
        "files": [str(report.png) for report in reports],
        "table": _table([report.row for report in reports]),
        "summary": _summary(reports[0], request) if len(reports) == 1 else several,
    }


def _table(rows: list[list[Any]]) -> dict[str, list[Any]]:
    """Headers and rows, without the scores where no image has a clean reference."""
    shown = len(HEADERS) if any(row[3] != "" for row in rows) else 3
    return {"headers": HEADERS[:shown], "data": [row[:shown] for row in rows]}


def _denoise_file(denoiser: ImageDenoiser, file: Path, request: DenoiseRequest) -> Generator[str, None, FileReport]:
    image, reference = _noisy_and_reference(decode(file), request)
    work = denoiser.denoise_with_progress(
        image.pixels,
        request.strength,
        alpha=image.alpha,
        noise_level=NoiseLevel.parse(request.noise_level),
        self_ensemble=request.self_ensemble,
    )
    denoised = yield from map_progress(work, lambda share: f"{file.name}: {share:.0%} …")
    png = write_png(file.name, "-denoised", to_png(denoised.pixels, image.alpha, image.icc_profile))
    after = replace(image, pixels=denoised.pixels)
    shown = _shown(file.name, image, after, denoised.residual)
    return FileReport(png, shown, _row(file.name, image, after, denoised, reference), _remarks(image, denoised))


def _noisy_and_reference(image: DecodedImage, request: DenoiseRequest) -> tuple[DecodedImage, np.ndarray | None]:
    """The image to denoise, and its clean reference in 8 bits of sRGB, if there is one."""
    if request.noise:
        noisy = corrupted_pixels(image, request.noise, request.level, request.seed)
        alpha = image.alpha if image.alpha is None or image.depth == 8 else (image.alpha >> 8).astype(np.uint8)
        return DecodedImage(noisy, alpha, image.notices), image.srgb()
    if request.clean is None:
        return image, None
    return image, match_channels(decode(request.clean).flat(), image.pixels)


def _remarks(image: DecodedImage, denoised: Denoised) -> str:
    """What the reader of a result should know: why no level was used, what was read otherwise, the profile."""
    remarks = [f"{denoised.reason[:1].upper()}{denoised.reason[1:]}."] if denoised.reason else []
    if denoised.reason and denoised.noise_level == 0:
        remarks.append("The image is as it was. Name a noise level to denoise it all the same.")
    elif denoised.reason:
        remarks.append("Denoised blind; name a noise level if too much or too little was removed.")
    remarks += [f"{notice[:1].upper()}{notice[1:]}." for notice in image.notices]
    remarks += [f"Its colour profile is kept: {image.other_profile}."] if image.other_profile else []
    return " ".join(remarks)


def match_channels(clean: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """The clean reference with the channels of another image of the same size.

    Raises:
        UserError: If their sizes differ.
    """
    if clean.shape[:2] != pixels.shape[:2]:
        sizes = " and ".join(f"{image.shape[1]} x {image.shape[0]}" for image in (clean, pixels))
        raise UserError(f"The clean image and the noisy one are of different sizes: {sizes}.")
    return to_channels(clean, pixels.shape[2])


def _shown(name: str, before: DecodedImage, after: DecodedImage, residual: np.ndarray) -> list[tuple[str, str]]:
    amplified = np.rint(np.clip(0.5 + RESIDUAL_GAIN * residual, 0, 1) * 255).astype(np.uint8)
    images = {
        "before": before.srgb(),
        "after": after.srgb(),
        f"removed noise, amplified {RESIDUAL_GAIN} times": amplified,
    }
    return [(browser_png(pixels), f"{name}: {caption}") for caption, pixels in images.items()]


def _row(
    name: str, before: DecodedImage, after: DecodedImage, denoised: Denoised, reference: np.ndarray | None
) -> list[Any]:
    """Scores are of the pixels as they are; in sRGB where a profile says otherwise, as the reference."""
    level = "blind" if denoised.noise_level is None else round(denoised.noise_level, 1)
    images = [image.srgb() if image.other_profile else image.pixels for image in (before, after)]
    scores = ["", "", "", ""] if reference is None else _scores(images[0], images[1], reference)
    return [name, f"{before.pixels.shape[1]} x {before.pixels.shape[0]}", level, *scores]


def _scores(noisy: np.ndarray, denoised: np.ndarray, reference: np.ndarray) -> list[str]:
    before, after, clean = (_tensor(pixels) for pixels in (noisy, denoised, reference))
    psnrs = [f"{psnr(image, clean):.2f}" for image in (before, after)]
    return psnrs + [f"{ssim(image, clean):.3f}" for image in (before, after)]


def _tensor(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(pixels.astype(np.float32) / np.iinfo(pixels.dtype).max).permute(2, 0, 1)


def _summary(report: FileReport, request: DenoiseRequest) -> str:
    row, level = report.row, report.row[2]
    kind = "Estimated noise level" if NoiseLevel.parse(request.noise_level).automatic else "Noise level"
    sentences = [f"{kind} **{level}** of 255."] if level not in (0, "blind") else []
    if row[3] != "":
        sentences.append(f"PSNR **{row[3]} → {row[4]} dB**, SSIM **{row[5]} → {row[6]}**.")
    return " ".join([*sentences, report.remarks]).strip()
