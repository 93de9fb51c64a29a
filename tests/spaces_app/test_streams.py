"""Endpoints that stream: published as generators, cancelled half-way, wrong annotations refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from plugins._contract import Endpoints, Kind, Plugin
from plugins._discovery import Found
from tests.page import Site, endpoints, served
from tests.running import wait_for
from training.errors import UserError
from training.settings import TrainSettings

CLOSED = threading.Event()


class Count(Endpoints):
    """Weights that count."""

    def count(self, most: int, broken: bool = False) -> Iterator[dict[str, Any]]:
        """Count.

        Args:
            most: How far.

        Returns:
            number: how far it came.
        """
        try:
            for number in range(1, most + 1):
                yield {"number": number}
                if number > 3:
                    CLOSED.wait(0.02)
            if broken:
                raise UserError("It broke after the last number.")
        finally:
            CLOSED.set()

    def plain(self, word: str) -> str:
        """Give a word back."""
        return word


def load(folder: Path) -> Count:
    """What any folder holds."""
    return Count()


def connect(name: str) -> Count:
    """A hosted model."""
    return Count()


def starter(folder: Path) -> Path:
    """A folder whose record says that this kind made it."""
    (folder / "selfsup.json").write_text(json.dumps({"plugin": "counting", "trainer": "fit"}))
    return folder


def counting(folder: Path) -> Plugin:
    kind = Kind("fit", "Fit", __name__, TrainSettings, Count, starters=(starter(folder),), hosted=True)
    return Plugin("counting", "Counting", "Counts.", (kind,))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    plugin = counting(tmp_path_factory.mktemp("here"))
    with served(tmp_path_factory.mktemp("home"), found=[Found("counting", "a test", plugin)], trains=False) as site:
        yield open_client(site)


def open_client(site: Site) -> Client:
    return Client(site.url, verbose=False)


def test_every_value_arrives_and_the_last_is_the_result(client: Client) -> None:
    job = client.submit("", 3, api_name="/counting_count")
    assert job.result(timeout=20) == {"number": 3}
    assert [value["number"] for value in job.outputs()][:3] == [1, 2, 3]


def test_the_published_type_is_of_each_value(client: Client) -> None:
    [returned] = endpoints(client)["/counting_count"]["returns"]
    assert returned["python_type"]["type"].lower().startswith("dict")


def test_a_stream_that_is_cancelled_is_closed(client: Client) -> None:
    CLOSED.clear()
    job = client.submit("", 100_000, api_name="/counting_count")
    wait_for(lambda: len(job.outputs()) > 2)
    job.cancel()
    wait_for(CLOSED.is_set)


def test_an_error_after_values_is_told_in_words(client: Client) -> None:
    with pytest.raises(AppError, match="It broke after the last number"):
        client.predict("", 2, True, api_name="/counting_count")


def test_a_hosted_name_goes_to_connect_not_to_a_folder(client: Client) -> None:
    assert client.predict("hosted:gpt@https://a.example/v1", "word", api_name="/counting_plain") == "word"


def test_what_yields_must_say_so() -> None:
    class Silent(Endpoints):
        def silent(self) -> dict[str, Any]:  # type: ignore[return]
            """Yield."""
            yield {}  # type: ignore[misc]

    with pytest.raises(ValueError, match=r"yields: annotate its result as Iterator"):
        Kind("fit", "Fit", __name__, TrainSettings, Silent)
