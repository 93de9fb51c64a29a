"""Adapters of a sentence encoder: trained by LoRA, kept alone in peft's form, merged into the encoder before use.

A tiny BERT stands for all-MiniLM-L6-v2.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModel, AutoModelForQuestionAnswering, BertModel

from plugins.bert_finetune import PLUGIN, starter
from plugins.bert_finetune.answer.endpoints import Answer
from plugins.bert_finetune.models.loading import save_pretrained
from plugins.bert_finetune.ui.answered_by import Starters
from tests.bert_models import WORDS, build, load, tiny_encoder
from tests.files import write
from training.artifact import store
from training.cli import starter as recipes
from training.cli.main import main
from training.errors import UserError
from training.fit.loop import fit
from training.nn import adapters
from training.preflight.auto import count_parameters
from training.runs.registry import Runs
from training.settings import parse_settings
from training.weights import resolve_weights

COMMON = {"steps": 12, "batch_size": 8, "learning_rate": 0.01, "lora_rank": 2, "precision": "fp32", "max_length": 32}
TEXTS = [f"{word} {other}" for words in WORDS.values() for word in words.split() for other in words.split()]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _installed(encoder: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder is here, and every test has the same home."""
    monkeypatch.setattr(starter, "MINILM", (encoder,))
    monkeypatch.setenv("SELFSUP_HOME", str(home))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package") / starter.SENTENCES
    save_pretrained(*tiny_encoder(BertModel), folder, half=False)
    return folder


def data_of(kind: str, folder: Path) -> str:
    """A file that the kind can be trained on."""
    if kind == "classify":
        rows = [f"{text},{label}" for label, words in WORDS.items() for text in TEXTS if text.split()[0] in words]
        return str(write(folder / "colours.csv", "\n".join(["text,label", *rows])))
    if kind == "tag":
        rows = [{"tokens": text.split(), "ner_tags": ["B-first", "O"]} for text in TEXTS]
    else:
        rows = [{"question": "grass ?", "context": f"sky {text}", "answer": text.split()[0]} for text in TEXTS]
    return str(write(folder / f"{kind}.jsonl", "\n".join(map(json.dumps, rows))))


def trained(kind: str, encoder: Path, folder: Path, **values: Any) -> Path:
    """The artifact of a short run of adapters."""
    given = {**COMMON, "data": data_of(kind, folder), "model": str(encoder), **values}
    settings: Any = parse_settings(PLUGIN.kind(kind).trained_by, given)
    fit(build(kind, settings), settings, folder, {"plugin": PLUGIN.name, "trainer": kind})
    return folder / "artifact"


@pytest.fixture(scope="module")
def made(encoder: Path, home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make starter` makes of a recipe that trains adapters."""
    folder = tmp_path_factory.mktemp("recipe")
    recipe = folder / "plugins" / "bert_finetune" / "starter" / "recipe"
    recipe.mkdir(parents=True)
    settings = {**COMMON, "data": Path(data_of("answer", folder)).name, "model": str(encoder)}
    names = {"plugin": "bert_finetune", "trainer": "answer", "starter": "tiny-questions", "licence": "CC BY-SA 4.0"}
    write(recipe / "adapter-questions.yaml", yaml.safe_dump({**names, "settings": settings}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipes, "PLUGINS", folder / "plugins")
        patch.setattr(starter, "MINILM", (encoder,))
        patch.setenv("SELFSUP_HOME", str(home))
        assert main(["starter", "tiny-questions", "--data", str(folder), "--folder", str(folder / "runs")]) == 0
    return folder / "runs" / "starters" / "tiny-questions"


def resolved(made: Path, *others: Path) -> Path:
    """The folder of weights behind the starter's name."""
    return resolve_weights(made.name, {folder.name: folder for folder in (made, *others)}, Runs())


def test_recipe_makes_a_small_folder_in_pefts_form_that_says_whose_it_is(made: Path, encoder: Path):
    assert {path.name for path in made.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "config.json",
        "selfsup.json",
        "README.md",
    }
    tensors = load_file(made / adapters.WEIGHTS)
    assert all(tensor.dtype == torch.float16 for tensor in tensors.values())
    assert {name for name in tensors if "lora_" not in name} == {
        "base_model.model.qa_outputs.weight",
        "base_model.model.qa_outputs.bias",
    }
    assert adapters.Base.named_in(made) == adapters.Base.of(encoder, starter.SENTENCES_ON_HUB)
    card = (made / "README.md").read_text(encoding="utf-8")
    front = yaml.safe_load(card.split("---")[1])
    assert (front["base_model"], front["base_model_relation"]) == (starter.SENTENCES_ON_HUB, "adapter")
    assert "CC BY-SA 4.0" in card and "PeftModel.from_pretrained(network" in card
    assert str(encoder) not in card + (made / adapters.CONFIG).read_text(encoding="utf-8")


def test_merged_network_answers_as_peft_does_unmerged(made: Path, encoder: Path):
    """As the card says to use it; a tokenizer's token types and positions arrive, too."""
    network = AutoModelForQuestionAnswering.from_pretrained(encoder, config=AutoConfig.from_pretrained(made))
    unmerged = PeftModel.from_pretrained(network, str(made)).eval()
    predictor = load(resolved(made, encoder))
    inputs = predictor.tokenizer("grass ?", "sky tomato cherry", return_tensors="pt")
    with torch.inference_mode():
        given, expected = predictor.model(**inputs), unmerged(**inputs)
        untrained = AutoModelForQuestionAnswering.from_pretrained(encoder)(**inputs)
    for name in ("start_logits", "end_logits"):
        probabilities = [out[name].softmax(-1) for out in (given, expected, untrained)]
        torch.testing.assert_close(probabilities[0], probabilities[1], atol=2e-3, rtol=0)
        assert (probabilities[0] - probabilities[2]).abs().max() > 0.05


@pytest.mark.parametrize("kind", ["classify", "tag", "answer"])
def test_artifact_of_a_run_is_merged_and_the_adapters_beside_it_are_equal(kind: str, encoder: Path, tmp_path: Path):
    artifact = trained(kind, encoder, tmp_path, **({"pooling": "first"} if kind == "classify" else {}))
    for name in adapters.COPIED:
        write(artifact / "adapter" / name, (artifact / name).read_text(encoding="utf-8"))
    (artifact / "adapter").rename(tmp_path / "alone")
    whole, alone = load(artifact), load(resolved(tmp_path / "alone", encoder))
    assert not (artifact / adapters.CONFIG).exists()
    expected, found = dict(whole.model.named_parameters()), dict(alone.model.named_parameters())
    assert expected.keys() == found.keys()
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, atol=2e-3, rtol=2e-3)
    before = AutoModel.from_pretrained(encoder).state_dict()
    query = "encoder.layer.0.attention.self.query.weight"
    assert (expected[f"bert.{query}"] - before[query]).abs().max() > 0.01


def test_adapters_learn(encoder: Path, tmp_path: Path):
    values = {"pooling": "first", "steps": 60, "eval_share": 0.25, "learning_rate": 0.02, "lora_rank": 4, "seed": 1}
    artifact = trained("classify", encoder, tmp_path, **values)
    assert store.read_record(artifact)["metrics"]["accuracy"] > 0.8  # a third by chance


def test_adapters_with_pooling_by_the_mean_are_not_kept_alone(encoder: Path, tmp_path: Path):
    artifact = trained("classify", encoder, tmp_path, pooling="mean", steps=2)
    assert not (artifact / "adapter").exists() and load(artifact).classify("tomato cherry")


def test_tagger_with_adapters_still_computes_words_only(encoder: Path, tmp_path: Path):
    settings = parse_settings(
        PLUGIN.kind("tag").trained_by, {**COMMON, "data": data_of("tag", tmp_path), "model": str(encoder)}
    )
    made = build("tag", settings)
    assert made.selects_words and not made.padded
    losses = made.losses(made.model.eval(), made.evaluation_batch(made.train_data[:4]))
    plain = build("tag", settings.model_copy(update={"lora_rank": 0}))
    torch.testing.assert_close(losses, plain.losses(plain.model.eval(), plain.evaluation_batch(plain.train_data[:4])))


# -- the encoder is here, or not -------------------------------------------------------------------------------------


def test_starter_with_adapters_comes_first_where_its_encoder_is(
    made: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch
):
    def default() -> str:
        kind = replace(PLUGIN.kind("answer"), starters=(*starter.adapters_here(made), starter.QUESTIONS))
        return replace(PLUGIN, kinds=(kind,)).default_weights(Answer)

    assert default() == "tiny-questions"
    monkeypatch.setattr(starter, "MINILM", ())
    assert default() == "bert-6x192-questions"
    monkeypatch.setattr(starter, "MINILM", (starter.ENCODER,))  # another size
    assert default() == "bert-6x192-questions"


def test_missing_or_changed_encoder_is_refused_with_what_to_do(
    made: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SELFSUP_HOME", str(tmp_path / "home"))
    with pytest.raises(UserError, match="adapters of sentence-transformers/all-MiniLM-L6-v2, which is not installed"):
        resolved(made)
    changed = tmp_path / starter.SENTENCES
    shutil.copytree(encoder, changed)
    content = bytearray((changed / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (changed / "model.safetensors").write_bytes(content)
    assert adapters.fit_to(made, changed)  # of the same size
    with pytest.raises(UserError, match="others than those that the adapters were trained on"):
        resolved(made, changed)
    assert not list((tmp_path / "home").rglob("model.safetensors"))


def test_merged_network_is_made_once(made: Path, encoder: Path, monkeypatch: pytest.MonkeyPatch):
    folder = resolved(made, encoder)
    assert folder.name == made.name and count_parameters(folder) > 10 * count_parameters(made)
    monkeypatch.setattr(adapters, "_merge", None)
    assert resolved(made, encoder) == folder


def test_training_goes_on_from_a_starter_of_adapters(made: Path, encoder: Path, tmp_path: Path):
    artifact = trained("answer", encoder, tmp_path, model=str(resolved(made, encoder)), steps=1, learning_rate=1e-9)
    question = ("grass ?", "sky tomato cherry")
    before, after = load(resolved(made, encoder)).answer(*question), load(artifact).answer(*question)
    np.testing.assert_allclose(after["probability"], before["probability"], atol=1e-2)
    assert not (artifact / "adapter").exists()  # of weights that no name on the Hub stands for


def test_box_says_what_answered_and_what_a_better_one_takes(made: Path, monkeypatch: pytest.MonkeyPatch):
    box = Starters(starter.QUESTIONS, made, "loss", "loss", "It is small.")
    adapted, small = made.name, starter.QUESTIONS.name
    assert box.answered_by("").startswith(f"Answered by **{adapted}**: loss ")
    assert f"Better: choose {adapted} (loss" in box.answered_by(small)
    monkeypatch.setattr(starter, "MINILM", ())
    assert "once all-MiniLM-L6-v2 is installed: `make models`, 91 MB." in box.answered_by("")
    loss = store.read_record(starter.QUESTIONS)["metrics"]["loss"]
    assert box.answered_by("").startswith(f"Answered by **{small}**: loss {loss:.2f}")
    monkeypatch.setattr(starter, "MINILM", (starter.ENCODER,))
    assert "another file of all-MiniLM-L6-v2 than the one installed here" in box.answered_by("")
    assert box.answered_by("owner/repo") == ""


# -- those that ship -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", starter.ADAPTERS, ids=lambda folder: folder.name)
def test_shipped_adapters_are_small_and_say_what_they_were_trained_on(folder: Path):
    record, base = store.read_record(folder), adapters.Base.named_in(folder)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 3_000_000
    assert (base.name, base.size_bytes) == ("sentence-transformers/all-MiniLM-L6-v2", 90_868_376)
    assert record["base_model"] == base.name and record["data"]["data_licence"]
    text = "".join((folder / name).read_text(encoding="utf-8") for name in (*adapters.COPIED, adapters.CONFIG))
    assert not [machine for machine in ("/work", "/home/", "/tmp/", "/root") if machine in text]


@pytest.mark.parametrize(
    ("adapted", "small", "metric"),
    [
        (starter.ADAPTED_SENTIMENT, starter.SENTIMENT, "accuracy"),
        (starter.ADAPTED_ENTITIES, starter.ENTITIES, "f1"),
        (starter.ADAPTED_QUESTIONS, starter.QUESTIONS, "f1"),
    ],
)
def test_shipped_adapters_are_better_than_the_small_starter_on_the_same_rows(adapted: Path, small: Path, metric: str):
    better, worse = store.read_record(adapted), store.read_record(small)
    assert better["data"]["eval_data_sha256"] == worse["data"]["eval_data_sha256"]
    assert better["metrics"][metric] > worse["metrics"][metric] + 0.02
