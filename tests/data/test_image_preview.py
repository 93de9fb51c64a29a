"""The small pictures of a sheet: of the right size, captioned, without those that cannot be read."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from training.data.images.preview import COUNT, SIDE, preview
from training.data.images.read import read_images


def opened(row: dict[str, str]) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(row["image"].removeprefix("data:image/jpeg;base64,"))))


def test_the_first_images_are_small_pictures_with_their_captions(tmp_path: Path) -> None:
    for number in range(COUNT + 2):
        Image.new("RGB", (400, 200), (200, 10 * number, 0)).save(tmp_path / f"{number:02}.png")
    rows = preview(read_images(tmp_path), ["a red plane", ""])
    assert [row["caption"] for row in rows[:3]] == ["a red plane", "01.png", "02.png"]
    assert (len(rows), opened(rows[0]).size) == (COUNT, (SIDE, SIDE // 2))
    assert abs(opened(rows[0]).getpixel((5, 5))[0] - 200) < 8  # type: ignore[index,operator]


def test_grey_images_stay_grey_and_damaged_ones_are_left_out(tmp_path: Path) -> None:
    Image.new("L", (20, 20), 99).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:40])
    rows = preview(read_images(tmp_path))
    assert [(row["caption"], opened(row).mode) for row in rows] == [("a.png", "L")]
