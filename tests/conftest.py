"""What tests share: a home of their own, the toy plugin installed, and runs as real processes to wait for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

# Set before torch is imported. There are as many test workers as cores: more threads would wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from plugins import _discovery
from training.runs.forkserver import WarmProcess
from training.runs.queue import child_environment

ROOT = Path(__file__).parents[1]
PATIENCE = (
    30_000  # milliseconds for the page to show something; a page opens in 3 s on two slow cores, later beside a run
)
expect.set_options(timeout=PATIENCE)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty SELFSUP_HOME."""
    monkeypatch.setenv("SELFSUP_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def installed_toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to put on the path: there the toy is an installed package with an entry point."""
    folder = tmp_path_factory.mktemp("site")
    package = folder / "toy_plugin-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-plugin\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[selfsup.plugins]\ntoy = tests.toy:PLUGIN\n")
    return folder


@pytest.fixture
def toy(installed_toy: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The toy plugin can be found, here and in the processes started from here; gives the home."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(installed_toy), str(ROOT)]))
    monkeypatch.setattr(sys, "path", [str(installed_toy), *sys.path])
    _discovery._entry_points.cache_clear()
    yield home
    _discovery._entry_points.cache_clear()


@pytest.fixture(scope="session")
def warm(installed_toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WarmProcess]:
    """A warm process, ready: its runs start without the seconds of imports. Their gate is `gate` beside the home."""
    folder = tmp_path_factory.mktemp("warm")
    environment = child_environment() | {
        "PYTHONPATH": os.pathsep.join([str(installed_toy), str(ROOT)]),
        "SELFSUP_HOME": str(folder),
        "SELFSUP_PLUGINS": "toy",
        "TOY_HOLD": str(folder / "gate"),
    }
    process = WarmProcess(["prefork"], environment)
    process.warm_up()
    yield process
    process.close()


@pytest.fixture
def gate(warm: WarmProcess) -> Iterator[Path]:
    """While this file is there, runs that the warm process started stand still before their batch `hold_at`."""
    gate = Path(warm.environment["TOY_HOLD"])
    gate.with_suffix(".reached").unlink(missing_ok=True)
    gate.touch()
    yield gate
    gate.unlink(missing_ok=True)
