"""A plugin without a network, for tests of the page and the API: its one kind answers with louder words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugins._contract import Kind, Plugin
from plugins._discovery import Found
from plugins._endpoints import Endpoints
from training.preflight.sheet import Sheet
from training.settings import TrainSettings


class Speak(Endpoints):
    """What its weights answer."""

    def __init__(self, folder: Path):
        self.folder = folder

    def shout(self, text: str, times: int = 2) -> str:
        """Say it louder.

        Args:
            text: What to say.
            times: How often.
        """
        return " ".join([text.upper()] * times)

    def count(self, file: Path, words: list[str]) -> dict[str, Any]:
        """Count words in a file."""
        text = file.read_text(encoding="utf-8")
        return {word: text.count(word) for word in words}

    def secret(self) -> str:
        """Raise what no visitor may see."""
        raise KeyError("the secret of /srv/hidden")


class Whisper(Endpoints):
    """What weights of another kind answer."""

    def whisper(self, text: str) -> str:
        """Say it in small letters."""
        return text.lower()


@dataclass(frozen=True)
class NoData:
    """Nothing was read."""

    sheet: Sheet = Sheet(())  # noqa: RUF009 - frozen


def read(settings: TrainSettings) -> NoData:
    return NoData()


def load(folder: Path) -> Speak:
    return Speak(folder)


def weights(folder: Path, plugin: str, kind: str = "fit") -> Path:
    """A folder that says which kind made it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "selfsup.json").write_text(json.dumps({"plugin": plugin, "trainer": kind}))
    return folder


def loud(name: str, folder: Path, tab: str = "", **kind: Any) -> Found:
    """A plugin of that name, whose starter `here` is made below the folder."""
    starters = (weights(folder / name / "here", name),)
    about: dict[str, Any] = {"settings": TrainSettings, "endpoints": Speak, "starters": starters, **kind}
    plugin = Plugin(name, name.title(), f"What {name} does.", (Kind("fit", "Fit", "tests.loud", **about),), tab=tab)
    return Found(name, "a test", plugin)
