"""What "Copy as" gives starts the run that the form would start: the same settings, the same weights to the bit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plugins.bert_finetune.classify.settings import ClassifySettings
from spaces_app.panels import copy_as
from spaces_app.panels.settings_form import settings_values
from spaces_app.services.run_request import RunRequest
from tests import page
from tests.page import TINY, Site, fire, write_reviews
from tests.running import finish, weights
from training.home import RUN_ID
from training.runs.registry import Runs
from training.runs.run import Run

client, reviews, site = page.client, page.reviews, page.site_of("bert_finetune")  # fixtures

# What somebody chose: every kind of field, a name with a space and one with a dash, a number emptied, one left as it was.
CHOSEN = {
    **TINY, "text_column": "-the text", "label_column": "kind of review", "label_separator": " ", "drop_leaked": False,
    "class_weights": "balanced", "dropout": 0.25, "learning_rate": 1e-3, "weight_decay": 0, "max_grad_norm": None,
    "schedule": "cosine", "seed": 7, "warmup_ratio": 0.06,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where somebody has their two files, one of them with an awkward name."""
    folder = tmp_path_factory.mktemp("mine")
    for name, rows in (("my reviews (1).csv", 32), ("-held out.csv", 12)):
        table = write_reviews(folder / name, rows)
        table.write_text(table.read_text().replace("text,label", "-the text,kind of review"))
    return folder


@pytest.fixture(scope="module")
def form(folder: Path) -> RunRequest:
    """What the form's components hold, read as the page reads them."""
    values = {name: field.default for name, field in ClassifySettings.model_fields.items()}
    files = {"data": str(folder / "my reviews (1).csv"), "eval_data": str(folder / "-held out.csv")}
    return RunRequest("bert_finetune", "classify", *settings_values(ClassifySettings, {**values, **CHOSEN, **files}))


@pytest.fixture(scope="module")
def started(site: Site, form: RunRequest) -> Run:
    """The run that the form itself starts."""
    run = Runs().get(site.services.runs.train(form, "me")["id"])
    assert finish(run) == "finished"
    return run


def in_shell(command: str, folder: Path) -> Run:
    """Paste a command into a shell in that folder; the run whose id it prints."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Runs().get(RUN_ID.findall(done.stdout)[-1])


def same(run: Run, other: Run) -> bool:
    assert run.config() == other.config()
    return weights(run.folder) == weights(other.folder)


def test_form_leaves_out_what_is_as_by_default(form: RunRequest):
    assert form.values == {
        name: value for name, value in CHOSEN.items() if name not in ("max_grad_norm", "warmup_ratio")
    }


def test_copied_python_starts_the_same_run(site: Site, form: RunRequest, folder: Path, started: Run):
    script = copy_as.as_python(form, site.url)
    (folder / "train_with_gradio.py").write_text(script)
    assert same(in_shell("python train_with_gradio.py", folder), started)


def test_copied_command_starts_the_same_run(form: RunRequest, folder: Path, started: Run):
    assert same(in_shell(copy_as.as_command(form), folder), started)


@pytest.mark.slow
def test_copied_yaml_starts_the_same_run(form: RunRequest, folder: Path, started: Run):
    text = copy_as.as_yaml(form)
    (folder / "run.yaml").write_text(text)
    command = next(line for line in text.splitlines() if "--config" in line).split("there: ")[1]
    assert same(in_shell(command, folder), started)


def test_a_shared_server_tells_nobody_where_it_lies(form: RunRequest):
    for text in (copy_as.as_command(form, shared=True), copy_as.as_yaml(form, shared=True)):
        assert str(copy_as.ROOT) not in text and sys.executable not in text
        assert "in the folder of Selfsup Studio" in text and "python -m training bert_finetune classify" in text


def test_copied_python_names_the_server_that_the_page_came_from(site: Site):
    events: Any = site.demo.get_config_file()["dependencies"]  # type: ignore[typeddict-item]
    expanded = next(each for each in events if "expand" in [t[1] for t in each["targets"]])
    values = [site.demo.blocks[number].value for number in expanded["inputs"]]  # type: ignore[attr-defined]
    answer = fire(site, expanded["id"], *values, headers={"origin": "https://me-studio.hf.space"})
    assert "Client('https://me-studio.hf.space')" in answer["output"]["data"][0]
