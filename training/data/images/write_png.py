"""Encode pixels as PNG: 8 or 16 bits, grey or colour, with or without alpha and colour profile."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COMPRESSION_LEVEL = 3  # of deflate; the default 6 takes twice as long for a few per cent
COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # channels -> colour type of the format


def to_png(pixels: np.ndarray, alpha: np.ndarray | None = None, icc_profile: bytes = b"") -> bytes:
    """Encode an image without loss.

    Args:
        pixels: (height, width, 1 or 3), uint8 or uint16.
        alpha: (height, width) of the same type.
        icc_profile: What the pixels are to be shown by; empty for sRGB, which needs none.
    """
    both = pixels if alpha is None else np.concatenate([pixels, alpha[..., None]], axis=2)
    return (_deep if both.dtype == np.uint16 else _shallow)(both, icc_profile)


def _shallow(pixels: np.ndarray, icc_profile: bytes) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else np.ascontiguousarray(pixels)).save(
        stream, "PNG", compress_level=COMPRESSION_LEVEL, icc_profile=icc_profile or None
    )
    return stream.getvalue()


def _deep(pixels: np.ndarray, icc_profile: bytes) -> bytes:
    """Write 16 bits, which Pillow does for grey only: differences to the row above (PNG filter "Up"), then deflate."""
    height, width, channels = pixels.shape
    rows = pixels.astype(">u2").view(np.uint8).reshape(height, -1)
    above = np.concatenate([np.zeros((1, rows.shape[1]), np.uint8), rows[:-1]])
    lines = np.concatenate(
        [np.full((height, 1), 2, np.uint8), rows - above], axis=1
    )  # modulo 256, as the format defines
    header = struct.pack(">IIBBBBB", width, height, 16, COLOUR_TYPES[channels], 0, 0, 0)
    return (
        SIGNATURE
        + _chunk(b"IHDR", header)
        + (_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc_profile)) if icc_profile else b"")
        + _chunk(b"IDAT", zlib.compress(lines.tobytes(), COMPRESSION_LEVEL))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
