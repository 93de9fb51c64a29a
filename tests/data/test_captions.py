"""Captions beside images: text files in any encoding, tables in any case, lists, and class numbers with names."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.pictures import encoded, scene, write_parquet, write_zip
from training.data.images.caption_files import decode_texts
from training.data.images.image_set import ImageSet
from training.data.images.read import read_images

PICTURE = encoded(scene(8, 8))


def zipped(tmp_path: Path, **files: bytes) -> ImageSet:
    return read_images(write_zip(tmp_path / "x.zip", {name.replace("__", "."): data for name, data in files.items()}))


@pytest.mark.parametrize(
    ("encoding", "texts"),
    [
        ("utf-8", ["größe 0", "红色的花"]),
        ("utf-8-sig", ["größe 0", "红色的花"]),
        ("utf-16", ["größe 0", "红色的花"]),
        ("utf-16-le", ["groesse 0", "a red flower"]),
        ("utf-16-be", ["größe 0", "a red flower"]),
        ("utf-32", ["größe 0", "红色的花"]),
        ("gb18030", ["红色的花", "一只白色的猫坐在桌子上"]),
        ("big5", ["紅色的花", "一隻白色的貓"]),
        ("shift_jis", ["赤い花", "白い猫が座っている"]),
        ("euc_kr", ["빨간 꽃", "하얀 고양이"]),
        ("cp1251", ["красный цветок", "белая кошка на столе"]),
        ("cp1252", ["größe 0", "ein Kätzchen im Körbchen"]),
    ],
)
def test_captions_are_read_in_any_encoding(encoding: str, texts: list[str], tmp_path: Path) -> None:
    files = {f"{n}__txt": text.encode(encoding) for n, text in enumerate(texts)}
    images = zipped(tmp_path, **files, **{f"{n}__png": PICTURE for n in range(len(texts))})
    assert images.column("caption") == texts
    said = [one.title for one in images.notices if "UTF-8" in one.title]
    assert len(said) == (0 if encoding.startswith("utf") else 1)


def test_all_files_of_one_folder_are_told_together() -> None:
    texts = {"a": "赤い花", "b": "白い猫が座っている", "c": "a cat"}
    assert decode_texts({name: text.encode("shift_jis") for name, text in texts.items()})[0] == texts


def test_captions_are_found_by_every_usual_name(tmp_path: Path) -> None:
    images = zipped(tmp_path, A__PNG=PICTURE, a__txt=b"one", b__png=PICTURE, b__caption=b"two", c__png=PICTURE, c__TXT=b"three", d__png=PICTURE, d__png__txt=b"four", e__png=PICTURE, e__txt=b"five", e__caption=b"not this", f__caption=b"lost")  # fmt: skip
    found = {images.name(row).lower()[0]: text for row, text in enumerate(images.column("caption"))}
    assert found == {"a": "one", "b": "two", "c": "three", "d": "four", "e": "five"}
    [lost] = [one for one in images.notices if "no image" in one.title]
    assert "f.caption" in lost.detail


@pytest.mark.parametrize("table", ["METADATA.CSV", "Metadata.csv", "metadata.JSONL", "metadata.json", "metadata.tsv"])
def test_a_table_beside_the_images_is_found_in_any_case(table: str, tmp_path: Path) -> None:
    rows = [{"File_Name": ".\\sub\\a.PNG", "caption": "a cat"}, {"File_Name": "sub/b.png", "caption": "a dog"}]
    if "json" in table.lower():
        content = json.dumps(rows) if table.endswith(".json") else "\n".join(map(json.dumps, rows))
    else:
        mark = "\t" if table.endswith("tsv") else ","
        content = "\n".join([f"File_Name{mark}caption", *(mark.join(row.values()) for row in rows)])
    files = {table: content.encode(), "sub/a.png": PICTURE, "sub/b.png": PICTURE}
    assert read_images(write_zip(tmp_path / "x.zip", files)).column("caption") == ["a cat", "a dog"]


def test_settings_of_another_program_are_no_captions(tmp_path: Path) -> None:
    images = read_images(write_zip(tmp_path / "x.zip", {"metadata.json": b'{"resolution": 512}', "a.png": PICTURE}))
    assert images.columns == {}


@pytest.mark.parametrize(
    "kind",
    [
        {"names": ["Ankle boot", "Bag"], "_type": "ClassLabel"},
        {"num_classes": 2, "names": ["Ankle boot", "Bag"], "id": None, "_type": "ClassLabel"},
    ],
)
def test_class_numbers_get_the_names_that_datasets_keeps(kind: dict, tmp_path: Path) -> None:
    lists = {"feature": kind, "length": -1, "_type": "Sequence"}
    path = write_parquet(tmp_path / "x.parquet", [PICTURE] * 3, label=[1, 0, -1], tags=[[0, 1], [1], []])
    features = {"image": {"_type": "Image"}, "label": kind, "tags": lists}
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    pq.write_table(pq.read_table(path).replace_schema_metadata(metadata), path)
    images = read_images(path)
    assert images.column("label") == ["Bag", "Ankle boot", None]
    assert images.column("tags") == ["Ankle boot, Bag", "Bag", None]


def test_lists_are_several_captions_or_tags(tmp_path: Path) -> None:
    captions = [["one 0", "two 0"], ["one 1"], []]
    raw = pa.array([[{"raw": "a cat", "id": 1}, {"raw": "a dog", "id": 2}]] * 3)
    path = write_parquet(tmp_path / "x.parquet", [PICTURE] * 3, caption=captions, tags=[["1girl", "solo"]] * 3, about=[["a cat on a mat", "the cat sits there"]] * 3, sentences=raw)  # fmt: skip
    images = read_images(path)
    assert images.column("caption") == ["one 0", "one 1", None]
    assert images.several["caption"] == [("one 0", "two 0"), ("one 1",), ()]
    assert images.column("tags") == ["1girl, solo"] * 3 and "tags" not in images.several
    assert images.several["about"][0] == ("a cat on a mat", "the cat sits there")
    assert images.several["sentences"][0] == ("a cat", "a dog")
    assert any("several captions" in one.title for one in images.notices)
