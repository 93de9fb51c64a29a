"""Fixtures of the loopback Hub (tests/hub) in a process of its own, and calls of the project against it."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

ROOT = Path(__file__).parents[1]

# The client reads HF_ENDPOINT when it is imported, so every call is made in a process of its own.
CALL = """
import dataclasses, json, resource, signal, sys
from pathlib import Path
from training.hub import pull, push
from training.errors import UserError
name, arguments, named = json.loads(sys.argv[1])
arguments = [Path(each) if each.startswith("/") else each for each in arguments]
token, limit = named.pop("token", None), named.pop("file_limit", None)
if limit:  # no file may grow beyond it
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    if name == "push":
        result = dataclasses.asdict(push.push(*arguments, token, push.PushOptions(**named)))
        result["result"] = result["pull_request"] or result["commit"]
    else:
        result = {"result": str(pull.pull(*arguments, token).folder)}
    print(json.dumps(result))
except UserError as error:
    print(json.dumps({"error": str(error)}))
"""


UPLOAD = """
import base64, json, sys
from huggingface_hub import CommitOperationAdd, HfApi
repo, files = json.load(sys.stdin)
api = HfApi(token="hf_alice_write")
api.create_repo(repo)
operations = [CommitOperationAdd(name, base64.b64decode(content)) for name, content in files.items()]
api.create_commit(repo, operations, commit_message="Files")
"""
AT_ONCE = {"Retry-After": "0"}  # of a refusal: the client tries again without its pause of seconds


@dataclass(frozen=True)
class Hub:
    url: str
    home: Path

    def call(
        self, name: str, *arguments: Any, environment: dict[str, str] | None = None, **named: Any
    ) -> dict[str, str]:
        """What `pull` or `push` gives: a result, or an error in words."""
        environment = {**self.environment(), **(environment or {}), "PYTHONPATH": str(ROOT)}
        question = json.dumps([name, [str(each) for each in arguments], named])
        done = subprocess.run(
            [sys.executable, "-c", CALL, question], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def environment(self) -> dict[str, str]:
        """For a process that speaks with this Hub, signed in as nobody."""
        here = {"HF_ENDPOINT": self.url, "HF_HOME": str(self.home)}
        return {name: value for name, value in os.environ.items() if name != "HF_TOKEN"} | here

    def make(self, repo: str, files: dict[str, bytes], **settings: Any) -> str:
        """A public repository with these files, its large ones stored by LFS. Returns its name."""
        encoded = {name: base64.b64encode(content).decode() for name, content in files.items()}
        self._ask("repositories", json.dumps({"name": repo, "files": encoded, **settings}).encode())
        return repo

    def upload(self, repo: str, files: dict[str, bytes]) -> str:
        """The same by the client, which stores large files by Xet; the repository is alice's."""
        question = json.dumps([repo, {name: base64.b64encode(content).decode() for name, content in files.items()}])
        subprocess.run(
            [sys.executable, "-c", UPLOAD],
            input=question,
            env=self.environment(),
            check=True,
            capture_output=True,
            text=True,
        )
        return repo

    def files(self, repo: str) -> set[str]:
        """The files of a repository, as alice sees them; `repo` begins with models/, datasets/ or spaces/."""
        request = urllib.request.Request(f"{self.url}/api/{repo}", headers={"Authorization": "Bearer hf_alice_write"})
        return {file["rfilename"] for file in json.load(urllib.request.urlopen(request))["siblings"]}

    def fault(self, **fault: Any) -> None:
        """Make the requests fail that match."""
        self._ask("faults", json.dumps(fault).encode())

    def mend(self) -> None:
        self._ask("faults", method="DELETE")

    def faults_met(self) -> int:
        """Requests that failed as they were made to, in the life of this Hub."""
        return sum(bool(request.get("fault")) for request in self.requests())

    def uploaded_bytes(self) -> int:
        """Bytes of files that clients have sent, by Xet and by LFS."""
        return sum(
            request["received"]
            for request in self.requests()
            if request["method"] in ("PUT", "POST") and request["origin"] == "storage"
        )

    def downloaded_bytes(self) -> int:
        """Bytes of files that clients have fetched, by Xet and by LFS."""
        requests = self.requests()
        return sum(each["sent"] for each in requests if each["method"] == "GET" and each["origin"] == "storage")

    def command(self, home: Path, *arguments: str) -> str:
        """The last line that `python -m training` prints, signed in as alice."""
        environment = self.environment() | {"HF_TOKEN": "hf_alice_write", "SELFSUP_HOME": str(home)}
        done = subprocess.run(
            [sys.executable, "-m", "training", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[-1]

    def requests(self) -> list[dict[str, Any]]:
        """Every request so far: method, path, query, origin (hub or storage), status, received and sent bytes, fault."""
        return json.load(urllib.request.urlopen(f"{self.url}/__hub__/requests"))

    def commits(self, repo: str) -> list[dict]:
        """The newest first, as the owner sees them."""
        request = urllib.request.Request(
            f"{self.url}/api/models/{repo}/commits/main", headers={"Authorization": "Bearer hf_alice_write"}
        )
        return json.load(urllib.request.urlopen(request))

    def _ask(self, what: str, body: bytes | None = None, method: str | None = None) -> None:
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/__hub__/{what}", body, method=method)).close()


@contextmanager
def running_hub(*arguments: str) -> Iterator[str]:
    """The address of a Hub that runs as long as the context, with arguments of `python -m tests.hub`."""
    command = [sys.executable, "-m", "tests.hub", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        yield json.loads(process.stdout.readline())["url"]
        process.stdin.close()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_hub() as url:
        yield url


@pytest.fixture
def hub(url: str, tmp_path: Path) -> Hub:
    """The Hub, with an empty cache."""
    return Hub(url, tmp_path / "hf")


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights, with two files that must stay at home."""
    folder = tmp_path_factory.mktemp("artifact")
    save_file({"weight": np.arange(6, dtype=np.float32)}, folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n\n# Weights\n")
    (folder / "optimizer.bin").write_bytes(b"\x80\x04K\x01.")
    (folder / ".env").write_text("SECRET=1")
    return folder
