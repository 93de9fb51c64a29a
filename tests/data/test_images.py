"""Pictures as training data: what is read, what is refused, and what the sheet says."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.files import write
from tests.pictures import empty_png, encoded, png16, scene, write_parquet, write_zip
from training.cli.flags import check_files
from training.data.arrow_texts import Texts
from training.data.images.archive import ZipMembers
from training.data.images.checks import check_images, inspect_images
from training.data.images.decode import decode, header, to_channels
from training.data.images.kept_pixels import KeptPixels
from training.data.images.read import read_images
from training.data.images.write_png import to_png
from training.errors import UserError
from training.runs.registry import Runs
from training.settings import ImageData, TableData, TrainSettings, parse_settings


class ImageSettings(TrainSettings, ImageData):
    """Of a kind that is trained on images."""


class TableSettings(TrainSettings, TableData):
    """Of a kind that is trained on a table."""


def refused(source: bytes | Path, name: str = "a.png") -> str:
    with pytest.raises(UserError) as caught:
        decode(source, name)
    return str(caught.value)


# -- one picture -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_decoded_to_the_bit(channels: int) -> None:
    pixels = scene(9, 14, channels)
    found = decode(encoded(pixels))
    assert np.array_equal(found.pixels, pixels) and found.alpha is None and found.notices == ()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_are_kept_to_the_bit(channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (5, 7, channels)).astype(np.uint16)
    found = decode(png16(pixels))
    assert found.depth == 16 and np.array_equal(found.pixels, pixels[..., :3])
    assert channels < 4 or np.array_equal(found.alpha, pixels[..., 3])


def test_the_cameras_turn_is_undone() -> None:
    pixels, exif = scene(6, 10), Image.Exif()
    exif[0x0112] = 6  # shown a quarter clockwise
    data = encoded(pixels, "PNG", exif=exif)
    assert np.array_equal(decode(data).pixels[..., 0], np.rot90(pixels[..., 0], -1))
    assert header(data) == (10, 6, "L")


def test_alpha_is_kept_and_transparent_parts_show_the_background() -> None:
    both = np.dstack([scene(4, 4, 3), np.full((4, 4, 1), 255, np.uint8)])
    assert decode(encoded(both)).alpha is None  # opaque
    both[0, 0, 3] = 0
    found = decode(encoded(both))
    assert found.alpha is not None and found.alpha[0, 0] == 0
    assert found.flat()[0, 0].tolist() == [255] * 3 and found.flat(0)[0, 0].tolist() == [0] * 3
    assert np.array_equal(found.flat()[1:], both[1:, :, :3])


def test_palettes_and_cmyk_become_rgb() -> None:
    pixels = scene(8, 8, 3)
    palette = io.BytesIO()
    Image.fromarray(pixels).quantize(16).save(palette, "PNG")
    assert decode(palette.getvalue()).pixels.shape == (8, 8, 3)
    stream = io.BytesIO()
    Image.fromarray(pixels).convert("CMYK").save(stream, "JPEG", quality=95)
    found = decode(stream.getvalue())
    assert found.notices == ("CMYK is turned into RGB",)
    assert np.abs(found.pixels.astype(int) - pixels).mean() < 12


def test_of_an_animation_the_first_frame_is_taken() -> None:
    frames = [Image.fromarray(scene(8, 8, 1, seed)[..., 0]) for seed in range(3)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    found = decode(stream.getvalue())
    assert found.notices == ("animated: the first frame is taken",)
    assert np.array_equal(to_channels(found.pixels, 1)[..., 0], np.asarray(frames[0]))


def test_one_pixel_is_a_picture() -> None:
    assert decode(encoded(np.full((1, 1, 1), 7, np.uint8))).pixels.tolist() == [[[7]]]


def test_a_huge_picture_is_refused_by_its_header() -> None:
    assert "400 million pixels" in refused(empty_png(20_000, 20_000))
    assert "100 million pixels" in refused(empty_png(10_000, 10_000))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"just some text, long enough to be a file", "no image that can be read"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 40, "HEIC"),
        (b"<svg xmlns='x'></svg>", "SVG"),
        (encoded(scene(64, 64, 3), "JPEG")[:700], "damaged"),
        (encoded(scene(64, 64, 3))[:900], "damaged"),
    ],
)
def test_what_is_no_picture_is_said(data: bytes, words: str) -> None:
    assert words in refused(data) and refused(data).startswith("a.png ")


def test_numbers_that_are_no_shades_are_refused(tmp_path: Path) -> None:
    for values, words in ((np.full((2, 2), 3.5, np.float32), "between 0 and 1"), (np.full((2, 2), 70_000, np.int32), "0 to 65,535")):  # fmt: skip
        Image.fromarray(values).save(tmp_path / "x.tif")
        assert words in refused(tmp_path / "x.tif")
    Image.fromarray(np.full((2, 2), 0.5, np.float32)).save(tmp_path / "x.tif")
    assert decode(tmp_path / "x.tif").pixels[0, 0, 0] == 32768


# -- many ------------------------------------------------------------------------------------------------------------------


def files(count: int = 4) -> dict[str, bytes]:
    return {f"set/{('cats', 'dogs')[n % 2]}/{n}.png": encoded(scene(12, 10, 1, n)) for n in range(count)}


@pytest.fixture(params=["folder", "zip"])
def gathered(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Four pictures with captions and metadata, as a folder and as a zip."""
    content = {
        **files(),
        "set/cats/0.txt": "ein Kätzchen\n".encode(),
        "set/metadata.csv": b"file_name,artist\ncats/0.png,Anna\ndogs/1.png,Ben\nlost.png,Eve\n",
        "__MACOSX/set/._0.png": b"x",
        "set/notes.md": b"hello",
    }
    if request.param == "zip":
        return write_zip(tmp_path / "pictures.zip", content)
    for name, data in content.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    return tmp_path / "set"


def test_a_folder_and_a_zip_give_pictures_and_what_stands_beside_them(gathered: Path) -> None:
    images = read_images(gathered)
    assert len(images) == 4 and images[0].shape == (12, 10, 1)
    by_name = {images.name(row)[-10:]: row for row in range(4)}
    row = by_name["cats/0.png"]
    assert images.column("caption")[row] == "ein Kätzchen" and images.column("artist")[row] == "Anna"
    assert images.column("label") == ["cats", "cats", "dogs", "dogs"]
    assert any("1 rows of" in one.title for one in images.notices)
    with pytest.raises(UserError, match="there are: artist, caption, label"):
        images.column("titel")


def test_parquet_keeps_its_other_columns(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", [encoded(scene(8, 8, 3, n)) for n in range(3)], caption=["a", "b", None])  # fmt: skip
    images = read_images(path)
    assert images.column("caption") == ["a", "b", None] and images.name(1) == "1.png"
    chosen = images.select([2, 0]).as_channels(1)
    assert [chosen.name(row) for row in range(len(chosen))] == ["2.png", "0.png"]
    assert chosen[0].shape == (8, 8, 1) and chosen.column("caption") == [None, "a"]
    assert all(np.array_equal(one, chosen[row]) for row, one in enumerate(chosen.many([0, 1])))


def test_a_path_in_an_uploaded_table_is_not_opened(tmp_path: Path) -> None:
    secret = write(tmp_path / "0.png", encoded(scene(8, 8)))
    assert secret.is_file()
    images = read_images(write_parquet(tmp_path / "x.parquet", [None]))
    with pytest.raises(UserError, match="has no bytes"):
        images[0]


def test_threads_and_one_thread_agree(tmp_path: Path) -> None:
    images = read_images(write_zip(tmp_path / "x.zip", {f"{n}.png": encoded(np.random.default_rng(n).integers(0, 256, (120, 120, 1)).astype(np.uint8)) for n in range(6)}))  # fmt: skip
    assert len(images.bytes(0)) > 8192
    assert all(np.array_equal(a, images[row]) for row, a in enumerate(images.many(range(6))))


@pytest.mark.parametrize(
    ("name", "words"),
    [("../out.png", "leaves the archive"), ("/etc/x.png", "leaves the archive"), ("a/../../x.png", "leaves the archive"), ("C:\\x.png", "leaves the archive")],
)  # fmt: skip
def test_a_zip_that_reaches_out_of_itself_is_refused(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words):
        read_images(write_zip(tmp_path / "x.zip", {name: encoded(scene(8, 8))}))


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = write_zip(tmp_path / "x.zip", {"a.png": b"\0" * (300 * 2**20)})
    assert bomb.stat().st_size < 2**20
    with pytest.raises(UserError, match="no image does"):
        read_images(bomb)
    monkeypatch.setattr("training.data.images.archive.MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(UserError, match="unpacks to more than"):
        read_images(write_zip(tmp_path / "many.zip", {f"{n}.png": b"\0" * 600 for n in range(2)}))


def test_a_shared_server_reads_fewer_files(gathered: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.data.images.archive.MAX_SHARED_FILES", 3)
    assert len(read_images(gathered)) == 4
    monkeypatch.setenv("SELFSUP_SHARED", "1")
    with pytest.raises(UserError, match="more than 3 files"):
        read_images(gathered)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_every_method_of_a_zip_is_read_by_place(method: int, tmp_path: Path) -> None:
    content = {f"{n}.png": encoded(scene(9, 8, 3, n)) for n in range(3)}
    with zipfile.ZipFile(tmp_path / "plain.zip", "w", method) as archive:
        for name, data in content.items():
            with archive.open(name, "w", force_zip64=True) as file:
                file.write(data)
    joined = write(tmp_path / "x.zip", b"a program in front" + (tmp_path / "plain.zip").read_bytes())
    for path in (tmp_path / "plain.zip", joined):
        images = ZipMembers(path)
        assert [images.read(name) for name in images.image_names] == list(content.values())


def test_a_damaged_member_of_a_zip_is_named(tmp_path: Path) -> None:
    content = encoded(scene(20, 20))
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.png", content)
    data = bytearray((tmp_path / "x.zip").read_bytes())
    data[data.index(content) + 60] ^= 255
    images = read_images(write(tmp_path / "x.zip", bytes(data)))
    with pytest.raises(UserError, match=r"a\.png in x\.zip is damaged \(BadZipFile\)"):
        images[0]


def test_names_of_files_need_not_be_utf8() -> None:
    names = Texts(sorted(["b\udce9.png", "a.png", "ü.png"]))
    assert list(names) == ["a.png", "b\udce9.png", "ü.png"] and names[1:] == ["b\udce9.png", "ü.png"]
    assert [names.place(name) for name in names] == [0, 1, 2]
    with pytest.raises(KeyError):
        names.place("c.png")


def test_images_of_parquet_are_copied_once_and_read_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.data.images.parquet_images.ROWS", 2)
    files = [encoded(scene(8, 8, 3, n)) for n in range(5)]
    path = write_parquet(tmp_path / "x.parquet", [*files, None], caption=["a"] * 6)
    first = read_images(path)
    monkeypatch.setattr("training.data.images.parquet_images.parquet_tables", lambda *_: pytest.fail("read again"))
    for images in (first, read_images(path)):
        assert [images.bytes(row) for row in range(5)] == files and images.name(5) == first.name(5)
        with pytest.raises(UserError, match="has no bytes"):
            images.bytes(5)


def test_decoded_images_in_a_file_equal_those_in_memory(tmp_path: Path) -> None:
    content = {f"{n}.png": encoded(scene(9 + n, 8, 1 + 2 * (n % 2), n)) for n in range(4)}
    images = read_images(write_zip(tmp_path / "x.zip", content))
    kept = KeptPixels(images.in_order(), len(images))
    assert all(np.array_equal(kept[row], images[row]) for row in (3, 0, 2, 1)) and len(list(kept)) == 4


def test_copies_have_equal_digests(tmp_path: Path) -> None:
    files = {"a.png": encoded(scene(8, 8)), "b.png": encoded(scene(8, 9)), "c.png": encoded(scene(8, 8))}
    first, other, copy = read_images(write_zip(tmp_path / "x.zip", files)).digests()
    assert first == copy != other


def test_sizes_are_known_after_the_check(tmp_path: Path) -> None:
    files = {"a.png": encoded(scene(8, 9)), "b.png": b"x", "c.png": encoded(scene(10, 10))}
    images = read_images(write_zip(tmp_path / "x.zip", files))
    checked, _ = check_images(images)
    assert checked.sizes is not None and images.sizes is None
    assert checked.pixels() == 172 and images.select([0, 2]).pixels() == 172


def test_what_holds_no_pictures_is_said(tmp_path: Path) -> None:
    for path in (write(tmp_path / "x.csv", "a,b\n1,2\n"), write(tmp_path / "x.zip", b"PK\x03\x04broken")):
        with pytest.raises(UserError, match=r"holds no images|damaged zip"):
            read_images(path)
    with pytest.raises(UserError, match=r"holds no images \(a\.txt\)"):
        read_images(write_zip(tmp_path / "y.zip", {"a.txt": b"x"}))
    with pytest.raises(UserError, match="no column of images; it has: a"):
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.table({"a": [1]}), tmp_path / "x.parquet")
        read_images(tmp_path / "x.parquet")


# -- the sheet -------------------------------------------------------------------------------------------------------------


def test_the_sheet_tells_sizes_kinds_and_what_is_left_out(tmp_path: Path) -> None:
    both = np.dstack([scene(30, 30, 3), np.full((30, 30, 1), 9, np.uint8)])
    content = {
        "1.png": encoded(scene(40, 30)),
        "2.png": encoded(scene(30, 50, 3)),
        "3.png": encoded(both),
        "4.png": png16(np.zeros((30, 30, 1), np.uint16)),
        "5.jpg": encoded(scene(64, 64, 3), "JPEG")[:700],
        "6.png": b"text",
        "7.png": encoded(scene(1, 1)),
        "8.png": empty_png(20_000, 20_000),
    }
    kept, found = check_images(read_images(write_zip(tmp_path / "x.zip", content)), smallest=16)
    assert [kept.name(row) for row in range(len(kept))] == ["1.png", "2.png", "3.png", "4.png"]
    titles = " | ".join(one.title for one in found)
    assert "4 images, 30 to 50 wide, 30 to 40 high; 2 in colour and 2 grey" in titles
    assert "3 of 8 images cannot be read" in titles and "shorter than 16 pixels" in titles
    assert "16 bits" in titles and "transparent" in titles and "mixed" in titles
    detail = next(one.detail for one in found if "cannot be read" in one.title)
    assert "5.jpg is damaged" in detail and "8.png has 400 million pixels" in detail
    assert all(one.level != "red" for one in found)


def test_without_a_usable_picture_the_sheet_is_red(tmp_path: Path) -> None:
    kept, found = check_images(read_images(write_zip(tmp_path / "x.zip", {"a.png": b"text"})))
    assert len(kept) == 0 and found[-1].level == "red"
    assert inspect_images(kept) == []


# -- a folder as the data of a run -----------------------------------------------------------------------------------------


def test_a_run_keeps_a_folder_as_a_zip(tmp_path: Path) -> None:
    for name, data in files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    values = {"data": str(tmp_path / "set")}
    check_files(values, ImageSettings)
    settings = parse_settings(ImageSettings, values)
    kept = [Runs(tmp_path / "runs").create("toy", "fit", settings).settings(ImageSettings).data for _ in range(2)]
    assert kept[0].endswith("data/set.zip") and Path(kept[0]).read_bytes() == Path(kept[1]).read_bytes()
    before, after = read_images(tmp_path / "set"), read_images(Path(kept[0]))
    assert before.names == after.names and np.array_equal(before[3], after[3])
    with pytest.raises(UserError, match="there is no file"):
        check_files(values, TableSettings)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_written_is_read_again(kind: type, channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, np.iinfo(kind).max, (6, 9, channels + 1)).astype(kind)
    bare, with_alpha = decode(to_png(pixels[..., :-1])), decode(to_png(pixels[..., :-1], pixels[..., -1]))
    assert bare.pixels.dtype == kind and np.array_equal(bare.pixels, pixels[..., :-1])
    assert np.array_equal(with_alpha.pixels, pixels[..., :-1]) and np.array_equal(with_alpha.alpha, pixels[..., -1])
