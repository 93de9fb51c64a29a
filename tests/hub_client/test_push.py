"""A push lands once or says why not, whatever the connection does, by Xet and by LFS."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests import loopback
from tests.loopback import AT_ONCE, Hub

artifact, hub, url = loopback.artifact, loopback.hub, loopback.url  # fixtures
TOKEN = "hf_alice_write"
WAYS: dict[str, dict[str, str]] = {"xet": {}, "lfs": {"HF_HUB_DISABLE_XET": "1"}}
PASSING: dict[str, dict[str, Any]] = {
    "503 at the commit": {"kind": "status", "status": 503, "path": "/commit/", "times": 2},
    "500 at the creation": {
        "kind": "status",
        "status": 500,
        "path": "/api/repos/create",
        "times": 1,
        "headers": AT_ONCE,
    },
    "429 for the head": {"kind": "rate_limit", "retry_after": 1, "path": "/api/models/alice/[^/]*$", "times": 1},
    "the commit's answer lost": {"kind": "drop_response", "path": "/commit/", "times": 1},
    "the commit's connection reset": {"kind": "reset", "path": "/commit/", "times": 1},
    "the upload cut": {"kind": "drop_upload", "path": "/lfs-upload|/cdn/|/cas/", "times": 1},
}


@pytest.fixture
def repo(hub: Hub) -> Iterator[str]:
    """The name of a repository that is not there; afterwards nothing fails any more."""
    yield f"alice/{secrets.token_hex(4)}"
    hub.mend()


@pytest.fixture
def fresh(artifact: Path, tmp_path: Path) -> Path:
    """An artifact whose weights the Hub has never seen: those it has are not uploaded again."""
    folder = Path(shutil.copytree(artifact, tmp_path / "fresh"))
    save_file({"weight": np.random.default_rng().random(1000)}, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", PASSING)
def test_push_lands_once_through_a_fault_that_passes(hub: Hub, fresh: Path, repo: str, way: str, fault: str):
    hub.fault(**PASSING[fault])
    before = hub.faults_met()
    answer = hub.call("push", fresh, repo, token=TOKEN, environment=WAYS[way])
    assert hub.faults_met() > before
    assert "error" not in answer
    ours = [commit for commit in hub.commits(repo) if commit["title"].startswith("Add weights")]
    assert [commit["id"] in answer["result"] for commit in ours] == [True]
    pulled = Path(hub.call("pull", repo, token=TOKEN)["result"])
    assert (pulled / "model.safetensors").read_bytes() == (fresh / "model.safetensors").read_bytes()


def test_push_that_cannot_be_saved_says_so_and_the_next_one_lands(hub: Hub, artifact: Path, repo: str):
    before = {path: path.read_bytes() for path in artifact.iterdir()}
    hub.fault(kind="status", status=503, path="/commit/", times=-1, headers=AT_ONCE)
    error = hub.call("push", artifact, repo, token=TOKEN)["error"]
    assert error.startswith(f"The Hub refused (503) for {repo}") and TOKEN not in error
    assert {path: path.read_bytes() for path in artifact.iterdir()} == before
    hub.mend()
    assert "result" in hub.call("push", artifact, repo, token=TOKEN)


def test_same_files_again_make_no_second_commit(hub: Hub, artifact: Path, repo: str):
    first = hub.call("push", artifact, repo, token=TOKEN)
    count = len(hub.commits(repo))
    assert hub.call("push", artifact, repo, token=TOKEN)["result"] == first["result"]
    assert len(hub.commits(repo)) == count


def test_empty_folder_is_refused_before_anything_is_made(hub: Hub, repo: str, tmp_path: Path):
    assert hub.call("push", tmp_path, repo, token=TOKEN)["error"].startswith("There is nothing to push")
    assert hub.call("pull", repo, token=TOKEN)["error"].startswith("There is no repository")
