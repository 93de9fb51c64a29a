"""Sentence encoders are recognised by their own files, wherever they lie; broken and hostile ones are refused in words."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from huggingface_hub import constants
from transformers import AutoTokenizer, BertModel

from plugins.bert_finetune import PLUGIN
from plugins.bert_finetune.classify.predictor import load as load_classifier
from plugins.bert_finetune.classify.settings import ClassifySettings
from plugins.bert_finetune.encode.predictor import load
from plugins.bert_finetune.encode.task import write_pooling
from plugins.bert_finetune.label import desk
from plugins.bert_finetune.label.vector_cache import cached_vectors
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.sentence_files import CLS, MEAN, SentencePooling, sentence_pooling
from tests.bert_models import WORDS, build, tiny_encoder
from tests.files import write
from training.cli.decide import decide_settings
from training.errors import UserError
from training.fit.experiment import run_task
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
    assert sentence_pooling(tmp_path) == SentencePooling(MEAN, "1_Pooling/config.json", is_normalised=False)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"1_Pooling/config.json": {"pooling_mode_max_tokens": True, "pooling_mode_mean_tokens": False}},
        {"1_Pooling/config.json": {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}},  # side by side
        {"1_Pooling/config.json": {"pooling_mode": ["mean", "max"]}},
        {"1_Pooling/config.json": {"pooling_mode": 5}},
        {"modules.json": MODULES},
        {"modules.json": [1, None, {}], "1_Pooling/config.json": {"pooling_mode": "mean"}},  # nothing pools
    ],
)
def test_other_weights_are_none(tmp_path: Path, files: dict[str, Any]):
    assert sentence_pooling(put(tmp_path, files)) is None


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
    with pytest.raises(UserError, match=f"{message}.*to train, you can also set pooling and contrastive yourself"):
        sentence_pooling(put(tmp_path, files))


def test_settings_of_ones_own_need_no_such_file(encoder: Path, rows: Path, tmp_path: Path):
    broken = put(Path(shutil.copytree(encoder, tmp_path / "broken")), {"modules.json": "{"})
    with pytest.raises(UserError, match=r"^modules\.json of broken is not valid JSON"):
        decided(str(broken), rows)
    settings = {"data": str(rows), "model": str(broken), "pooling": "mean", "contrastive": "off"}
    assert build("classify", parse_settings(ClassifySettings, settings)).pooling == MEAN


# -- both poolings, as sentence-transformers defines them ------------------------------------------------------------------

TEXTS = ["ruby brick", "sky", "grass leaf lime emerald", "cherry sea"]
OF_SENTENCE_TRANSFORMERS = {
    MEAN: {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True},
    CLS: {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False},
}


def pooled_folder(encoder: Path, folder: Path, mode: str, normalises: bool) -> Path:
    shutil.copytree(encoder, folder, ignore=shutil.ignore_patterns("modules.json", "2_Pool"))
    names = [("", "Transformer"), ("1_Pooling", "Pooling"), *([("2_Normalize", "Normalize")] if normalises else [])]
    modules = [{"path": path, "type": f"sentence_transformers.models.{kind}"} for path, kind in names]
    return put(folder, {"modules.json": modules, "1_Pooling/config.json": OF_SENTENCE_TRANSFORMERS[mode]})


def by_hand(folder: Path, mode: str, normalises: bool) -> np.ndarray:
    """What `SentenceTransformer(folder).encode(TEXTS)` computes: network, pooling, normalisation."""
    model, tokenizer = BertModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**batch).last_hidden_state
    mask = batch["attention_mask"][:, :, None].float()
    vectors = hidden[:, 0] if mode == CLS else (hidden * mask).sum(1) / mask.sum(1)
    return (torch.nn.functional.normalize(vectors, dim=1) if normalises else vectors).numpy()


@pytest.mark.parametrize("normalises", [False, True])
@pytest.mark.parametrize("mode", [MEAN, CLS])
def test_vectors_are_those_of_sentence_transformers(encoder: Path, tmp_path: Path, mode: str, normalises: bool):
    folder = pooled_folder(encoder, tmp_path / "encoder", mode, normalises)
    expected = by_hand(folder, mode, normalises)
    model = load(folder)
    assert np.abs(model.vectors(TEXTS) - expected).max() < 1e-5
    assert np.abs(np.array(model.embed(TEXTS[0])) - expected[0]).max() < 1e-5
    lengths = np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.abs(model.compare(TEXTS, TEXTS[:2]) - (expected / lengths) @ (expected / lengths)[:2].T).max() < 1e-5
    assert np.abs(cached_vectors(model, tuple(TEXTS)) - expected / lengths).max() < 1e-3  # kept in 16 bits


def test_the_two_poolings_do_not_share_kept_vectors(encoder: Path, tmp_path: Path):
    vectors = [cached_vectors(load(pooled_folder(encoder, tmp_path / mode, mode, True)), TEXTS) for mode in (MEAN, CLS)]
    assert np.abs(vectors[0] - vectors[1]).max() > 0.1


@pytest.mark.parametrize("mode", [MEAN, CLS])
def test_a_classifier_s_head_reads_the_vector_that_the_files_name(encoder: Path, rows: Path, tmp_path: Path, mode: str):
    folder = pooled_folder(encoder, tmp_path / "encoder", mode, True)
    choice = decided(str(folder), rows).choices["contrastive"]
    assert choice.value == "on" and choice.reason.endswith("by its 1_Pooling/config.json")
    task = build("classify", parse_settings(ClassifySettings, {"data": str(rows), "model": str(folder)}))
    title = {MEAN: "Pooling: mean", CLS: "Pooling: first token"}[mode]
    assert any(finding.title == title for finding in task.findings())
    read: list[torch.Tensor] = []
    task.model.eval().classifier.register_forward_pre_hook(lambda _, given: read.append(given[0]))
    batch = task.tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        task.model(**batch)
    expected = torch.as_tensor(by_hand(folder, mode, False))
    cosines = torch.nn.functional.cosine_similarity(
        read[0] - read[0].mean(1, keepdim=True), expected - expected.mean(1, keepdim=True)
    )
    assert cosines.min() > 0.999  # but for a layer norm of the mean, and a tanh that is almost linear


def test_labels_of_an_encoder_of_the_first_token_are_kept_as_a_run_that_answers_as_the_page(
    encoder: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SELFSUP_HOME", str(tmp_path / "home"))
    folder = pooled_folder(encoder, tmp_path / "encoder", CLS, True)
    model = load(folder)
    state = desk.start(model, rows, "", "", {})
    kept = desk.keep(model, str(folder), state)
    held = {"data": str(kept.files["data"]), "eval_data": str(rows), "drop_leaked": False}
    settings: Any = parse_settings(ClassifySettings, {**kept.settings, **held})
    run = tmp_path / "run"
    run.mkdir()
    assert run_task(build("classify", settings), settings.with_usual(), run, {"card": {}})
    table = desk.write(model, state).read_text(encoding="utf-8")
    labelled = list(csv.DictReader(table.splitlines()))
    classifier = load_classifier(run / "artifact")
    said = [classifier.classify(row["text"])["label"] for row in labelled]
    assert said == [row["predicted_label"] for row in labelled] and len({*said}) == 3
    assert classifier.pools_first
