"""A plugin of a package of its own, installed beside the studio into a fresh environment: found, trained, resumed, pushed, pulled."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from tests import loopback
from tests.loopback import Hub

ROOT = Path(__file__).parents[2]
SOURCES = (
    "training",
    "plugins",
    "spaces_app",
    "examples",
    "pyproject.toml",
    "requirements.txt",
    "README.md",
    "LICENSE",
)
TINY = ["--image-size", "16", "--width", "8", "--embedding-size", "16", "--batch-size", "16", "--device", "cpu"]
STEPS = ["--steps", "30", "--eval-every", "30", "--checkpoint-every", "1"]
PATIENCE_SECONDS = 120

pytestmark = pytest.mark.slow
url, hub = loopback.url, loopback.hub  # fixtures


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has the studio and the package installed, and what both depend on."""
    folder = tmp_path_factory.mktemp("fresh")
    source, environment = folder / "source", folder / "environment"
    source.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    packages = environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (packages / "shared.pth").write_text(sysconfig.get_path("purelib"))  # torch and the others, not a second time
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "-q",
        "--no-deps",
        "--no-build-isolation",
    ]
    subprocess.run([*install, "--no-index", str(source), str(source / "examples" / "contrastive")], check=True)
    return python


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for number in range(40):
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return folder


def environment(home: Path, **more: str) -> dict[str, str]:
    """Nothing of this checkout on the path."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "HF_TOKEN")}
    return {**inherited, "SELFSUP_HOME": str(home), "SELFSUP_PLUGINS": "contrastive", **more}


def training(python: Path, home: Path, *arguments: str, **more: str) -> str:
    """The last line that the command prints."""
    done = subprocess.run(
        [str(python), "-m", "training", *arguments],
        env=environment(home, **more), cwd=home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def weights(home: Path, run: str) -> bytes:
    return (home / "runs" / run / "artifact" / "model.safetensors").read_bytes()


def test_the_package_is_found_where_it_is_installed(python: Path, tmp_path: Path) -> None:
    code = "import plugins, selfsup_contrastive as own; print(plugins.__file__); print(own.__file__)"
    done = subprocess.run(
        [str(python), "-c", code], cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=True
    )
    assert all(line.startswith(str(python.parents[1])) for line in done.stdout.splitlines())
    help_text = subprocess.run(
        [str(python), "-m", "training", "--help"],
        cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "contrastive simclr" in help_text and "contrastive byol" in help_text


@pytest.mark.parametrize("kind", ["simclr", "byol"])
def test_a_run_that_is_killed_and_resumed_ends_in_the_same_bits(
    kind: str, python: Path, images: Path, tmp_path: Path
) -> None:
    """BYOL's teacher is moved after each step: without its weights in the checkpoint the bits would differ."""
    command = ["contrastive", kind, "--data", str(images), *TINY, *STEPS]
    unbroken = training(python, tmp_path, *command)
    killed = tmp_path / "killed"
    process = subprocess.Popen(
        [str(python), "-m", "training", *command, "--folder", str(killed)],
        env=environment(tmp_path), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not list(killed.glob("checkpoint/step-*")) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert not (killed / "artifact").exists(), "it ended before it was killed"
    training(python, tmp_path, "resume", str(killed))
    assert (killed / "artifact" / "model.safetensors").read_bytes() == weights(tmp_path, unbroken)


def test_weights_go_to_the_hub_and_come_back(hub: Hub, python: Path, images: Path, tmp_path: Path) -> None:
    run = training(python, tmp_path, "contrastive", "simclr", "--data", str(images), *TINY, "--steps", "2")
    here = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hub"), "HF_TOKEN": "hf_alice_write"}
    training(python, tmp_path, "push", run, "alice/simclr", **here)
    pulled = Path(training(python, tmp_path, "pull", "alice/simclr", **here))
    assert (pulled / "model.safetensors").read_bytes() == weights(tmp_path, run)
    record = json.loads((pulled / "selfsup.json").read_text())
    assert (record["plugin"], record["trainer"]) == ("contrastive", "simclr")
    card = (pulled / "README.md").read_text()
    assert yaml.safe_load(card.split("---")[1])["pipeline_tag"] == "image-feature-extraction"
    image = str(next(images.iterdir()))
    code = (
        "import sys; from pathlib import Path; from selfsup_contrastive import PLUGIN; "
        "model = PLUGIN.kind('simclr').load(Path(sys.argv[1])); print(model.embed(Path(sys.argv[2])))"
    )
    vectors = {
        subprocess.run(
            [str(python), "-c", code, str(folder), image], env=environment(tmp_path), capture_output=True, check=True
        ).stdout
        for folder in (pulled, tmp_path / "runs" / run / "artifact")
    }
    assert len(vectors) == 1


def test_the_packages_own_suite_passes(python: Path, tmp_path: Path) -> None:
    suite = shutil.copytree(ROOT / "examples" / "contrastive" / "tests", tmp_path / "tests")
    done = subprocess.run(
        [str(python), "-m", "pytest", "-q", "-o", "addopts=", "-p", "no:cacheprovider", str(suite)],
        env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
