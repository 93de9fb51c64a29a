"""The Hub as the backup of a run: another machine goes on to the same bits; nothing that fails there stops training."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import loopback
from tests.loopback import ROOT, Hub
from tests.running import events, finish, kill, losses, queue, wait_for, weights
from tests.toy import toy_settings
from training.backup import uploader
from training.backup.contents import Marker
from training.errors import UserError
from training.runs.config_file import read_config, to_yaml
from training.runs.forkserver import WarmProcess
from training.runs.queue import Dispatcher, child_environment
from training.runs.registry import Runs
from training.runs.run import Run

url = loopback.url  # a fixture
TOKEN = "hf_alice_write"
HELD, LAST_CHECKPOINT = 33, 28
SETTINGS = {"steps": 60, "rows": 60, "seed": 1, "ema_decay": 0.8, "eval_every": 5, "checkpoint_every": 7, "hold_at": HELD}  # fmt: skip


@pytest.fixture(scope="module")
def machine(url: str, tmp_path_factory: pytest.TempPathFactory, installed_toy: Path) -> Iterator[WarmProcess]:
    """A machine that nobody is signed in on: its runs are given a token, or none."""
    folder = tmp_path_factory.mktemp("machine")
    hub = Hub(url, folder / "hf")
    environment = child_environment() | hub.environment()
    environment.pop("HF_TOKEN", None)
    environment |= {
        "PYTHONPATH": os.pathsep.join([str(installed_toy), str(ROOT)]), "SELFSUP_HOME": str(folder),
        "SELFSUP_PLUGINS": "toy", "TOY_HOLD": str(folder / "gate"), "HF_DEBUG": "1",
    }  # fmt: skip
    process = WarmProcess(["prefork"], environment)
    process.warm_up()
    yield process
    process.close()


@pytest.fixture(scope="module")
def home(machine: WarmProcess) -> Path:
    return Path(machine.environment["SELFSUP_HOME"])


@pytest.fixture(scope="module")
def hub(url: str, home: Path) -> Hub:
    return Hub(url, home / "hf")


def new_name() -> str:
    return f"alice/{secrets.token_hex(4)}"


def train(machine: WarmProcess, token: str | None = TOKEN, **settings: Any) -> Run:
    """Start a run as the page does, with its visitor's token."""
    runs = Runs(Path(machine.environment["SELFSUP_HOME"]) / "runs")
    run = queue(runs, **{**SETTINGS, **settings})
    Dispatcher(runs, at_once=9, warm=machine, secrets_of=lambda one: {"HF_TOKEN": token} if token else {}).pump()
    return run


def notices(run: Run) -> list[str]:
    return [event["message"] for event in events(run.folder, "notice")]


@pytest.fixture(scope="module")
def unbroken(machine: WarmProcess) -> Run:
    """The same training, without a backup."""
    run = train(machine, None, hold_at=0)
    assert finish(run) == "finished"
    return run


@pytest.fixture(scope="module")
def killed(machine: WarmProcess, home: Path) -> Run:
    """A run that was killed in mid-step, its last checkpoint in the backup."""
    gate = home / "gate"
    gate.touch()
    run = train(machine, backup=new_name())
    wait_for(gate.with_suffix(".reached").exists)
    wait_for(lambda: [e for e in events(run.folder, "backup") if e["checkpoint"] == LAST_CHECKPOINT])
    kill(run)
    gate.unlink()
    return run


# Downloads the backup, makes the altered ones of it, and resumes each; prints repository -> what was said.
HOSTILE = """
import contextlib, hashlib, io, json, os, pickle, sys
from pathlib import Path
from huggingface_hub import CommitOperationAdd, HfApi, snapshot_download
from safetensors import safe_open
from safetensors.torch import save
from training.cli.main import main

repo, homes, marked = json.loads(sys.argv[1])
api = HfApi()
folder = Path(snapshot_download(repo))
genuine = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
genuine.pop(".gitattributes", None)
marker = json.loads(genuine.pop("selfsup-backup.json"))
CHECKPOINT = "checkpoint/step-%09d/" % marker["step"]
OPTIMIZER = CHECKPOINT + "optimizer.bin.safetensors"

class Bomb:
    def __reduce__(self):
        return Path.touch, (Path(marked),)

def tensors(name, change):
    with safe_open(folder / name, "pt") as file:
        return save({key: change(file.get_tensor(key)) for key in file.keys()}, file.metadata())

def state(name, change):
    with safe_open(folder / name, "pt") as file:
        return save({key: file.get_tensor(key) for key in file.keys()}, {"state": change(file.metadata()["state"])})

bomb = pickle.dumps(Bomb())
wider = lambda tensor: tensor.repeat(3, *[1] * (tensor.dim() - 1)) if tensor.dim() else tensor
CASES = {
    "a pickle": ({CHECKPOINT + "optimizer.bin": bomb}, {}),
    "a pickle under another name": ({OPTIMIZER: bomb}, {}),
    "a pickle among the weights": ({"artifact/pytorch_model.bin": bomb}, {}),
    "a name outside": ({"../evil.json": b"{}"}, {}),
    "a name outside, of another system": ({"artifact/..\\\\\\\\evil.json": b"{}"}, {}),
    "another id": ({}, {"run": "toy-0123456789abcdef"}),
    "an id that is a path": ({}, {"run": "../../evil"}),
    "wider moments": ({OPTIMIZER: tensors(OPTIMIZER, wider)}, {}),
    "wider weights": ({CHECKPOINT + "model.safetensors": tensors(CHECKPOINT + "model.safetensors", wider)}, {}),
    "attributes": ({CHECKPOINT + "custom_checkpoint_0.pkl.safetensors": state(CHECKPOINT + "custom_checkpoint_0.pkl.safetensors", lambda text: text.replace('"best_step"', '"__class__"'))}, {}),
    "nested": ({OPTIMIZER: state(OPTIMIZER, lambda text: '{"list": [' * 9000 + "]}" * 9000)}, {}),
    "a file of this machine": ({"config.yaml": genuine["config.yaml"] + b"  points: /etc/passwd\\n"}, {}),
    "a file beside": ({"config.yaml": genuine["config.yaml"] + b"  points: data/../../owner\\n"}, {}),
    "another's weights": ({"config.yaml": genuine["config.yaml"] + b"  model: /root/weights\\n"}, {}),
    "events": ({"events.jsonl": b'{"event": "step", "time": 1}\\n'}, {}),
    "altered": ({}, {"altered": "report.json"}),
    "missing": ({}, {"missing": OPTIMIZER}),
    "two checkpoints": ({"checkpoint/step-000000001/model.safetensors": b""}, {}),
}

def make(name, changed, about):
    files, about = {**genuine, **changed}, {**marker, **about}
    altered, missing = about.pop("altered", None), about.pop("missing", None)
    about["files"] = {name: {"sha256": hashlib.sha256(text).hexdigest(), "size_bytes": len(text)} for name, text in files.items()}
    if altered:
        files[altered] = b" " + files[altered][:-1]
    files.pop(missing, None)
    files["selfsup-backup.json"] = json.dumps(about).encode()
    api.create_repo(name, private=True)
    api.create_commit(name, [CommitOperationAdd(each, text) for each, text in files.items() if ".." not in each], commit_message="Files")

def said(repo, home):
    os.environ["SELFSUP_HOME"] = home
    with contextlib.redirect_stderr(io.StringIO()) as told, contextlib.redirect_stdout(io.StringIO()):
        code = main(["resume", repo])
    return f"{code} {told.getvalue()}"

def reclaimed():
    # The large files that a repository keeps after three states of 1.2 MB, with room for none.
    from training.backup import repository
    from training.backup.contents import Marker
    repository.RECLAIM_BYTES = 0
    ours, to = repository.Backup(f"{repo}-kept", os.environ["HF_TOKEN"], marker["run"]), Path(homes[1])
    for step in (1, 2, 3):
        part = to / f"state-{step}" / "checkpoint" / f"step-{step:09d}"
        part.mkdir(parents=True)
        (part / "model.safetensors").write_bytes(os.urandom(1_200_000))
        (part.parents[1] / "config.yaml").write_text("plugin: toy")
        ours.send(part.parents[1], Marker(marker["run"], "toy", "fit", step, "started", {}))
    return [file.filename for file in api.list_lfs_files(f"{repo}-kept")]

answers = {"reclaimed": reclaimed(), "here": said(repo, homes[0])}
for number, (case, altered) in enumerate(CASES.items()):
    make(f"{repo}-{number}", *altered)
    answers[case] = said(f"{repo}-{number}", f"{homes[1]}/{number}")
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def hostile(killed: Run, home: Path, hub: Hub, machine: WarmProcess, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What was said of each backup that somebody altered."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    question = [killed.config()["settings"]["backup"], [str(home), str(elsewhere)], str(elsewhere / "exploded")]
    environment = machine.environment | {"HF_TOKEN": TOKEN, "HF_HOME": str(elsewhere / "hf")}
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE, json.dumps(question)],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {**json.loads(done.stdout.splitlines()[-1]), "folder": elsewhere}


REFUSED = {
    "here": "is on this machine already, at step 28; the backup is at step 28",
    "a pickle": "optimizer.bin', which no backup has",
    "a pickle under another name": "optimizer.bin.safetensors of .* is damaged",
    "a pickle among the weights": "which no backup has",
    "a name outside": "outside its folder",
    "a name outside, of another system": "outside its folder",
    "another id": "another run's than toy-0123456789abcdef",
    "an id that is a path": "is not the record of a backup",
    "wider moments": "does not fit the model: exp_avg of the optimiser",
    "wider weights": "does not fit the model: .*size mismatch",
    "attributes": "does not say how far training was",
    "nested": "is damaged",
    "a file of this machine": r"names a file that is not in the backup \(points\)",
    "a file beside": r"names a file that is not in the backup \(points\)",
    "another's weights": r"weights of another machine \(model\)",
    "events": "events.jsonl of .* is no record of a run",
    "altered": "report.json of .* is not what was backed up",
    "missing": "is missing or altered",
    "two checkpoints": "has no checkpoint of step 28, or others beside it",
}


@pytest.mark.parametrize("case", REFUSED)
def test_altered_backup_is_refused_in_words(hostile: dict, case: str):
    with pytest.raises(UserError, match=f"(?s)^2 .*{REFUSED[case]}"):
        raise UserError(hostile[case])


def test_altered_backup_runs_nothing_and_trains_no_step(hostile: dict):
    folder = hostile["folder"]
    assert not (folder / "exploded").exists()
    assert not list(folder.rglob("evil*")) and not list(folder.rglob(".restore-*"))
    for run in folder.glob("*/runs/toy-*"):  # whose shapes only the model can tell
        assert max(event["step"] for event in events(run, "step")) <= LAST_CHECKPOINT


def test_killed_run_resumes_on_another_machine_bit_for_bit(
    killed: Run, unbroken: Run, hostile: dict, hub: Hub, machine: WarmProcess, tmp_path: Path
):
    repo = killed.config()["settings"]["backup"]
    assert {name for name in hub.files(f"models/{repo}") if name.startswith("checkpoint/step-")} == {
        f"checkpoint/step-{LAST_CHECKPOINT:09d}/{name}"
        for name in ("model.safetensors", "optimizer.bin.safetensors", "custom_checkpoint_0.pkl.safetensors", "custom_checkpoint_1.pkl.safetensors")
    }  # fmt: skip
    environment = machine.environment | {
        "HF_TOKEN": TOKEN, "SELFSUP_HOME": str(tmp_path / "home"), "HF_HOME": str(tmp_path / "hf"),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "training", "resume", repo], env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    run = Runs(tmp_path / "home" / "runs").get(killed.id)
    assert run.status() == "finished" and events(run.folder, "started")[-1]["step"] == LAST_CHECKPOINT
    assert weights(run.folder) == weights(unbroken.folder)
    assert losses(run.folder) == losses(unbroken.folder)
    assert not any(name.startswith("checkpoint/") for name in hub.files(f"models/{repo}"))
    assert secret_in(tmp_path) == []


def test_a_hosted_model_that_a_backup_names_is_not_asked(tmp_path: Path):
    """It would be sent texts from this machine, on the word of whoever wrote the backup."""
    from plugins.bert_finetune.classify.settings import ClassifySettings
    from training.backup.validate import _check_config

    values = {"data": "data/a.csv", "related_data": "data/b.csv", "hosted_model": "hosted:m@http://10.0.0.1/v1"}
    (tmp_path / "config.yaml").write_text(to_yaml("bert_finetune", "classify", {**values, "backup": "a/b"}))
    files: dict = {"data/a.csv": {}, "data/b.csv": {}}
    marker = Marker("bert_finetune-0123456789abcdef", "bert_finetune", "classify", 0, "started", files)
    _check_config(tmp_path, marker, "a/b", lambda plugin, trainer: (ClassifySettings, {}))
    assert read_config(tmp_path / "config.yaml")["settings"] == {
        "data": "data/a.csv",
        "related_data": "data/b.csv",
        "backup": "a/b",
    }


def test_contents_of_older_checkpoints_are_given_back(hostile: dict):
    assert hostile["reclaimed"] == ["checkpoint/step-000000003/model.safetensors"]


def test_each_backup_is_one_commit(killed: Run, hub: Hub):
    titles = [commit["title"] for commit in hub.commits(killed.config()["settings"]["backup"])]
    assert set(titles[:-1]) == {"Back up the run"} and 2 <= len(titles[:-1]) <= 6


@pytest.mark.parametrize("status", [503, 403])
def test_failing_hub_leaves_training_finished_with_a_notice(machine: WarmProcess, hub: Hub, unbroken: Run, status: int):
    repo = new_name()
    hub.fault(kind="status", status=status, headers={"Retry-After": "0"}, path=f"{repo}/commit/", times=-1)
    run = train(machine, backup=repo, hold_at=0)
    assert finish(run) == "finished"
    hub.mend()
    assert f"No backup to {repo}: The Hub refused ({status})" in notices(run)[0]
    assert len(notices(run)) == 1
    assert weights(run.folder) == weights(unbroken.folder)


def test_backup_that_failed_lands_at_a_later_checkpoint(machine: WarmProcess, hub: Hub):
    repo = new_name()
    hub.fault(kind="status", status=403, path=f"{repo}/commit/", times=1)
    run = train(machine, backup=repo, hold_at=0)
    assert finish(run) == "finished"
    assert len(notices(run)) == 1 and events(run.folder, "backup")
    assert "artifact/model.safetensors" in hub.files(f"models/{repo}")
    hub.mend()


def test_without_a_token_training_goes_on_with_a_notice(machine: WarmProcess):
    run = train(machine, None, backup=new_name(), hold_at=0)
    assert finish(run) == "finished"
    assert notices(run) == [uploader.NO_TOKEN]


def test_public_repository_is_refused_before_the_first_step(hub: Hub, machine: WarmProcess, tmp_path: Path):
    repo = hub.make(new_name(), {"README.md": b"Mine."})
    environment = machine.environment | {"HF_TOKEN": TOKEN, "SELFSUP_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "training", "toy", "fit", "--backup", repo],
        env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and f"{repo} is public: a backup holds your data" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_weights_of_this_machine_and_a_missing_token_are_refused_first(tmp_path: Path):
    for model in ("toy-0123456789abcdef", str(tmp_path)):
        with pytest.raises(UserError, match="is on this machine only"):
            uploader.check(toy_settings(backup="alice/x", model=model), {}, TOKEN)
    with pytest.raises(UserError, match="you are not signed in"):
        uploader.check(toy_settings(backup="alice/x"), {}, None)
    with pytest.raises(UserError, match="backup: 'alice' was given"):
        toy_settings(backup="alice")


def test_on_a_space_a_trainer_never_inherits_a_token(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SYSTEM", "spaces")
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_space")
    assert "HF_TOKEN" not in child_environment()
    assert child_environment({"HF_TOKEN": "hf_visitor"})["HF_TOKEN"] == "hf_visitor"


def test_token_is_in_no_file(killed: Run, home: Path):
    assert {"log.txt", "events.jsonl", "config.yaml"} <= {path.name for path in killed.folder.iterdir()}
    assert secret_in(home) == []


def secret_in(folder: Path) -> list[Path]:
    """Files that the token is in."""
    return [path for path in folder.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
