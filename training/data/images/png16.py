"""Read PNG and TIFF of 16 bits per channel that Pillow truncates to 8: colour, grey with alpha, transparent colours."""

from __future__ import annotations

import io
import sys
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin

BITS, STRIP_OFFSETS, STRIP_BYTES, COMPRESSION, PLANAR = 258, 273, 279, 259, 284  # tags of TIFF
NATIVE_SWAPPED = "B" if sys.byteorder == "little" else "L"  # libtiff hands out numbers in the machine's byte order
OTHER_ORDER = {
    f"{mode};16{order}": f"{mode};16{other}"
    for mode in ("RGB", "RGBA")
    for order, other in (("B", "L"), ("L", "B"), ("N", NATIVE_SWAPPED))
}
FOUR_BYTES = "RGBA"  # a raw mode that keeps all four bytes of grey and alpha in 16 bits
PNG_GREY_ALPHA = "LA;16B"
for prefix in (TiffImagePlugin.II, TiffImagePlugin.MM):  # Pillow opens no such TIFF: here it learns its header
    TiffImagePlugin.OPEN_INFO.setdefault((prefix, 1, (1,), 1, (16, 16), (2,)), ("RGBA", FOUR_BYTES))


class Deep(NamedTuple):
    """Pixels (height, width, 1 or 3) and alpha (height, width) or None, uint16, upright."""

    pixels: np.ndarray
    alpha: np.ndarray | None


def read_16_bits(data: bytes, image: Image.Image) -> Deep | None:
    """Return the 16 bits of a PNG or TIFF that Pillow would truncate; None for every other file.

    Pillow's decoder keeps the high byte of each number in the file's byte order; decoded in the opposite order, it
    keeps the low byte. Both decodes together give the 16 bits. Grey with alpha has four bytes per pixel, as many as
    8-bit colour with alpha: decoded as that, all of them are kept.
    """
    tiles: list[Any] = getattr(image, "tile", [])
    modes = {_raw_mode(tile.args) for tile in tiles}
    bits = _tiff_bits(image)
    if bits and image.tag_v2.get(PLANAR) == 2:  # type: ignore[attr-defined] - a TIFF
        return _separate_planes(data, image)
    if modes == {PNG_GREY_ALPHA} or (bits == (16, 16) and modes == {FOUR_BYTES}):
        both = _grey_and_alpha(data, image)
    elif len(modes) == 1 and modes <= OTHER_ORDER.keys():
        swapped = _open_as(data, OTHER_ORDER[modes.pop()])
        high, low = (_upright(half) for half in (image, swapped))
        both = high.astype(np.uint16) << 8 | low
    else:
        return None
    pixels, alpha = (both[..., :-1], both[..., -1]) if both.shape[2] in (2, 4) else (both, None)
    return Deep(pixels, alpha if alpha is None else _or_opaque(alpha))._replace(**_colour_key(image, pixels, alpha))


def transparent_value(image: Image.Image) -> int | tuple[int, ...] | None:
    """Return the value (grey) or values (colour) that a PNG of 16 bits declares transparent (its chunk tRNS)."""
    value = image.info.get("transparency")
    return value if isinstance(value, (int, tuple)) else None


def alpha_of_key(pixels: np.ndarray, value: int | tuple[int, ...]) -> np.ndarray:
    """Return alpha, (height, width) uint16: 0 where all channels have the transparent value, else opaque."""
    return np.where((pixels == np.asarray(value, pixels.dtype)).all(2), 0, 65535).astype(np.uint16)


def truncated_bits(data: bytes, image: Image.Image) -> int:
    """Return the bits per channel of a file that is read with 8; 0 if none are lost."""
    if image.mode.startswith(("I", "F")):
        return 0
    if image.format == "AVIF":
        at = data.find(b"av1C")
        flags = data[at + 6] if 0 < at < len(data) - 6 else 0  # AV1CodecConfigurationRecord: high_bitdepth, twelve_bit
        return (12 if flags & 0x20 else 10) if flags & 0x40 else 0
    if image.format == "PPM":
        largest = max((arg for tile in image.tile for arg in tile.args if isinstance(arg, int)), default=0)  # type: ignore[attr-defined]
        return largest.bit_length() if largest > 255 else 0
    return max((bits for bits in _tiff_bits(image) if bits > 8), default=0)


def _tiff_bits(image: Image.Image) -> tuple[int, ...]:
    """Return the bits of each channel of a TIFF with more than 8, empty for other files."""
    if image.format != "TIFF":
        return ()
    bits = tuple(image.tag_v2.get(BITS, (1,)))  # type: ignore[attr-defined]
    return bits if max(bits) > 8 and len(bits) > 1 else ()


def _colour_key(image: Image.Image, pixels: np.ndarray, alpha: np.ndarray | None) -> dict[str, np.ndarray]:
    key = transparent_value(image)
    return {} if key is None or alpha is not None else {"alpha": alpha_of_key(pixels, key)}


def _or_opaque(alpha: np.ndarray) -> np.ndarray | None:
    return None if alpha.min() == np.iinfo(alpha.dtype).max else alpha


def _grey_and_alpha(data: bytes, image: Image.Image) -> np.ndarray:
    """Return grey and alpha, (height, width, 2) uint16."""
    native = image.format == "TIFF" and image.tile[0].codec_name == "libtiff"  # type: ignore[attr-defined]
    big = image.format == "PNG" or image.tag_v2.prefix == TiffImagePlugin.MM  # type: ignore[attr-defined]
    order = "=" if native else ">" if big else "<"
    raw = np.ascontiguousarray(_upright(_open_as(data, FOUR_BYTES)))
    return raw.view(f"{order}u2").astype(np.uint16)


def _separate_planes(data: bytes, image: Image.Image) -> Deep | None:
    """Read a TIFF of one uncompressed plane after the other, which Pillow misreads; None: Pillow takes the high bytes.

    Raises:
        ValueError: If Pillow would misread it and it is not read here either.
    """
    tags: Any = image.tag_v2  # type: ignore[attr-defined]
    if tags.get(COMPRESSION, 1) != 1:
        return None
    bits = _tiff_bits(image)
    if set(bits) != {16} or len(bits) not in (3, 4) or STRIP_OFFSETS not in tags:
        raise ValueError("planes of this layout are not read")
    strips = zip(tags[STRIP_OFFSETS], tags[STRIP_BYTES], strict=True)
    raw = b"".join(data[start : start + size] for start, size in strips)
    order = ">" if tags.prefix == TiffImagePlugin.MM else "<"
    planes = np.frombuffer(raw, f"{order}u2").reshape(len(bits), image.height, image.width).astype(np.uint16)
    both = _turned(np.moveaxis(planes, 0, 2), image)
    return Deep(both[..., :3], _or_opaque(both[..., 3]) if len(bits) == 4 else None)


def _turned(pixels: np.ndarray, image: Image.Image) -> np.ndarray:
    """Turn pixels upright by the orientation of EXIF, as `ImageOps.exif_transpose` does."""
    orientation = image.getexif().get(0x0112, 1)
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels[:, ::-1] if orientation in (2, 3, 6, 7) else pixels


def _upright(image: Image.Image) -> np.ndarray:
    return np.asarray(ImageOps.exif_transpose(image))


def _raw_mode(args: Any) -> str:
    if isinstance(args, str):
        return args
    return next((arg for arg in args or () if isinstance(arg, str)), "")


def _open_as(data: bytes, raw_mode: str) -> Image.Image:
    """Open an image again, to be decoded by another raw mode."""
    image: Any = Image.open(io.BytesIO(data))
    image.tile = [
        tile._replace(args=raw_mode if isinstance(tile.args, str) else (raw_mode, *tile.args[1:]))
        for tile in image.tile
    ]
    return image
