"""On a shared server the file of a result is its visitor's alone; files of the page are everybody's."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from plugins._discovery import discover
from spaces_app.settings import Settings
from tests.chaos.visitor import FILE
from tests.page import Site, served


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SELFSUP_SHARED", "1")
        found = discover("denoising_ae")
        with served(tmp_path_factory.mktemp("shared"), Settings(), found, trains=False) as site:
            yield site


def cookie(site: Site) -> dict[str, str]:
    return {"cookie": httpx.get(site.url).headers["set-cookie"].split(";")[0]}


def corrupted(site: Site, seed: int, headers: dict[str, str]) -> str:
    """The path of a noisy picture that /denoising_ae_corrupt makes for the owner of these headers."""
    import json

    picture = BytesIO()
    Image.new("L", (24, 24), 128).save(picture, "PNG")
    api = f"{site.url}gradio_api"
    [path] = httpx.post(f"{api}/upload", files={"files": ("p.png", picture.getvalue())}, headers=headers).json()
    values: list[Any] = [{"path": path, "meta": FILE}, "gaussian", 25.0, seed]
    call = f"{api}/call/denoising_ae_corrupt"
    event = httpx.post(call, json={"data": values}, headers=headers).json()["event_id"]
    text = httpx.get(f"{call}/{event}", headers=headers, timeout=120).text
    assert "event: complete" in text, text
    return json.loads(text.split("data: ", 1)[1])[0]["path"]


def statuses(site: Site, path: str, *headers: dict[str, str]) -> list[int]:
    return [httpx.get(f"{site.url}gradio_api/file={path}", headers=each).status_code for each in headers]


def test_a_result_is_its_visitors_alone(shared: Site) -> None:
    mine, anothers = cookie(shared), cookie(shared)
    path = corrupted(shared, 1, mine)
    assert statuses(shared, path, mine, anothers, {}) == [200, 403, 403]


def test_a_client_without_a_cookie_has_its_result_by_a_path_that_cannot_be_guessed(shared: Site) -> None:
    path = corrupted(shared, 2, {})
    assert statuses(shared, path, {}, cookie(shared)) == [200, 200]
    assert len(Path(path).parent.name) >= 32  # a hash with the server's own random seed
    assert statuses(shared, str(Path(path).parent.parent / ("0" * 64) / Path(path).name), {})[0] in (403, 404)


def test_the_same_content_asked_for_by_both_is_both_of_theirs(shared: Site) -> None:
    mine, anothers = cookie(shared), cookie(shared)
    assert len({corrupted(shared, 3, each) for each in (mine, anothers)}) == 1
    assert statuses(shared, corrupted(shared, 3, mine), mine, anothers, {}) == [200, 200, 403]
