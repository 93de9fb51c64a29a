"""Every endpoint, as a stranger who knows the id of another's run: each parameter that may name one says "no such run".

A text parameter is either refused in the words that a run which does not exist gets, or it is listed here as content that
is never taken for a name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from plugins._discovery import discover
from spaces_app.settings import Settings
from tests.chaos.fuzz import FILES, NO_RUN, Fuzzer
from tests.chaos.visitor import Visitor
from tests.loopback import running_hub
from tests.page import TINY, served
from tests.running import wait_for

SECRET = "xylophone"  # a word of the run's data
CONTENT = {
    "text", "text_pair", "first", "second", "question", "context", "prompt", "template", "instruction", "column", "noise",
    "noise_level", "negative_prompt", "sampler", "label_column", "selection", "calibrate", "threshold", "key", "tag",
    "query", "author", "task", "flavour", "status",
}  # fmt: skip


class World:
    """A shared server, a run of its owner, and a stranger."""

    def __init__(self, url: str):
        self.owner, self.stranger = Visitor(url), Visitor(url)
        uploads = {name: self.stranger.upload(name, content) for name, content in FILES.items()}
        self.parameters: dict[str, list[tuple[str, str]]] = {
            name[1:]: [(each["parameter_name"], each["python_type"]["type"]) for each in about["parameters"]]
            for name, about in httpx.get(f"{url}/gradio_api/info", timeout=60).json()["named_endpoints"].items()
        }
        info = {
            f"/{name}": {"parameters": [{"parameter_name": p} for p, _ in about]}
            for name, about in self.parameters.items()
        }
        self.values = Fuzzer(info, {}, uploads)._base
        reviews = ("text\tlabel\n" + f"a good {SECRET}\tgood\na bad {SECRET}\tbad\n" * 10).encode()
        data = self.owner.upload("reviews.tsv", reviews)
        self.run = self.owner.result("train", "bert_finetune", "classify", {**TINY, "steps": 2}, data)["id"]
        wait_for(lambda: self.owner.result("run_status", self.run)["status"] == "finished")

    def answer(self, endpoint: str, changed: dict[str, Any], run: str) -> str:
        """What the stranger is told, without the id."""
        values = {name: self.values(endpoint, name) for name, _ in self.parameters[endpoint]} | changed
        answer = self.stranger.call(endpoint, *values.values())
        return json.dumps([answer.ok, answer.value, answer.error]).replace(run, "RUN").replace(NO_RUN, "RUN")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as environment, running_hub() as hub:
        environment.setenv("SELFSUP_SHARED", "1")
        environment.setenv("HF_ENDPOINT", hub)
        with served(tmp_path_factory.mktemp("shared"), Settings(), discover("builtin")) as site:
            world = World(site.url.rstrip("/"))
            yield world
            for visitor in (world.owner, world.stranger):
                visitor.http.close()


def test_the_owner_can_use_it(world: World) -> None:
    assert world.owner.call("bert_finetune_classify", world.run, "a good film", "").ok


def test_no_endpoint_takes_anothers_run_by_its_name(world: World) -> None:
    asked, told = 0, []
    for endpoint, parameters in world.parameters.items():
        for name in [name for name, kind in parameters if kind == "str" and name not in CONTENT]:
            theirs, none = (world.answer(endpoint, {name: run}, run) for run in (world.run, NO_RUN))
            asked += 1
            if theirs != none or theirs.startswith("[true") or SECRET in theirs:
                told.append((endpoint, name, theirs[:200], none[:200]))
    assert told == []
    assert asked > 50


@pytest.mark.parametrize(
    ("plugin", "trainer", "name"),
    [
        (plugin.name, kind.name, name)
        for plugin in (found.plugin for found in discover("builtin") if found.plugin)
        for kind in plugin.trainable
        for name in kind.trained_by.weights_fields()
    ],
)
@pytest.mark.parametrize("endpoint", ["train", "check"])
def test_nor_do_settings(world: World, endpoint: str, plugin: str, trainer: str, name: str) -> None:
    theirs, none = (
        world.answer(endpoint, {"plugin": plugin, "trainer": trainer, "settings": {name: run}}, run)
        for run in (world.run, NO_RUN)
    )
    assert theirs == none and theirs.startswith("[false")
