"""Pictures that tests of reading, training and denoising are made of."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_primaries() -> bytes:
    """An RGB profile whose red and green are exchanged: every colour shown moves."""
    at = {SRGB[128 + 4 + 12 * n :][:4]: 128 + 4 + 12 * n for n in range(struct.unpack(">I", SRGB[128:132])[0])}
    profile = bytearray(SRGB)
    red, green = at[b"rXYZ"], at[b"gXYZ"]
    profile[red + 4 : red + 12], profile[green + 4 : green + 12] = (
        SRGB[green + 4 : green + 12],
        SRGB[red + 4 : red + 12],
    )
    return bytes(profile)


SWAPPED = swapped_primaries()


def scene(height: int, width: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Smooth shades with a few edges, (height, width, channels) uint8: what natural pictures have in common."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width, 2)
    planes = []
    for _ in range(channels):
        plane = 128 + 60 * np.sin(6 * rows * random.uniform(0.5, 2) + random.uniform(0, 6)) * np.cos(5 * columns)
        for _ in range(4):
            angle, cut = random.uniform(0, np.pi), random.uniform(0.2, 0.8)
            plane = plane + random.uniform(-50, 50) * (rows * np.sin(angle) + columns * np.cos(angle) > cut)
        planes.append(plane)
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)


def encoded(pixels: np.ndarray, kind: str = "PNG", **options: object) -> bytes:
    """As a file of 8 bits a channel."""
    stream = io.BytesIO()
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(stream, kind, **options)
    return stream.getvalue()


def png16(pixels: np.ndarray) -> bytes:
    """As a PNG of 16 bits a channel, (height, width, 1, 3 or 4) uint16, written by the format's own rules."""
    height, width, channels = pixels.shape
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks)  # fmt: skip


def empty_png(width: int, height: int) -> bytes:
    """The header of a picture of any size, and nothing of the picture."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", len(header)) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 4) + b"IDAT" + b"\0\0\0\0" + b"\0\0\0\0"


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_parquet(path: Path, pictures: list[bytes | None], **columns: list) -> Path:
    """As the Hub has it: a column of records of bytes and path."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    cells = [{"bytes": data, "path": f"{number}.png"} for number, data in enumerate(pictures)]
    pq.write_table(pa.table({"image": pa.array(cells, kind), **columns}), path)
    return path
