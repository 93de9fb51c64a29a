"""Push and pull over HTTP, with the real client against a Hub of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import loopback
from tests.loopback import Hub

artifact, hub, url = loopback.artifact, loopback.hub, loopback.url  # fixtures


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
        ("hf_alice_read", "alice/more", "Your token can only read: make one that can write"),
        (
            "hf_alice_write",
            "bob/more",
            "There is no repository bob/more, and you cannot make it: you are alice. Yours begin with",
        ),
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


@pytest.mark.parametrize("page", ["{}", "{}/tree/main", "{}/blob/main/config.json", "{}?library=transformers"])
def test_address_of_a_page_is_a_name_too(hub: Hub, pushed: str, page: str):
    assert hub.call("pull", page.format(f"https://huggingface.co/{pushed}")) == hub.call("pull", pushed)


@pytest.mark.parametrize("environment", [{}, {"HF_HUB_DISABLE_XET": "1"}], ids=["xet", "lfs"])
def test_file_altered_on_the_way_is_fetched_again(hub: Hub, artifact: Path, pushed: str, environment: dict[str, str]):
    hub.fault(kind="corrupt", path="/cdn/|/xorb-data/", times=1, offset=-1)
    before = hub.faults_met()
    folder = Path(hub.call("pull", pushed, environment=environment)["result"])
    hub.mend()
    assert hub.faults_met() == before + 1
    assert (folder / "model.safetensors").read_bytes() == (artifact / "model.safetensors").read_bytes()


def test_file_that_is_altered_each_time_is_refused(hub: Hub, pushed: str):
    lfs = {"HF_HUB_DISABLE_XET": "1"}
    hub.fault(kind="corrupt", path="/cdn/", times=-1, offset=-1)
    error = hub.call("pull", pushed, environment=lfs)["error"]
    hub.mend()
    assert error.startswith("model.safetensors of alice/weights does not match the Hub's checksum")
    assert "result" in hub.call("pull", pushed, environment=lfs)


def test_shared_server_answers_nobody_from_its_cache(hub: Hub, pushed: str):
    hub.call("pull", pushed)
    shared = {"HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
    error = Hub("http://127.0.0.1:9", hub.home).call("pull", pushed, environment=shared)["error"]
    assert "could not be reached" in error or "connection" in error
