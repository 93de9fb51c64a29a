"""The table of environment variables in docs/server.md, against the settings and against what the sources read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from spaces_app.settings import Settings

ROOT = Path(__file__).parents[2]
INTERNAL = {"SELFSUP_KEY"}  # handed from one process of the app to another, never set by its operator
NAME = re.compile(r"SELFSUP_[A-Z]+(?:_[A-Z]+)*")


def documented() -> dict[str, str]:
    """Variable -> its default, as the table has it."""
    rows = [
        line.strip("| \n").split(" | ")
        for line in (ROOT / "docs" / "server.md").read_text(encoding="utf-8").splitlines()
    ]
    rows = [row for row in rows if row[0].startswith("`SELFSUP_")]
    return {name: row[-1].strip("` ") for row in rows for name in NAME.findall(row[0])}


def fields() -> dict[str, Any]:
    """Variable -> the default of the field of `Settings` that it sets; without what the platform sets."""
    settings = Settings()
    names = getattr(Settings, "model_fields", None) or Settings.__dataclass_fields__
    return {
        f"SELFSUP_{name.upper()}": getattr(settings, name) for name in names if name not in ("on_space", "zero_gpu")
    }


@pytest.fixture(autouse=True)
def without_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*documented(), "SYSTEM", "SPACES_ZERO_GPU"):
        monkeypatch.delenv(name, raising=False)


def test_table_has_every_setting_and_every_variable_that_is_read():
    sources = [path for folder in ("spaces_app", "plugins", "training") for path in (ROOT / folder).rglob("*.py")]
    read = {name for path in sources for name in NAME.findall(path.read_text(encoding="utf-8"))}
    assert set(documented()) == (read | set(fields())) - INTERNAL


def test_table_says_the_defaults():
    words = {"0": "none", "False": "off", "": "none"}
    of_the_machine = {
        "SELFSUP_MAX_PROCESSES": "cores or GPUs",
        "SELFSUP_MAX_MEMORY_MB": "80 % of the machine's",
        "SELFSUP_MAX_MODELS_MB": "50 % of the machine's",
    }
    for name, default in fields().items():
        expected = of_the_machine.get(name) or words.get(str(default), str(default))
        assert documented()[name].split(";")[0] == expected, name


@pytest.mark.parametrize("name", fields())
def test_variable_sets_its_setting(name: str, monkeypatch: pytest.MonkeyPatch):
    field, default = name.removeprefix("SELFSUP_").lower(), fields()[name]
    text, value = {"anyone": ("off", "off"), False: ("1", True), "": ("x:y", "x:y")}.get(default, ("777", 777))
    monkeypatch.setenv(name, text)
    assert getattr(Settings.from_environment(), field) == value != default
