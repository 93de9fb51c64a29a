"""Every plugin keeps the contract, and the contract's test notices one that does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from plugins._contract import Kind, Plugin
from plugins.bert_finetune import PLUGIN as BERT
from plugins.testing import check_plugin
from tests.files import write
from tests.toy import PLUGIN as TOY
from tests.toy import ToyData, ToySettings, build, load, read
from training.fit.loop import fit
from training.settings import parse_settings

WORDS = [
    "the", "of", "a", "in", "film", "plot", "with", "and", "music", "scene",
    "actor", "story", "camera", "light", "end", "first", "long", "short",
]  # fmt: skip
TINY = {"layers": 1, "heads": 2, "hidden_size": 32, "vocabulary_size": 300, "max_length": 32, "batch_size": 10}


def sentences(count: int) -> list[str]:
    random = np.random.default_rng(0)
    return [" ".join(random.choice(WORDS, random.integers(4, 12))) for _ in range(count)]


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    return write_reviews(tmp_path / "reviews.csv", 40)


def write_reviews(path: Path, count: int) -> Path:
    """Texts, half of them with the word that makes them good."""
    rows = [
        f"{text} {('dreadful', 'wonderful')[i % 2]},{('bad', 'good')[i % 2]}" for i, text in enumerate(sentences(count))
    ]
    path.write_text("text,label\n" + "\n".join(rows) + "\n")
    return path


def test_bert_finetune_keeps_the_contract(tmp_path: Path, reviews: Path) -> None:
    files = {
        "tag": write(tmp_path / "tags.conll", "mister B-name\nx I-name\nwent O\n\n" * 20),
        "answer": write(tmp_path / "questions.csv", "question,context,answer\n" + "who ?,anna was there,anna\n" * 20),
        "translate": write(tmp_path / "pairs.csv", "a,b\n" + "".join(f"the dog {i},der Hund {i}\n" for i in range(20))),
    }
    settings = {name: {"data": str(reviews), **TINY} for name in ("classify", "pretrain", "encode")}
    settings["label_efficiency"] = {**settings["classify"], "shares": "50, 100", "seeds": 1, "tfidf": False}
    settings |= {name: {"data": str(file), **TINY} for name, file in files.items()}
    call = {
        "tag": lambda model: model.tag("mister x went"),
        "answer": lambda model: model.answer("who ?", "anna was there"),
        "translate": lambda model: model.translate("the dog"),
        "classify": lambda model: model.classify("a wonderful film"),
        "pretrain": lambda model: model.fill_mask("a [MASK] film"),
        "encode": lambda model: model.embed("a wonderful film"),
    }
    check_plugin(BERT, tmp_path / "runs", settings, call)


def test_bert_finetune_keeps_the_contract_with_adapters(tmp_path: Path, reviews: Path) -> None:
    settings = {"classify": {"data": str(reviews), **TINY, "lora_rank": 2, "ema_decay": 0.5}}
    call = {"classify": lambda model: model.explain("a wonderful film")}
    check_plugin(replace(BERT, kinds=(BERT.kind("classify"),)), tmp_path / "runs", settings, call)


def test_the_toy_keeps_the_contract(tmp_path: Path) -> None:
    check_plugin(TOY, tmp_path, {"fit": {}}, {"fit": lambda model: model.classify(0.1, 0.2)})


# -- plugins that break it -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ChangedKind(Kind):
    """A kind whose functions are given, not found by name."""

    functions: Any = None

    def part(self, name: str) -> Any:
        return self.functions


def broken(change: Callable[[Any], None], load: Callable[[Path], Any] = load) -> Plugin:
    """The toy, with something of its task changed."""

    def changed(data: ToyData, settings: ToySettings) -> Any:
        task = build(data, settings)
        change(task)
        return task

    functions = SimpleNamespace(read=read, build=changed, load=load)
    return replace(TOY, kinds=(ChangedKind("fit", "Fit", "tests.toy", ToySettings, functions=functions),))


def test_a_trainer_without_sample_settings_is_named(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="toy: give sample settings for fit"):
        check_plugin(TOY, tmp_path, {})


def test_weights_that_depend_on_the_hour_are_noticed(tmp_path: Path) -> None:
    def draw(task: Any) -> None:
        torch.seed()
        torch.nn.init.normal_(task.model[0].weight)

    with pytest.raises(AssertionError, match="toy fit: stopped and resumed, it has other losses"):
        check_plugin(broken(draw), tmp_path, {"fit": {}})


def test_a_pickle_is_noticed(tmp_path: Path) -> None:
    def pickle_it(task: Any) -> None:
        task.save = lambda model, folder: torch.save(model.state_dict(), folder / "model.pt")

    with pytest.raises(AssertionError, match=r"save weights as safetensors, not as model\.pt"):
        check_plugin(broken(pickle_it), tmp_path, {"fit": {}})


def test_an_answer_that_changes_is_noticed(tmp_path: Path) -> None:
    answers = iter(range(9))
    with pytest.raises(AssertionError, match="loaded twice, it gives two answers"):
        check_plugin(TOY, tmp_path, {"fit": {}}, {"fit": lambda _: next(answers)})


def test_a_path_of_the_machine_in_the_record_is_noticed(tmp_path: Path) -> None:
    def tell(task: Any) -> None:
        task.facts = {"data": str(tmp_path / "runs")}

    def load_anyway(path: Path) -> Any:
        return path

    plugin = broken(tell, load_anyway)
    with pytest.raises(AssertionError, match=r"selfsup\.json names a path of this machine"):
        check_plugin(plugin, tmp_path, {"fit": {}})


# -- bert_finetune learns --------------------------------------------------------------------------------------------------


def train(folder: Path, **values: Any) -> tuple[dict[str, float], Any]:
    """The best metrics of a run of `classify`, and its weights at work."""
    settings = parse_settings(
        BERT.kind("classify").trained_by, {**TINY, "learning_rate": 3e-3, "dropout": 0.0, **values}
    )
    folder.mkdir()
    kind = BERT.kind("classify")
    progress = fit(kind.build(kind.read(settings), settings), settings, folder)
    return progress.best_metrics, kind.load(folder / "artifact")


def test_classify_overfits_two_classes_told_apart_by_a_word(tmp_path: Path) -> None:
    """Chance gives an accuracy of 0.5. One of the two words is enough to know, so one of them may weigh nothing."""
    path = write_reviews(tmp_path / "reviews.csv", 300)
    metrics, model = train(tmp_path / "run", data=str(path), steps=150, eval_share=0.25)
    assert metrics["accuracy"] == 1.0
    assert model.classify("the plot wonderful")["label"] == "good"
    words = [word for text in ("the plot of the film wonderful", "music light dreadful") for word in model.explain(text)["words"]]  # fmt: skip
    assert max(words, key=lambda each: each["weight"])["word"] in {"wonderful", "dreadful"}, words


def test_classify_trains_on_pairs(tmp_path: Path) -> None:
    texts, path = sentences(40), tmp_path / "pairs.csv"
    rows = [f"{text},{text if i % 2 else texts[i - 1]},{('differ', 'same')[i % 2]}" for i, text in enumerate(texts)]
    path.write_text("premise,hypothesis,label\n" + "\n".join(rows) + "\n")
    metrics, model = train(tmp_path / "run", data=str(path), steps=4)
    assert set(metrics) == {"accuracy", "macro_f1", "loss"}
    assert set(model.classify("a film", "a plot")["probabilities"]) == {"differ", "same"}


def test_classify_learns_several_labels_a_text(tmp_path: Path) -> None:
    """Each of two words gives a label of its own; a third of the texts have none. Chance gives a micro F1 near 0.5."""
    path, rows = tmp_path / "tags.csv", []
    for i, text in enumerate(sentences(400)):
        there = {"funny": i % 2 == 1, "sad": i % 3 == 0}
        words = [word for name, word in (("funny", "hilarious"), ("sad", "tearful")) if there[name]]
        rows.append(f"{' '.join(words)} {' '.join(text.split()[:3])},{'|'.join(name for name in there if there[name])}")
    path.write_text("text,labels\n" + "\n".join(rows) + "\n")
    same = {"data": str(path), "steps": 200, "learning_rate": 5e-3, "multi_label": True, "eval_share": 0.25}
    found = [train(tmp_path / f"run-{seed}", seed=seed, **same) for seed in range(2)]  # so small, some starts get stuck
    metrics, model = max(found, key=lambda each: each[0]["micro_f1"])
    assert metrics["micro_f1"] > 0.9
    assert model.classify("hilarious plot and film")["label"] == ["funny"]
