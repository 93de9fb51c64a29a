"""A repository's listing, as a hostile one may be: judged before anything is fetched."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from training.errors import UserError
from training.hub import file_listing

GB = 2**30
Usage = namedtuple("Usage", "total used free")


def file(name: str, size: int = 10, content: str = "aa") -> SimpleNamespace:
    return SimpleNamespace(rfilename=name, size=size, lfs=SimpleNamespace(sha256=content), blob_id=content)


def repository(*files: Any) -> SimpleNamespace:
    return SimpleNamespace(id="eve/model", siblings=[file("model.safetensors"), *files])


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Bytes that are free, by the first folder of the path that is asked for."""
    room: dict[str, int] = {}
    monkeypatch.setattr(
        file_listing.shutil, "disk_usage", lambda path: Usage(0, 0, room.get(str(path), room.get("", 100 * GB)))
    )
    return room


@pytest.mark.parametrize("name", ["../x.json", "/etc/x.json", "a/../../x.txt", "a\\..\\x.json", "C:x.json", "a\0.txt"])
def test_name_outside_the_folder_is_refused(tmp_path: Path, name: str):
    with pytest.raises(UserError, match="outside its folder: nothing of it is fetched"):
        file_listing.check_listing(repository(file(name)), tmp_path)


def test_only_kinds_that_cannot_run_code_are_fetched(tmp_path: Path):
    names = ["pytorch_model.bin", "modeling.py", "x.pkl", "weights.zip", "evil.model", "run.sh", "vocab.pkl", ".env"]
    wanted = ["config.json", "merges.txt", "spiece.model", "unet/config.json", "README.md"]
    found = file_listing.check_listing(repository(*map(file, [*names, *wanted])), tmp_path)
    assert sorted(found) == sorted(["model.safetensors", *wanted])


def test_more_than_the_disk_holds_is_refused(tmp_path: Path, free: dict[str, int]):
    with pytest.raises(UserError, match=r"eve/model takes 100\.0 GB and the disk has 50\.0 GB left"):
        free[""] = 50 * GB
        file_listing.check_listing(repository(file("big.safetensors", 100 * GB, "bb")), tmp_path)


def test_the_disk_is_that_of_the_cache(tmp_path: Path, free: dict[str, int]):
    free |= {"": 0, str(tmp_path): 100 * GB}
    file_listing.check_listing(repository(), tmp_path / "not" / "there" / "yet")


def test_what_is_in_the_cache_takes_no_room(tmp_path: Path, free: dict[str, int]):
    free[""] = GB
    blob = tmp_path / "models--eve--model" / "blobs" / "bb"
    blob.parent.mkdir(parents=True)
    blob.touch()
    file_listing.check_listing(repository(file("big.safetensors", 100 * GB, "bb")), tmp_path)


@pytest.mark.parametrize(
    ("variables", "allowed"), [({}, True), ({"SYSTEM": "spaces"}, False), ({"SELFSUP_MAX_PULL_MB": "100"}, False)]
)
def test_limit_of_a_pull(tmp_path: Path, free: dict, monkeypatch: pytest.MonkeyPatch, variables: dict, allowed: bool):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    info = repository(file("big.safetensors", 3 * GB, "bb"))
    if allowed:
        file_listing.check_listing(info, tmp_path)
        return
    with pytest.raises(UserError, match=r"eve/model takes 3\.0 GB; this server fetches at most [\d,]+ MB at once"):
        file_listing.check_listing(info, tmp_path)


def test_limit_that_is_no_number_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SELFSUP_MAX_PULL_MB", "2 GB")
    with pytest.raises(UserError, match="SELFSUP_MAX_PULL_MB is '2 GB'; a whole number"):
        file_listing.max_pull_mb()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["pytorch_model.bin"], r"as a pickle only \(pytorch_model\.bin\).*nothing was fetched.*convert.*refs/pr"),
        (["v1.ckpt", "model.onnx"], r"as a pickle only \(v1\.ckpt\)"),
        (["tf_model.h5"], r"holds its weights as tf_model\.h5; this studio reads safetensors only"),
        (["config.json"], "has no safetensors file"),
        ([], "has no safetensors file"),
    ],
)
def test_repository_without_safetensors_says_what_it_has(tmp_path: Path, names: list[str], message: str):
    info = SimpleNamespace(id="eve/model", siblings=[file(name) for name in names])
    with pytest.raises(UserError, match=message):
        file_listing.check_listing(info, tmp_path)


def test_huge_configuration_is_not_fetched(tmp_path: Path):
    with pytest.raises(UserError, match=r"config\.json of eve/model has 1\.0 GB"):
        file_listing.check_listing(repository(file("config.json", GB)), tmp_path)
