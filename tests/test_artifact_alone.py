"""What is pushed opens in the library its users know, in a process that cannot import this project."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from plugins.bert_finetune.classify.predictor import Classifier
from tests import loopback
from tests.loopback import Hub
from tests.page import write_reviews
from tests.test_card import train

pytestmark = loopback.needs_hub
url, hub = loopback.url, loopback.hub  # fixtures
TEXT = "a warm and funny film"
ALONE = """
import json
try:
    import training
    raise SystemExit("this process knows the project")
except ImportError:
    pass
"""
CLASSIFIER = """
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
found = pipeline("text-classification", model={repo!r}, top_k=None)([{text!r}])[0]
model = AutoModelForSequenceClassification.from_pretrained({repo!r})
logits = model(**AutoTokenizer.from_pretrained({repo!r})({text!r}, return_tensors="pt")).logits.softmax(-1)[0]
print(json.dumps([{{one["label"]: one["score"] for one in found}}, {{model.config.id2label[i]: float(p) for i, p in enumerate(logits)}}]))
"""


@dataclass(frozen=True)
class Family:
    """A trainer's settings, and the lines that open its weights with the library they are for."""

    settings: dict
    opens: str


FAMILIES = {"classify": Family({}, CLASSIFIER), "classify with adapters": Family({"lora_rank": 2}, CLASSIFIER)}


@pytest.mark.parametrize("name", FAMILIES)
def test_pushed_weights_open_without_this_project(name: str, hub: Hub, tmp_path: Path):
    weights = train(tmp_path / "run", write_reviews(tmp_path / "reviews.csv"), **FAMILIES[name].settings)
    repo = f"alice/{name.replace(' ', '-')}"
    assert "result" in hub.call("push", weights, repo, token="hf_alice_write")
    code = ALONE + FAMILIES[name].opens.format(repo=repo, text=TEXT)
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd="/", env=hub.environment() | {"HF_TOKEN": "hf_alice_read"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ours = Classifier.load(weights).classify(TEXT)["probabilities"]
    for theirs in json.loads(done.stdout.splitlines()[-1]):
        assert theirs == pytest.approx(ours, abs=1e-5)


def test_artifact_holds_nothing_pickled(tmp_path: Path):
    weights = train(tmp_path / "run", write_reviews(tmp_path / "reviews.csv"))
    assert {path.suffix for path in weights.rglob("*") if path.is_file()} <= {".safetensors", ".json", ".txt", ".md"}
