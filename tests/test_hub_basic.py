"""Push and pull over HTTP, with the real client against a Hub of our own. Skipped where that Hub is not at hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

HUB = Path(__file__).parents[1].parent / "shared" / "hub" / "loopback_hub.py"
ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(not HUB.exists(), reason="needs ../shared/hub/loopback_hub.py")

# The client reads HF_ENDPOINT when it is imported, so every call is made in a process of its own.
CALL = """
import json, sys
from pathlib import Path
from training import hub
from training.errors import UserError
name, arguments, named = json.loads(sys.argv[1])
try:
    result = getattr(hub, name)(*[Path(each) if each.startswith("/") else each for each in arguments], **named)
    print(json.dumps({"result": str(result.folder) if name == "pull" else result}))
except UserError as error:
    print(json.dumps({"error": str(error)}))
"""


@dataclass(frozen=True)
class Hub:
    url: str
    home: Path

    def call(self, name: str, *arguments: Any, **named: Any) -> dict[str, str]:
        """What `training.hub.name(…)` gives: a result, or an error in words."""
        environment = {**os.environ, "HF_ENDPOINT": self.url, "HF_HOME": str(self.home), "PYTHONPATH": str(ROOT)}
        environment.pop("HF_TOKEN", None)
        question = json.dumps([name, [str(each) for each in arguments], named])
        done = subprocess.run(
            [sys.executable, "-c", CALL, question], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, str(HUB)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    yield json.loads(process.stdout.readline())["url"]
    process.terminate()
    process.wait()
    process.stdout.close()


@pytest.fixture
def hub(url: str, tmp_path: Path) -> Hub:
    """The Hub, with an empty cache."""
    return Hub(url, tmp_path / "hf")


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights, with two files that must stay at home."""
    folder = tmp_path_factory.mktemp("artifact")
    save_file({"weight": np.arange(6, dtype=np.float32)}, folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n\n# Weights\n")
    (folder / "optimizer.bin").write_bytes(b"\x80\x04K\x01.")
    (folder / ".env").write_text("SECRET=1")
    return folder


@pytest.fixture(scope="module")
def pushed(url: str, artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A repository that holds the artifact."""
    hub = Hub(url, tmp_path_factory.mktemp("pusher"))
    assert "error" not in hub.call("push", artifact, "alice/weights", token="hf_alice_write", private=False)
    return "alice/weights"


def test_pushed_weights_come_back_bit_for_bit(hub: Hub, artifact: Path, pushed: str):
    folder = Path(hub.call("pull", pushed)["result"])
    assert (folder / "model.safetensors").read_bytes() == (artifact / "model.safetensors").read_bytes()


def test_only_files_on_the_list_are_pushed(hub: Hub, pushed: str):
    folder = Path(hub.call("pull", pushed)["result"])
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]


def test_pulled_weights_are_there_without_a_network(hub: Hub, pushed: str):
    online = hub.call("pull", pushed)["result"]
    assert Hub("http://127.0.0.1:9", hub.home).call("pull", pushed)["result"] == online


def test_what_was_never_pulled_is_missed_in_words_without_a_network(hub: Hub, pushed: str):
    error = Hub("http://127.0.0.1:9", hub.home).call("pull", pushed)["error"]
    assert error == "The Hub cannot be reached, and alice/weights is not in the cache."


@pytest.mark.parametrize(
    ("token", "repo", "message"),
    [
        ("hf_nobody", "alice/more", "The Hub refused (401) for alice/more: sign in, or give a valid token."),
        ("hf_alice_read", "alice/more", "The Hub refused (403) for alice/more: your token may not do this"),
        ("hf_alice_write", "bob/more", "The Hub refused (403) for bob/more: your token may not do this"),
        ("hf_alice_write", "more", "'more' is not a repository's name: write owner/repo."),
        ("hf_alice_write", "alice/more@main", "'alice/more@main' is not a repository's name: write owner/repo."),
    ],
)
def test_push_that_is_refused_says_what_to_do(hub: Hub, artifact: Path, token: str, repo: str, message: str):
    error = hub.call("push", artifact, repo, token=token)["error"]
    assert error.startswith(message) and token not in error


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("alice/nothing", "There is no repository alice/nothing, or it is private"),
        ("alice/weights@nowhere", "alice/weights has no such revision."),
        ("weights", "'weights' is not a Hub repository"),
    ],
)
def test_pull_of_what_is_not_there_says_so(hub: Hub, pushed: str, name: str, message: str):
    assert hub.call("pull", name)["error"].startswith(message)


def test_private_repository_is_pulled_with_a_token_only(hub: Hub, artifact: Path):
    hub.call("push", artifact, "alice/own", token="hf_alice_write")
    assert hub.call("pull", "alice/own")["error"].startswith("There is no repository alice/own, or it is private")
    assert "result" in hub.call("pull", "alice/own", token="hf_alice_read")
