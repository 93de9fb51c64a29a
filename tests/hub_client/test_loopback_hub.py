"""The loopback Hub refuses what the Hub refuses: otherwise the tests that use it would prove nothing."""

from __future__ import annotations

import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.hub.server import LoopbackHub

ALICE, BOB = "hf_alice_write", "hf_bob_write"


@pytest.fixture(scope="module")
def hub() -> Iterator[LoopbackHub]:
    """A Hub with one private repository of alice's."""
    with LoopbackHub() as hub:
        ask(f"{hub.url}/api/repos/create", ALICE, {"name": "own", "private": True})
        yield hub


def ask(url: str, token: str = "", content: Any = None, **request: Any) -> tuple[int, dict[str, Any]]:
    """The status and the answer of a request."""
    data = request.pop("data", json.dumps(content).encode() if content is not None else None)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, **request)) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_token_of_the_hub_is_refused_by_its_storage(hub: LoopbackHub):
    status, answer = ask(f"{hub.state.storage_url}/cdn/{'0' * 64}", ALICE)
    assert (status, answer["error"]) == (400, "A token of the Hub was sent to its storage")


def test_large_file_that_does_not_match_its_hash_is_refused(hub: LoopbackHub):
    address = f"{hub.state.storage_url}/lfs-upload/{hashlib.sha256(b'weights').hexdigest()}"
    assert ask(address, data=b"weighty", method="PUT")[0] == 400
    assert ask(address, data=b"weights", method="PUT")[0] == 200


def test_private_repository_of_another_looks_like_none(hub: LoopbackHub):
    assert ask(f"{hub.url}/api/models/alice/own", ALICE)[0] == 200
    assert ask(f"{hub.url}/api/models/alice/own", BOB) == ask(f"{hub.url}/api/models/alice/none", BOB)


def test_commit_on_a_stale_parent_is_refused(hub: LoopbackHub):
    lines = [{"key": "header", "value": {"summary": "Late", "parentCommit": "0" * 40}}]
    data = "\n".join(map(json.dumps, lines)).encode()
    assert ask(f"{hub.url}/api/models/alice/own/commit/main", ALICE, data=data)[0] == 412


@pytest.mark.parametrize(
    ("front_matter", "message"),
    [
        ("license: none-such", "license"),
        ("base_model: /root/weights", "base_model"),
        ("model-index: [{name: x, results: [{task: {type: y}, metrics: []}]}]", "metrics"),
        ("tags: [", "YAML metadata error"),
    ],
)
def test_card_that_is_wrong_is_refused(hub: LoopbackHub, front_matter: str, message: str):
    status, answer = ask(f"{hub.url}/api/validate-yaml", content={"content": f"---\n{front_matter}\n---\n"})
    assert status == 400 and message in answer["errors"][0]["message"]
