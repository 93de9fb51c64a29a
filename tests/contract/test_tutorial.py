"""The plugin that CONTRIBUTING shows is complete, short, and works as it stands there."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

import plugins
from plugins._discovery import find
from plugins.testing import check_plugin

ROOT = Path(__file__).parents[2]
LINES = 80


@pytest.fixture
def code() -> str:
    found = re.search(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = np.random.default_rng(0).normal(size=(60, 2)) @ np.array([[1.0, 2.0, 0.0], [0.0, 1.0, 3.0]])
    path = tmp_path / "rows.csv"
    path.write_text("a,b,c\n" + "".join(f"{a:.4f},{b:.4f},{c:.4f}\n" for a, b, c in rows), encoding="utf-8")
    return path


def test_the_tutorial_plugin_is_under_80_lines(code: str):
    assert len(code.splitlines()) < LINES


def test_the_tutorial_plugin_dropped_in_as_a_file_passes_the_contract(
    code: str, table: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "dropped"
    folder.mkdir()
    (folder / "squeeze.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(plugins, "__path__", [*plugins.__path__, str(folder)])
    try:
        check_plugin(find("squeeze"), tmp_path / "runs", {"fit": {"data": str(table), "device": "cpu"}})
    finally:
        sys.modules.pop("plugins.squeeze", None)
