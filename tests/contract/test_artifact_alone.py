"""What is pushed opens in the library its users know, in a process that cannot import this project."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import loopback
from tests.bert_models import load
from tests.files import write
from tests.loopback import Hub
from tests.page import TINY, write_reviews
from training.cli.main import main

pytestmark = pytest.mark.slow  # 20 s: five kinds are trained, then opened by a process that imports transformers
url, hub = loopback.url, loopback.hub  # fixtures
ALONE = """
import json
try:
    import training
    raise SystemExit("this process knows the project")
except ImportError:
    pass
from transformers import *
"""
CLASSIFIER = """
found = pipeline("text-classification", model=REPO, top_k=None)(["a warm and funny film"])[0]
model = AutoModelForSequenceClassification.from_pretrained(REPO)
logits = model(**AutoTokenizer.from_pretrained(REPO)("a warm and funny film", return_tensors="pt")).logits.softmax(-1)[0]
assert all(abs(one["score"] - float(logits[model.config.label2id[one["label"]]])) < 1e-5 for one in found)
print(json.dumps({one["label"]: one["score"] for one in found}))
"""
HIDDEN_WORDS = """
found = pipeline("fill-mask", model=REPO, top_k=3)("a warm [MASK] film")
AutoModelForNextSentencePrediction.from_pretrained(REPO)
print(json.dumps({one["token_str"]: one["score"] for one in found}))
"""
TAGGER = """
model, tokenizer = AutoModelForTokenClassification.from_pretrained(REPO), AutoTokenizer.from_pretrained(REPO)
found = pipeline("token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="first")("mister anna went")
print(json.dumps({f"{one['start']} {one['entity_group']}": float(one["score"]) for one in found}))
"""
READER = """
model, tokenizer = AutoModelForQuestionAnswering.from_pretrained(REPO), AutoTokenizer.from_pretrained(REPO)
out = model(**tokenizer("who ?", "anna was there", return_tensors="pt"))
both = [each[0, 4:7].double() for each in (out.start_logits, out.end_logits)]  # of the context's three words
spans = {(i, j): float(both[0][i] + both[1][j]) for i in range(3) for j in range(i, 3)}
(i, j), best = max(spans.items(), key=lambda item: item[1])
import math
print(json.dumps({" ".join("anna was there".split()[i : j + 1]): math.exp(best) / sum(map(math.exp, spans.values()))}))
"""
TRANSLATOR = """
model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(REPO), AutoTokenizer.from_pretrained(REPO)
inputs = tokenizer("the dog", return_tensors="pt", return_token_type_ids=False)
out = model.generate(**inputs, num_beams=4, num_return_sequences=1, max_length=32, early_stopping=True, return_dict_in_generate=True, output_scores=True)
print(json.dumps({tokenizer.decode(out.sequences[0], skip_special_tokens=True).strip(): float(out.sequences_scores[0])}))
"""

EMBEDDER = """
from transformers import AutoModel
model, tokenizer = AutoModel.from_pretrained(REPO), AutoTokenizer.from_pretrained(REPO)
vector = model(**tokenizer("a warm film", return_tensors="pt")).last_hidden_state[0].mean(0)
print(json.dumps({str(number): float(value) for number, value in enumerate(vector[:4])}))
"""


@dataclass(frozen=True)
class Family:
    """A trainer with its data and settings, the lines that open its weights alone, and what we say of the same input."""

    trainer: str
    opens: str
    ours: Callable[[Any], dict[str, float]]
    data: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


def classified(model: Any) -> dict[str, float]:
    return model.classify("a warm and funny film")["probabilities"]


FAMILIES = {
    "classify": Family("classify", CLASSIFIER, classified),
    "classify-with-adapters": Family("classify", CLASSIFIER, classified, settings={"lora_rank": 2}),
    "pretrain": Family(
        "pretrain",
        HIDDEN_WORDS,
        lambda model: {one["word"]: one["probability"] for one in model.fill_mask("a warm [MASK] film", 3)["masks"][0]},
    ),
    "encode": Family(
        "encode", EMBEDDER, lambda model: {str(n): value for n, value in enumerate(model.embed("a warm film")[:4])}
    ),
    "tag": Family(
        "tag",
        TAGGER,
        lambda model: {f"{one['start']} {one['label']}": one["probability"] for one in model.tag("mister anna went")["entities"]},
        data="mister O\nanna B-name\nwent O\n\n" * 40,
        settings={"steps": 30, "learning_rate": 0.01},
    ),
    "answer": Family(
        "answer",
        READER,
        lambda model: {(found := model.answer("who ?", "anna was there"))["answer"]: found["probability"]},
        data="question,context,answer\n" + "who ?,anna was there,anna\n" * 40,
    ),
    "translate": Family(
        "translate",
        TRANSLATOR,
        lambda model: {(found := model.translate("the dog", 4, 0))["translation"]: found["score"]},
        data="a,b\n" + "".join(f"the dog {i},der Hund {i}\n" for i in range(40)),
        settings={"steps": 60, "learning_rate": 0.01},
    ),
}  # fmt: skip


def train(family: Family, folder: Path) -> Path:
    """A tiny run by the command line; returns the artifact."""
    data = write(folder / "data.txt", family.data) if family.data else write_reviews(folder / "reviews.csv")
    values = {**TINY, "max_length": 32, **family.settings}
    flags = [text for name, value in values.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    assert main(["bert_finetune", family.trainer, "--data", str(data), "--folder", str(folder / "run"), *flags]) == 0
    return folder / "run" / "artifact"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The artifact of each family."""
    return {name: train(family, tmp_path_factory.mktemp(name)) for name, family in FAMILIES.items()}


@pytest.fixture(scope="module")
def theirs(weights: dict[str, Path], url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    """What the library says of each family's input, in one process, from the Hub."""
    hub = Hub(url, tmp_path_factory.mktemp("hub"))
    for name, folder in weights.items():
        assert "result" in hub.call("push", folder, f"alice/{name}", token="hf_alice_write")
    code = ALONE + "".join(each.opens.replace("REPO", repr(f"alice/{name}")) for name, each in FAMILIES.items())
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd="/", env=hub.environment() | {"HF_TOKEN": "hf_alice_read"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return dict(zip(FAMILIES, said, strict=True))


@pytest.mark.parametrize("name", FAMILIES)
def test_pushed_weights_say_the_same_without_this_project(name: str, weights: dict[str, Path], theirs: dict) -> None:
    ours = FAMILIES[name].ours(load(weights[name]))
    assert ours and theirs[name] == pytest.approx(ours, abs=1e-5)


@pytest.mark.parametrize("name", FAMILIES)
def test_artifact_holds_nothing_pickled(name: str, weights: dict[str, Path]) -> None:
    kinds = {path.suffix for path in weights[name].rglob("*") if path.is_file()}
    assert kinds <= {".safetensors", ".json", ".txt", ".md"}
