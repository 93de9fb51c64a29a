"""The requirements files name what is imported, and the constraints pin each of them."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APP, TESTS = ("app.py", "spaces_app", "plugins", "training"), ("tests",)
ABSENT = {"spaces", "babel"}  # imported where it is there: on ZeroGPU, and by the script that made the samples
USED_WITHOUT_IMPORT = {"tensorboard", "trackio"}  # by accelerate, for the runs' trackers


def imported(*roots: str) -> dict[str, str]:
    """The modules that are imported from elsewhere, each with a file that does."""
    modules: dict[str, str] = {}
    for root in roots:
        path = ROOT / root
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            for name in _imports(ast.parse(file.read_text(encoding="utf-8"))):
                modules.setdefault(name, str(file.relative_to(ROOT)))
    own = {*sys.stdlib_module_names, *ABSENT, "spaces_app", "plugins", "training", "tests", "benchmarks"}
    return {name: file for name, file in modules.items() if name not in own}


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def distributions(modules: dict[str, str]) -> dict[str, str]:
    """The packages that these modules come from, each with a file that imports one."""
    providers = packages_distributions()
    return {canonical(provider): file for name, file in modules.items() for provider in providers[name]}


def named(file: str) -> set[str]:
    """The packages that a requirements file names itself."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return {canonical(match[0]) for line in lines if (match := re.match(r"[A-Za-z][\w.-]*", line))}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_requirements_name_what_the_app_imports():
    missing = {
        name: file for name, file in distributions(imported(*APP)).items() if name not in named("requirements.txt")
    }
    assert missing == {}


def test_requirements_name_nothing_that_the_app_does_not_use():
    assert named("requirements.txt") - set(distributions(imported(*APP))) == USED_WITHOUT_IMPORT


def test_requirements_for_development_name_what_the_tests_import():
    available = named("requirements.txt") | named("requirements-dev.txt")
    missing = {name: file for name, file in distributions(imported(*TESTS)).items() if name not in available}
    assert missing == {}


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_every_requirement_is_pinned(file: str):
    assert named(file) - named("constraints.txt") == set()


def test_the_lock_has_the_pinned_versions_each_with_a_hash():
    """What `make app` installs where the platform matches; torch is left out, whose builds differ."""
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if not line.startswith("#")]
    locked = [re.fullmatch(r"([\w.-]+)==([\w.]+) --hash=sha256:[0-9a-f]{64}", line) for line in lines]
    assert all(locked)
    pins = re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    pinned = {canonical(name): version for name, version in pins}
    versions = {canonical(match[1]): match[2] for match in locked if match}
    assert {name: pinned.get(name) for name in versions} == versions
    assert named("requirements.txt") - {"torch"} <= versions.keys()
