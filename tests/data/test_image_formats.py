"""Depth, alpha and colour profile of every format: what one program writes is read again to the bit, or said."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from tests.files import write
from tests.pictures import SRGB, SWAPPED, encoded, png16, scene, write_zip
from training.data.images.checks import check_images
from training.data.images.decode import DecodedImage, decode
from training.data.images.read import read_images
from training.data.images.write_png import to_png


def tiff16(pixels: np.ndarray, *, big: bool, deflate: bool, planes: bool = False, profile: bytes = b"") -> bytes:
    """A TIFF of 16 bits, (height, width, 1 to 4), in one strip or one strip for each plane (TIFF 6.0, 1992)."""
    order, channels = (">" if big else "<"), pixels.shape[2]
    parts = [pixels[..., n] for n in range(channels)] if planes else [pixels]
    strips = [part.astype(f"{order}u2").tobytes() for part in parts]
    strips = [zlib.compress(strip) if deflate else strip for strip in strips]
    entries: list[tuple[int, int, list[int] | bytes]] = [
        (256, 4, [pixels.shape[1]]),
        (257, 4, [pixels.shape[0]]),
        (258, 3, [16] * channels),
        (259, 3, [8 if deflate else 1]),
        (262, 3, [2 if channels > 2 else 1]),
        (273, 4, [0] * len(strips)),
        (277, 3, [channels]),
        (278, 4, [pixels.shape[0]]),
        (279, 4, [len(strip) for strip in strips]),
        (284, 3, [2 if planes else 1]),
        *([(338, 3, [2])] if channels in (2, 4) else []),
        *([(34675, 7, profile)] if profile else []),
    ]
    start = 8 + 2 + 12 * len(entries) + 4
    extra, offsets = b"", []
    place = start + sum(len(_values(order, kind, v)) for _, kind, v in entries if len(_values(order, kind, v)) > 4)
    for strip in strips:
        offsets.append(place)
        place += len(strip)
    directory = struct.pack(f"{order}H", len(entries))
    for tag, kind, given_values in entries:
        content = offsets if tag == 273 else given_values
        data = _values(order, kind, content)
        field = data.ljust(4, b"\0") if len(data) <= 4 else struct.pack(f"{order}I", start + len(extra))
        extra += data if len(data) > 4 else b""
        directory += struct.pack(f"{order}HHI", tag, kind, len(content)) + field
    head = (b"MM\0*" if big else b"II*\0") + struct.pack(f"{order}I", 8)
    return head + directory + b"\0\0\0\0" + extra + b"".join(strips)


def _values(order: str, kind: int, content: list[int] | bytes) -> bytes:
    if isinstance(content, bytes):
        return content
    return struct.pack(f"{order}{len(content)}{'H' if kind == 3 else 'I'}", *content)


def parts(found: DecodedImage) -> np.ndarray:
    """Pixels and alpha in one array."""
    return found.pixels if found.alpha is None else np.dstack([found.pixels, found.alpha])


pictures = st.builds(
    lambda seed, height, width, channels, kind: (
        np.random.default_rng(seed).integers(0, np.iinfo(kind).max, (height, width, channels)).astype(kind)
    ),
    st.integers(0, 9),
    st.integers(1, 20),
    st.integers(1, 20),
    st.integers(1, 4),
    st.sampled_from([np.uint8, np.uint16]),
)


@settings(derandomize=True, deadline=None, max_examples=80)
@given(pictures, st.booleans(), st.booleans(), st.booleans())
def test_a_picture_is_the_same_in_every_format(pixels: np.ndarray, big: bool, deflate: bool, profiled: bool) -> None:
    channels, profile = pixels.shape[2], SWAPPED if profiled and pixels.shape[2] > 2 else b""
    alpha = pixels[..., -1] if channels in (2, 4) else None
    colours = pixels[..., :-1] if channels in (2, 4) else pixels
    files = {"our PNG": to_png(colours, alpha, profile)}
    options = {"icc_profile": profile} if profile else {}
    if pixels.dtype == np.uint16:
        files["TIFF"] = tiff16(pixels, big=big, deflate=deflate, profile=profile)
    else:
        files["TIFF"] = encoded(pixels, "TIFF", compression="tiff_lzw" if deflate else None, **options)
        if channels > 2:
            files["WebP"] = encoded(pixels, "WEBP", lossless=True, exact=True, **options)
        files["PNG"] = encoded(pixels, "PNG", **options)
    for name, data in files.items():
        found = decode(data)
        assert found.pixels.dtype == pixels.dtype and np.array_equal(parts(found), pixels), name
        assert found.icc_profile == profile and found.notices == (), name


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("big", [True, False])
def test_planes_of_16_bits_one_after_the_other_are_read(channels: int, big: bool) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (5, 7, channels)).astype(np.uint16)
    assert np.array_equal(parts(decode(tiff16(pixels, big=big, deflate=False, planes=True))), pixels)
    compressed = decode(tiff16(pixels, big=big, deflate=True, planes=True))
    assert compressed.notices == ("16 bits are read as 8",) and np.array_equal(parts(compressed), pixels >> 8)


def test_the_transparent_value_of_16_bits_is_alpha() -> None:
    for channels in (1, 3):
        pixels = np.arange(12 * channels, dtype=np.uint16).reshape(3, 4, channels) * 257
        data, key = png16(pixels), struct.pack(f">{channels}H", *pixels[1, 2])
        chunk = struct.pack(">I", len(key)) + b"tRNS" + key + struct.pack(">I", zlib.crc32(b"tRNS" + key))
        found = decode(data[:33] + chunk + data[33:])
        assert np.array_equal(found.pixels, pixels) and found.alpha is not None
        assert found.alpha[1, 2] == 0 and (found.alpha == 65535).sum() == 11


def test_bits_that_are_lost_are_counted_on_the_sheet(tmp_path) -> None:
    ppm = b"P6 4 3 1023\n" + np.full((3, 4, 3), 1023, ">u2").tobytes()
    assert decode(ppm).notices == ("10 bits are read as 8",) and decode(ppm).pixels.min() == 255
    data = write_zip(tmp_path / "x.zip", {"a.ppm": ppm, "b.ppm": ppm, "c.png": encoded(scene(8, 8))})
    titles = [one.title for one in check_images(read_images(data))[1]]
    assert "2 images: 10 bits are read as 8" in titles


def test_training_reads_colours_in_srgb_and_the_sheet_says_so(tmp_path) -> None:
    pixels = scene(8, 9, 3)
    data = write_zip(
        tmp_path / "x.zip",
        {
            "a.png": encoded(pixels, icc_profile=SWAPPED),
            "b.png": encoded(pixels, icc_profile=SRGB),
            "c.png": encoded(pixels),
        },
    )
    images = read_images(data)
    shown = Image.fromarray(pixels)
    profiles = [ImageCms.ImageCmsProfile(io.BytesIO(one)) for one in (SWAPPED, SRGB)]
    expected = np.asarray(ImageCms.profileToProfile(shown, *profiles, renderingIntent=1))
    assert np.abs(images[0].astype(int) - expected).max() <= 1 and np.abs(images[0].astype(int) - pixels).mean() > 5
    assert np.array_equal(images[1], pixels) and np.array_equal(images[2], pixels)
    [said] = [one for one in check_images(images)[1] if "profile" in one.title]
    assert said.title == "1 images have a colour profile other than sRGB" and said.level == "green"


def test_a_profile_of_other_channels_is_left_out_and_said() -> None:
    cmyk = SWAPPED[:16] + b"CMYK" + SWAPPED[20:]
    found = decode(encoded(scene(8, 8, 3), icc_profile=cmyk))
    assert found.icc_profile == b"" and found.notices == ("a colour profile that does not fit it is left out",)
    assert decode(encoded(scene(8, 8), icc_profile=SRGB)).notices == ()  # grey, with the profile of a screen


def test_the_order_of_a_zip_changes_no_picture(tmp_path) -> None:
    content = {f"{n}.png": encoded(scene(12, 10, 1 + 2 * (n % 2), n)) for n in range(6)}
    orders = [list(content), list(content)[::-1]]
    first, second = (
        read_images(write_zip(tmp_path / f"{n}.zip", {name: content[name] for name in order}))
        for n, order in enumerate(orders)
    )
    assert first.names == second.names
    shuffled = second.select([4, 2, 0, 5, 1, 3])
    for row in range(6):
        own = next(at for at in range(6) if shuffled.name(at) == first.name(row))
        assert np.array_equal(first[row], shuffled[own]) and np.array_equal(first[row], shuffled.many(range(6))[own])


def test_a_damaged_profile_is_ignored(tmp_path) -> None:
    found = decode(write(tmp_path / "a.png", encoded(scene(8, 8, 3), icc_profile=b"no profile" * 20)))
    assert found.icc_profile == b"" and np.array_equal(found.flat(), scene(8, 8, 3))
