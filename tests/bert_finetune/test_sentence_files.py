"""Sentence encoders are recognised by their own files, wherever they lie; broken and hostile ones are refused in words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from transformers import BertModel

from plugins.bert_finetune import PLUGIN
from plugins.bert_finetune.classify.settings import ClassifySettings
from plugins.bert_finetune.encode.task import write_pooling
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.mean_pooling import MEAN
from plugins.bert_finetune.sentence_files import mean_pooling_file
from tests.bert_models import WORDS, build, tiny_encoder
from tests.files import write
from training.cli.decide import decide_settings
from training.errors import UserError
from training.preflight.auto import Decision
from training.settings import parse_settings

COMMIT = "89abcdef" * 5
MODULES = [
    {"type": "sentence_transformers.models.Transformer", "path": ""},
    {"type": "sentence_transformers.sentence_transformer.modules.pooling.Pooling", "path": "2_Pool"},
]


def put(folder: Path, files: dict[str, Any]) -> Path:
    """Write JSON files; a text is written as it is."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write(folder / name, content if isinstance(content, str) else json.dumps(content))
    return folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder with a name that says nothing, as sentence-transformers 6 writes it."""
    folder = tmp_path_factory.mktemp("weights") / "mine"
    model, tokenizer = tiny_encoder(BertModel)
    for weight in model.parameters():  # random weights of a size at which tokens have different vectors
        torch.nn.init.normal_(weight, std=0.3) if weight.ndim > 1 else None
    loading.save_pretrained(model, tokenizer, folder, half=False)
    return put(folder, {"modules.json": MODULES, "2_Pool/config.json": {"pooling_mode": "mean"}})


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = [f"{word} {row},{name}" for name, words in WORDS.items() for word in words.split() for row in range(4)]
    return write(tmp_path_factory.mktemp("rows") / "rows.csv", "text,label\n" + "\n".join(lines) + "\n")


def decided(model: str, rows: Path, pulls: bool = True) -> Decision:
    settings = parse_settings(ClassifySettings, {"data": str(rows), "model": model})
    kind = PLUGIN.kind("classify")
    return decide_settings(PLUGIN, kind, kind.read(settings), settings, pulls)


def test_an_encoder_in_a_folder_is_recognised_and_pooled_by_the_mean(encoder: Path, rows: Path):
    choice = decided(str(encoder), rows).choices["contrastive"]
    assert choice.value == "on" and choice.reason.endswith("the sentence encoder mine, by its 2_Pool/config.json")
    made = build("classify", parse_settings(ClassifySettings, {"data": str(rows), "model": str(encoder)}))
    assert made.pooling == MEAN
    told = next(finding for finding in made.findings() if finding.title == "Pooling: mean")
    assert told.detail.startswith("mine is a sentence encoder, by its 2_Pool/config.json")


def test_an_encoder_in_the_cache_is_recognised_without_the_hub(encoder: Path, rows: Path):
    repository = Path(constants.HF_HUB_CACHE) / "models--owner--encoder"
    shutil.copytree(encoder, repository / "snapshots" / COMMIT)
    put(repository, {"refs/main": COMMIT})
    try:
        choice = decided("owner/encoder", rows, pulls=False).choices["contrastive"]
    finally:
        shutil.rmtree(repository)
    assert choice.reason.endswith(f"the sentence encoder owner/encoder@{COMMIT[:12]}, by its 2_Pool/config.json")
    assert decided("owner/encoder", rows, pulls=False).choices["contrastive"].value == "off"  # nothing says so now


def test_what_the_plugin_trains_itself_is_recognised(tmp_path: Path):
    write_pooling(tmp_path, 8, 16)
    assert mean_pooling_file(tmp_path) == "1_Pooling/config.json"


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"1_Pooling/config.json": {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}},
        {"1_Pooling/config.json": {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}},  # side by side
        {"1_Pooling/config.json": {"pooling_mode": ["mean", "max"]}},
        {"1_Pooling/config.json": {"pooling_mode": 5}},
        {"modules.json": MODULES},
        {"modules.json": [1, None, {}], "1_Pooling/config.json": {"pooling_mode": "mean"}},  # nothing pools
    ],
)
def test_other_weights_are_none(tmp_path: Path, files: dict[str, Any]):
    assert mean_pooling_file(put(tmp_path, files)) == ""


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"modules.json": "{"}, "modules.json of .* is not valid JSON"),
        ({"modules.json": {}}, "modules.json of .* should hold a list"),
        ({"modules.json": "[" * 100_000}, "modules.json of .* is nested too deeply"),
        ({"1_Pooling/config.json": []}, "1_Pooling/config.json of .* should hold an object"),
        ({"1_Pooling/config.json": "\0"}, "1_Pooling/config.json of .* is not valid JSON"),
        *(
            ({"modules.json": [{"type": "x.Pooling", "path": path}]}, "names no subfolder for its pooling")
            for path in ("..", "../other", "/etc", 7, ["a"], "a" * 5000)
        ),
    ],
)
def test_broken_and_hostile_files_are_refused_in_words(tmp_path: Path, files: dict[str, Any], message: str):
    with pytest.raises(UserError, match=f"{message}.*or set pooling and contrastive yourself"):
        mean_pooling_file(put(tmp_path, files))


def test_settings_of_ones_own_need_no_such_file(encoder: Path, rows: Path, tmp_path: Path):
    broken = put(Path(shutil.copytree(encoder, tmp_path / "broken")), {"modules.json": "{"})
    with pytest.raises(UserError, match=r"^modules\.json of broken is not valid JSON"):
        decided(str(broken), rows)
    settings = {"data": str(rows), "model": str(broken), "pooling": "mean", "contrastive": "off"}
    assert build("classify", parse_settings(ClassifySettings, settings)).pooling == MEAN
