"""A card says what a reader needs, the Hub takes it, and nothing private or hostile gets through it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st

from tests import loopback
from tests.loopback import Hub
from tests.page import TINY, write_table
from training.artifact import learning_curves, model_card, store
from training.cli.main import main

url, hub = loopback.url, loopback.hub  # fixtures
SECRET_TEXT, SECRET_FOLDER, TOKEN = "zanzibarian quokka diaries", "folder-of-jane-doe", "hf_TheTokenOfJaneDoe"


def train(folder: Path, data: Path, **settings: Any) -> Path:
    """A tiny classifier by the command line; returns the artifact."""
    values = {**TINY, **settings}
    flags = [text for name, value in values.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    assert main(["bert_finetune", "classify", "--data", str(data), "--folder", str(folder), *flags]) == 0
    return folder / "artifact"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / SECRET_FOLDER
    folder.mkdir()
    rows = [(f"{SECRET_TEXT} {row}", ["good", "bad"][row % 2]) for row in range(60)]
    data = write_table(folder / "reviews.csv", [("text", "label"), *rows])
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HF_TOKEN", TOKEN)
        train(folder / "run", data)
    return folder / "run"


@pytest.fixture(scope="module")
def text(run: Path) -> str:
    return model_card.render(store.read_record(run / "artifact"), "alice/reviews", "curves.png")


def test_client_reads_metrics_with_their_data_and_the_licence(text: str):
    about = ModelCard(text).data
    assert (about.license, about.library_name, about.pipeline_tag) == (
        "apache-2.0", "transformers", "text-classification",
    )  # fmt: skip
    assert about.eval_results
    found = {each.metric_type: each for each in about.eval_results}
    assert set(found) == {"accuracy", "macro_f1", "loss"}
    assert found["accuracy"].dataset_split == "validation"


def test_hub_finds_the_card_valid(text: str, hub: Hub, tmp_path: Path):
    (tmp_path / "README.md").write_text(text)
    check = f"from huggingface_hub import ModelCard; ModelCard.load({str(tmp_path / 'README.md')!r}).validate()"
    subprocess.run([sys.executable, "-c", check], env=hub.environment(), check=True)


@pytest.mark.parametrize(
    "said",
    [
        'model="alice/reviews"', "| accuracy |", "baseline: most frequent label", "![Learning curves](curves.png)",
        "reviews.csv", "| rows | 54 |", "| seed | 0 |", "Its labels: bad, good.", "| torch |", "It was trained on 54 rows only.",
        "Devlin et al., 2019",
    ],
)  # fmt: skip
def test_reader_finds(text: str, said: str):
    assert said in text


def test_no_path_token_or_row_is_in_an_artifact(run: Path, text: str):
    """Word pieces of the texts are the vocabulary of a tokenizer made from them: only whole texts can be missing from it."""
    written = [path for path in (run / "artifact").rglob("*") if path.is_file()]
    contents = [path.read_bytes().decode(errors="replace") for path in written] + [text]
    for private in (SECRET_TEXT, SECRET_FOLDER, TOKEN, str(run.parent)):
        assert [content[:80] for content in contents if private in content] == []


def test_usage_of_the_card_runs(run: Path, text: str):
    snippet = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert snippet
    code = snippet[1].replace("alice/reviews", str(run / "artifact"))
    done = subprocess.run([sys.executable, "-c", code], cwd="/", capture_output=True, text=True, check=False)
    assert "'label'" in done.stdout, done.stderr


def test_training_on_keeps_the_lineage_the_base_and_the_licence(run: Path, tmp_path: Path):
    base = tmp_path / "base"
    base.mkdir()
    for path in (run / "artifact").iterdir():
        (base / path.name).write_bytes(path.read_bytes())
    (base / "README.md").write_text("---\nlicense: mit\n---\n")
    record = store.read_record(base) | {"base_model": "google-bert/bert-base-uncased"}
    (base / store.RECORD).write_text(json.dumps(record))
    settings = {"model": str(base), "steps": 1}
    found = store.read_record(train(tmp_path / "second", run.parent / "reviews.csv", **settings))
    assert (found["license"], found["base_model"]) == ("mit", "google-bert/bert-base-uncased")
    assert found["lineage"] == ["BERT: Classify, trained on reviews.csv"]
    matter = ModelCard(model_card.render(found)).data
    assert (matter.license, matter.base_model) == ("mit", "google-bert/bert-base-uncased")
    assert str(tmp_path) not in model_card.render(found)


@given(st.lists(st.text(max_size=30), min_size=1, max_size=4), st.text(max_size=30))
def test_hostile_names_stay_text(labels: list[str], name: str):
    hostile = [*labels, "a|b\n---\nlicense: evil\n", "</td><script>alert(1)</script>", "![x](http://evil)", "```"]
    record = {
        "plugin": "bert_finetune", "title": name, "metrics": {"accuracy": 0.5}, "card": {"license": "mit"},
        "data": {"data": name}, "facts": {"labels": hostile, "rows": 3},
    }  # fmt: skip
    text = model_card.render(record)
    matter = yaml.safe_load(text.split("---\n")[1])
    assert matter["license"] == "mit"
    body = text.split("---\n", 2)[2]
    assert "<script>" not in body and "![x](" not in body
    assert [line for line in body.splitlines() if line.startswith(("---", "```"))] == []


def test_curves_are_a_small_picture_of_the_runs_own_events(run: Path):
    image = learning_curves.plot(run / "events.jsonl")
    assert image and image.startswith(b"\x89PNG") and len(image) < 80_000


def test_run_without_an_evaluation_has_no_picture(tmp_path: Path):
    assert learning_curves.plot(tmp_path / "events.jsonl") is None
