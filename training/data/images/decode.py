"""Decode an image file: upright by EXIF, with alpha, 16 bits and colour profile, refused by its header if too large."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from training.data.images.colour_profile import colour_space, fits, moves_colours, profile_name, to_srgb
from training.data.images.png16 import alpha_of_key, read_16_bits, transparent_value, truncated_bits
from training.errors import UserError

MAX_PIXELS = 89_478_485  # Pillow's own limit: a quarter of a GiB as 8-bit colour
MAX_FILE_BYTES = 256 * 2**20  # of the file
MAX_TEXTS, MAX_TEXT = 32, 20_000  # text chunks of a PNG, and characters of one
FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "BMP", "TIFF", "GIF", "PPM", "AVIF")
FOREIGN = {  # first bytes of files of other formats
    rb"....ftyp(hei|mif|msf)": "a HEIC photo: export it as JPEG or PNG",
    rb"\s*<(\?xml|svg)": "an SVG drawing: export it as PNG",
    rb"%PDF": "a PDF: export the page as PNG",
    rb"PK\x03\x04": "a zip archive",
    rb"version https://git-lfs": "only a Git LFS pointer: download the file itself",
    rb"\s*<!doctype html|\s*<html": "a web page: download the file itself",
}
GREY, COLOUR = ("1", "L", "LA", "La"), ("RGB", "RGBA", "RGBa", "P", "PA")


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """A decoded image.

    Args:
        pixels: (height, width, 1 or 3), uint8 or uint16, upright.
        alpha: Opacity, (height, width), of the same type; None if all is opaque.
        notices: What was changed while reading: "animated: the first frame is taken".
        icc_profile: The file's ICC profile, by which the pixels are to be shown; empty without one: sRGB.
        texts: What a PNG file says of itself, by keyword.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    notices: tuple[str, ...] = ()
    icc_profile: bytes = b""
    texts: dict[str, str] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        """Bits per channel, 8 or 16."""
        return 8 * self.pixels.dtype.itemsize

    @property
    def other_profile(self) -> str:
        """The name of the colour profile if colours are shown otherwise than as sRGB; else empty."""
        moves = bool(self.icc_profile) and moves_colours(self.icc_profile, self.pixels.shape[2])
        return profile_name(self.icc_profile) or "without a name" if moves else ""

    def srgb(self) -> np.ndarray:
        """Return the pixels with 8 bits in sRGB, (height, width, 1 or 3) uint8."""
        pixels = self.pixels if self.depth == 8 else (self.pixels >> 8).astype(np.uint8)
        return to_srgb(pixels, self.icc_profile) if self.other_profile else pixels

    def flat(self, background: int = 255) -> np.ndarray:
        """Return 8 bits in sRGB without alpha, (height, width, 1 or 3): transparent parts show the background."""
        pixels = self.srgb()
        if self.alpha is None:
            return pixels
        share = self.alpha[..., None] / np.float32(np.iinfo(self.alpha.dtype).max)
        return np.rint(pixels * share + background * (1 - share)).astype(np.uint8)


FileDecoder = Callable[[Path, str, int], DecodedImage]
_decode_file: list[FileDecoder] = []  # at most one; see `decode_files_with`


def decode_files_with(decoder: FileDecoder | None) -> None:
    """Let `decode` of this process hand files to a decoder from now on: a server's, in a process with limits.

    A picture's decoders are C libraries, and a visitor's file may be made to break them. None: decode here.
    """
    _decode_file[:] = [decoder] if decoder else []


def decode(source: bytes | Path, name: str = "", max_pixels: int = MAX_PIXELS) -> DecodedImage:
    """Decode an image.

    Args:
        source: The file's bytes, or its path.
        name: Its name in messages; by default the path's last part.
        max_pixels: An image with more is refused by its header, before anything is decoded.

    Raises:
        UserError: If it is no image, damaged, or too large; the message names it.
    """
    name = name or (source.name if isinstance(source, Path) else "the image")
    if isinstance(source, Path) and _decode_file:
        return _decode_file[0](source, name, max_pixels)
    data = _bytes_of(source, name)
    with _open(data, name, max_pixels) as image:
        try:
            decoded = _decoded(data, image, name)
        except UserError:
            raise
        except MemoryError:
            raise UserError(f"{name} takes more memory to decode than there is. Make it smaller.") from None
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise UserError(f"{name} is damaged: it cannot be decoded to its end. Save it again.") from error
    return decoded


def header(source: bytes | Path, name: str = "", max_pixels: int = MAX_PIXELS) -> tuple[int, int, str]:
    """Read height, width and Pillow's mode, without decoding.

    Raises:
        UserError: As `decode`, for faults of the header.
    """
    name = name or (source.name if isinstance(source, Path) else "the image")
    with _open(_bytes_of(source, name), name, max_pixels) as image:
        turned = image.getexif().get(0x0112, 1) >= 5  # EXIF's Orientation: lies on its side
        width, height = image.size[::-1] if turned else image.size
        return height, width, image.mode


def to_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """Convert to grey (ITU-R BT.601 luma, as in Pillow and denoising papers) or colour, (height, width, channels)."""
    if pixels.shape[2] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=2)
    grey = pixels @ np.asarray([0.299, 0.587, 0.114], np.float32)
    return np.rint(grey)[..., None].astype(pixels.dtype)


def _bytes_of(source: bytes | Path, name: str) -> bytes:
    if isinstance(source, bytes):
        data = source
    elif not source.is_file():
        raise UserError(f"There is no file {name}.")
    elif source.stat().st_size > MAX_FILE_BYTES:
        raise UserError(f"{name} has {source.stat().st_size / 2**20:,.0f} MiB, more than {MAX_FILE_BYTES // 2**20}.")
    else:
        data = source.read_bytes()
    if not data:
        raise UserError(f"{name} is empty (0 bytes).")
    return data


def _open(data: bytes, name: str, max_pixels: int) -> Image.Image:
    """Open an image and read its header."""
    Image.init()
    try:
        image = Image.open(io.BytesIO(data), formats=[name for name in FORMATS if name in Image.OPEN])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(name, re.sub(r"\D*(\d+).*", r"\1", str(error)), max_pixels) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        foreign = next(
            (what for start, what in FOREIGN.items() if re.match(start, data[:64], re.IGNORECASE | re.DOTALL)), ""
        )
        unknown = "no image that can be read: PNG, JPEG, WebP, TIFF, BMP, GIF and AVIF can"
        raise UserError(f"{name} is {f'no image but {foreign}' if foreign else unknown}.") from error
    if image.width * image.height > max_pixels:
        raise _too_large(name, str(image.width * image.height), max_pixels)
    return image


def _too_large(name: str, pixels: str, max_pixels: int) -> UserError:
    return UserError(
        f"{name} has {int(pixels) / 1e6:,.0f} million pixels; at most {max_pixels / 1e6:,.0f} million are decoded. "
        "Make it smaller."
    )


def _decoded(data: bytes, image: Image.Image, name: str) -> DecodedImage:
    """Decode an opened image."""
    notices, profile = _notices(image), image.info.get("icc_profile") or b""
    if deep := read_16_bits(data, image):
        return _with_profile(DecodedImage(deep.pixels, deep.alpha, tuple(notices)), profile)
    if bits := truncated_bits(data, image):
        notices.append(f"{bits} bits are read as 8")
    upright = ImageOps.exif_transpose(image)
    if upright.mode == "CMYK" and fits(profile, 4) and moves_colours(profile, 4):
        return DecodedImage(to_srgb(np.asarray(upright), profile), None, tuple(notices))
    pixels, alpha, more = _split(upright, name)
    decoded = DecodedImage(pixels, alpha, (*notices, *more), texts=_texts(image))
    return decoded if upright.mode in ("LAB", "HSV") else _with_profile(decoded, profile)


def _texts(image: Image.Image) -> dict[str, str]:
    """The text chunks of a PNG of 8 bits, without long ones."""
    texts = getattr(image, "text", {}) if image.format == "PNG" else {}
    return {str(key): str(value) for key, value in [*texts.items()][:MAX_TEXTS] if len(value) <= MAX_TEXT}


def _with_profile(image: DecodedImage, profile: bytes) -> DecodedImage:
    """Attach a profile that belongs to the image's channels; another one is of no use, and is said."""
    channels = image.pixels.shape[2]
    if fits(profile, channels):
        return replace(image, icc_profile=profile)
    if not profile or (channels == 1 and colour_space(profile) == "RGB"):  # grey files often name the screen's profile
        return image
    return replace(image, notices=(*image.notices, "a colour profile that does not fit it is left out"))


def _notices(image: Image.Image) -> list[str]:
    notices = []
    if getattr(image, "n_frames", 1) > 1 and image.format not in ("MPO", "TIFF"):
        notices.append("animated: the first frame is taken")
    elif image.format == "TIFF" and getattr(image, "n_frames", 1) > 1:
        notices.append("several pages: the first is taken")
    if image.mode not in (*GREY, *COLOUR) and not image.mode.startswith(("I", "F")):
        notices.append(f"{image.mode} is turned into RGB")
    return notices


def _split(image: Image.Image, name: str) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """Split an image of any mode into pixels, alpha and notices."""
    mode = image.mode
    if mode.startswith(("I", "F")):
        pixels, notices = _numbers(np.asarray(image), name)
        key = transparent_value(image)
        return pixels, None if key is None else alpha_of_key(pixels, key), notices
    transparent = mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in image.info
    if mode in GREY:
        both = np.asarray(image.convert("LA" if transparent else "L")).reshape(image.height, image.width, -1)
    else:
        both = np.asarray(image.convert("RGBA" if transparent else "RGB"))
    if not transparent or both[..., -1].min() == 255:
        return both[..., : 1 if mode in GREY else 3], None, ()
    return both[..., :-1], both[..., -1], ()


def _numbers(values: np.ndarray, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Convert grey of more than 8 bits to uint16."""
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f":
        if not (np.isfinite([low, high]).all() and low >= 0 and high <= 1):
            expected = "between 0 and 1, or whole ones up to 65,535, were expected"
            raise UserError(f"{name} holds numbers from {low:g} to {high:g}; {expected}.")
        return np.rint(values * 65535.0).astype(np.uint16)[..., None], ("floating point is read as 16 bits",)
    if low < 0 or high > 65535:
        raise UserError(
            f"{name} holds numbers from {low:g} to {high:g}; 0 to 65,535 were expected. Save it with 16 bits."
        )
    return values.astype(np.uint16)[..., None], ()
