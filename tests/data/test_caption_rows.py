"""Rows of metadata: several of one image, paths of another machine, and images of formats that are not read."""

import zipfile

import pytest

from tests.pictures import encoded, scene
from training.data.images.read import read_images

NAMES = ("a b.png", "c.png")


def archive(tmp_path, metadata, folder="pics/", others=()):
    path = tmp_path / "pics.zip"
    with zipfile.ZipFile(path, "w") as file:
        for number, name in enumerate(NAMES):
            file.writestr(folder + name, encoded(scene(16, 16, 3, number)))
        for name in others:
            file.writestr(name, b"x")
        file.writestr("metadata.csv", "file_name,text\n" + "".join(f"{name},{text}\n" for name, text in metadata))
    return path


def test_captions_in_several_rows_of_one_image_are_all_read(tmp_path):
    rows = [(name, f"{word} {name}") for name in NAMES for word in ("one", "two")]
    images = read_images(archive(tmp_path, rows, folder=""))
    assert images.several["text"] == [("one a b.png", "two a b.png"), ("one c.png", "two c.png")]
    assert images.column("text") == ["one a b.png", "one c.png"]


@pytest.mark.parametrize("written", ["C:\\Users\\me\\{}", "/data/{}", "{}", "https://example.org/x/{}"])
def test_images_are_found_by_name_where_no_path_fits(tmp_path, written):
    rows = [(written.format(name.replace(" ", "%20")), name) for name in NAMES]
    assert read_images(archive(tmp_path, rows)).column("text") == list(NAMES)


def test_an_image_of_another_folder_is_not_taken_where_paths_fit(tmp_path):
    rows = [("pics/a b.png", "right"), ("test/c.png", "of another image")]
    assert read_images(archive(tmp_path, rows)).column("text") == ["right", None]


def test_images_of_other_formats_are_counted(tmp_path):
    images = read_images(archive(tmp_path, [("c.png", "c")], others=("x.HEIC", "y.svg")))
    assert "2 images of other formats are left out" in [notice.title for notice in images.notices]


@pytest.mark.parametrize("is_val_first", [False, True])
@pytest.mark.parametrize(
    ("val", "read"),
    [
        ([("c.png", "one c")], ("one c",)),
        ([("c.png", "one c"), ("c.png", "two c")], ("one c", "two c")),
    ],
)
def test_several_tables_keep_the_captions_of_each_others_images(tmp_path, val, read, is_val_first):
    train = [("a.png", "one a"), ("a.png", "two a"), ("b.png", "one b")]
    folders = {"val": val, "young": train} if is_val_first else {"train": train, "val": val}
    path = tmp_path / "pics.zip"
    with zipfile.ZipFile(path, "w") as file:
        for number, (folder, rows) in enumerate(folders.items()):
            for name in {name: None for name, _ in rows}:
                file.writestr(f"{folder}/{name}", encoded(scene(16, 16 + number, 3, ord(name[0]))))
            file.writestr(f"{folder}/metadata.csv", "file_name,text\n" + "".join(f"{a},{b}\n" for a, b in rows))
    images = read_images(path)
    captions = {images.name(row)[-5:]: images.several["text"][row] for row in range(len(images))}
    assert captions == {"a.png": ("one a", "two a"), "b.png": ("one b",), "c.png": read}
    assert sorted(text or "" for text in images.column("text")) == ["one a", "one b", "one c"]
