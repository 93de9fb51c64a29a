"""What a dataset of the Hub becomes, and what is no dataset."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import loopback
from training.data.hub_dataset import load_hub_dataset
from training.errors import UserError

url = loopback.url  # a fixture


@pytest.mark.parametrize("name", ["../x", "a/b/c", "/etc", "a/b:c:d", "tests", "csv", ""])
def test_name_that_could_read_this_machine_is_no_dataset(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    with pytest.raises(UserError, match="no dataset of the Hub"):
        load_hub_dataset(name, "train")


def in_child(code: str, **environment: str) -> str:
    """Run code that must meet its environment before the Hub's client is imported."""
    env = {**os.environ, **environment, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


def test_hub_out_of_reach_is_said_in_a_sentence(tmp_path: Path) -> None:
    code = "from training.data.hub_dataset import load_hub_dataset; load_hub_dataset('owner/reviews', 'train')"
    assert "UserError: The Hub could not be reached" in in_child(code, HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path))


def test_hub_dataset_arrives_with_its_class_names(url: str, tmp_path: Path) -> None:
    code = """
import datasets
from training.data.hub_dataset import load_hub_dataset
features = datasets.Features(text=datasets.Value("string"), label=datasets.ClassLabel(names=["bad", "good"]))
rows = datasets.Dataset.from_dict({"text": ["a", "b", "c"], "label": [1, 0, -1]}, features=features)
rows.push_to_hub("alice/reviews")
table = load_hub_dataset("alice/reviews", "train")
print(table.strings("label"), table.source, len(table.fingerprint))
try:
    load_hub_dataset("alice/nothing", "train")
except ValueError as error:
    print(error)
"""
    output = in_child(code, HF_ENDPOINT=url, HF_TOKEN="hf_alice_write", HF_HOME=str(tmp_path))
    assert "['good', 'bad', None] alice/reviews 16" in output
    assert "There is no dataset alice/nothing on the Hub" in output


@pytest.mark.parametrize("place", ["local", "url", "parent"])
def test_card_that_names_files_outside_its_repository_is_refused(url: str, tmp_path: Path, place: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("text\npassword\n")
    named = {"local": str(secret), "url": "http://127.0.0.1:9/x.csv", "parent": "../../other/x.csv"}[place]
    card = f"---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: {named}\n---\n"
    code = f"""
from huggingface_hub import HfApi
from training.data.hub_dataset import load_hub_dataset
from training.data.streams.hub_shards import find_shards
api = HfApi()
api.create_repo("alice/outside-{place}", repo_type="dataset")
for name, text in [("own.csv", "text\\na\\n"), ("README.md", {card!r})]:
    api.upload_file(path_or_fileobj=text.encode(), path_in_repo=name, repo_id="alice/outside-{place}", repo_type="dataset")
for read in (lambda: print(load_hub_dataset("alice/outside-{place}", "train").strings("text")), lambda: find_shards("alice/outside-{place}")):
    try:
        read()
    except ValueError as error:
        print(error)
"""
    output = in_child(code, HF_ENDPOINT=url, HF_TOKEN="hf_alice_write", HF_HOME=str(tmp_path / "hf"))
    assert output.count(f"alice/outside-{place} names a file outside its repository, {named[:100]}") == 2, output
    assert "password" not in output


def test_card_that_names_its_own_files_is_read(url: str, tmp_path: Path) -> None:
    card = "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: data/*.csv\n---\n"
    code = f"""
from huggingface_hub import HfApi
from training.data.hub_dataset import load_hub_dataset
api = HfApi()
api.create_repo("alice/inside", repo_type="dataset")
for name, text in [("data/own.csv", "text\\nits own\\n"), ("README.md", {card!r})]:
    api.upload_file(path_or_fileobj=text.encode(), path_in_repo=name, repo_id="alice/inside", repo_type="dataset")
print(load_hub_dataset("alice/inside", "train").strings("text"))
"""
    output = in_child(code, HF_ENDPOINT=url, HF_TOKEN="hf_alice_write", HF_HOME=str(tmp_path / "hf"))
    assert "['its own']" in output, output
