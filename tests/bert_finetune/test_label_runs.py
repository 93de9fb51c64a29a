"""A labelling session kept as a run: the frozen classifier, what it is measured with, and the way back."""

from __future__ import annotations

import csv
import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from plugins._discovery import discover
from plugins.bert_finetune import PLUGIN, samples, starter
from plugins.bert_finetune.classify import predictor
from plugins.bert_finetune.encode.predictor import EncoderPredictor
from plugins.bert_finetune.label import desk
from plugins.bert_finetune.label.head import Head
from plugins.bert_finetune.label.vector_cache import encode
from plugins.bert_finetune.zero_shot.table import read_named
from spaces_app.page.run import next_links
from spaces_app.services import Services
from spaces_app.settings import Settings
from tests.bert_finetune import labelling
from tests.bert_finetune.labelling import TOPICS
from training.artifact.store import read_record
from training.errors import UserError
from training.fit.experiment import run_task
from training.labelling.sampling import random_order
from training.labelling.sessions import TEXTS, open_session, session_of_run
from training.runs.registry import Runs
from training.settings import parse_settings

encoder, own_home = labelling.encoder, labelling.own_home  # fixtures
SAMPLES = samples.HERE


def table(path: Path, header: list[str], rows: list[tuple[str, ...]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def labelled(path: Path, each: int) -> Path:
    rows = [(f"{words} {row}", name) for row in range(each) for name, words in TOPICS.items()]
    return table(path, ["text", "label"], rows)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def trained(folder: Path, **values: Any) -> Path:
    """A run of `classify` to its end; returns its artifact."""
    kind = PLUGIN.kind("classify")
    settings: Any = parse_settings(kind.trained_by, {"model": str(starter.ENCODER), "batch_size": 8, **values})
    folder.mkdir()
    about = {"plugin": "bert_finetune", "trainer": "classify", "title": "A classifier"}
    assert run_task(kind.build(kind.read(settings), settings), settings.with_usual(), folder, about)
    return folder / "artifact"


def session(encoder: EncoderPredictor, path: Path, count: int) -> desk.State:
    state = desk.start(encoder, path, "", "money, travel, food", {})
    while state["given"] < count:
        text = state["queue"][0]["text"]
        state = desk.answer(encoder, state, next(name for name in TOPICS if TOPICS[name] in text))
    return state


def test_a_frozen_encoder_keeps_its_weights_and_its_head_is_regression_on_the_mean_vectors(
    encoder: EncoderPredictor, tmp_path: Path
):
    train, held = labelled(tmp_path / "train.csv", 6), labelled(tmp_path / "held.csv", 8)
    files = {"data": str(train), "eval_data": str(held), "drop_leaked": False}
    artifact = trained(tmp_path / "run", **files, pooling="mean", frozen_encoder=True)
    before = load_file(starter.ENCODER / "model.safetensors")
    after = load_file(artifact / "model.safetensors")
    words = "embeddings.word_embeddings.weight"
    found = [next(weights[name] for name in weights if name.endswith(words)) for weights in (before, after)]
    assert torch.equal(found[0].float(), found[1].float())
    classifier = predictor.load(artifact)
    texts = [row["text"] for row in rows_of(held)]
    learned = rows_of(train)
    head = Head(encode(encoder, [row["text"] for row in learned]), np.array([row["label"] for row in learned]))
    said = [classifier.classify(text)["label"] for text in texts]
    assert said == head.predict(encode(encoder, texts)).tolist()
    record = read_record(artifact)
    right = np.mean([label == row["label"] for label, row in zip(said, rows_of(held), strict=True)])
    assert record["metrics"]["accuracy"] == pytest.approx(right)
    assert record["facts"]["encoder"] == "frozen"
    assert "Macro F1" in (artifact / "README.md").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "run/report.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"multi_label": True}, "frozen_encoder needs one label a text"),
        ({"model": ""}, "frozen_encoder needs weights to start from"),
        ({"processes": 2, "batch_size": 8}, "frozen_encoder trains nothing"),
    ],
)
def test_a_frozen_encoder_refuses_what_does_not_fit(values: dict[str, Any], message: str):
    with pytest.raises(UserError, match=message):
        parse_settings(PLUGIN.kind("classify").trained_by, {"frozen_encoder": True, **values})


def test_a_kept_run_learns_the_chosen_texts_and_is_measured_with_those_drawn_at_random(
    encoder: EncoderPredictor, tmp_path: Path
):
    path = labelled(tmp_path / "all.csv", 40)
    texts = table(tmp_path / "texts.csv", ["text"], [(row["text"],) for row in rows_of(path)])
    state = session(encoder, texts, 60)
    kept = desk.keep(encoder, starter.ENCODER.name, state)
    learned, measured = ({row["text"] for row in rows_of(kept.files[name])} for name in ("data", "eval_data"))
    all_texts = tuple(row["text"] for row in rows_of(texts))
    first = {all_texts[number] for number in random_order(all_texts)[: len(measured)]}
    assert len(measured) == 12 and measured == first
    assert len(learned) == 48 and not learned & measured
    assert kept.name == "60 labels of texts.csv"
    settings = {**kept.settings, "model": str(starter.ENCODER)}
    artifact = trained(tmp_path / "run", **settings, **{name: str(path) for name, path in kept.files.items()})
    assert read_record(artifact)["facts"]["eval_rows"] == 12
    few = desk.keep(encoder, "x", session(encoder, texts, 20))
    assert [*few.files] == ["data"] and len(rows_of(few.files["data"])) == 20


def test_of_skewed_labels_a_kept_run_answers_as_the_page_does(encoder: EncoderPredictor, tmp_path: Path):
    rows = rows_of(SAMPLES / "reviews.csv")[:300]
    left = {"positive": 40, "negative": 4}  # labels to be given
    given: list[tuple[str, ...]] = []
    for row in rows:
        left[row["label"]] -= 1
        given.append((row["text"], row["label"] if left[row["label"]] >= 0 else ""))
    path = table(tmp_path / "skewed.csv", ["text", "label"], given)
    state = desk.start(encoder, path, "", "", {})
    page = np.array([row["predicted_label"] for row in rows_of(desk.write(encoder, state))])
    kept = desk.keep(encoder, starter.ENCODER.name, state)
    assert Counter(row["label"] for row in rows_of(kept.files["data"])) == {"positive": 40, "negative": 4}
    held = {"eval_data": str(SAMPLES / "reviews-eval.csv"), "model": str(starter.ENCODER)}
    settings = {**kept.settings, "data": str(kept.files["data"]), **held}
    shares = []
    for weights in ("balanced", "none"):
        run = predictor.load(trained(tmp_path / weights, **{**settings, "class_weights": weights}))
        shares.append(np.mean(page == [run.classify(row["text"])["label"] for row in rows]))
    assert kept.settings["class_weights"] == "balanced" and shares[0] > 0.98 and shares[1] < 0.9


def test_a_session_that_cannot_be_kept_says_why(
    encoder: EncoderPredictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    texts = table(tmp_path / "texts.csv", ["text"], [(f"{words} {n}",) for n in range(4) for words in TOPICS.values()])
    state = desk.start(encoder, texts, "", "a, b", {})
    with pytest.raises(UserError, match="Label texts of two classes first"):
        desk.keep(encoder, "x", desk.answer(encoder, state, "a"))
    state = desk.answer(encoder, desk.answer(encoder, state, "a"), "b")
    monkeypatch.setattr(encoder.model.config, "model_type", "roberta")
    with pytest.raises(UserError, match="this is a roberta"):
        desk.keep(encoder, "x", state)


def test_a_run_leads_back_to_its_session_which_is_kept_as_long_as_the_run(encoder: EncoderPredictor):
    services = Services(Settings(), discover("bert_finetune"))
    services.runs._queue.pump = lambda: None  # type: ignore[method-assign]
    key = desk.start(encoder, None, "one text\nanother text", "a, b", {})["key"]
    run = Runs().create("bert_finetune", "classify", parse_settings(PLUGIN.kind("classify").trained_by, {}))
    services.runs.keep_session(run.id, "", key)
    assert services.runs.session(run.id, "") == key
    about = {**services.runs.status(run.id, ""), "session": key}
    assert f'href="./bert_finetune?labels={key}"' in next_links(services, about)
    assert key not in json.dumps(services.runs.status(run.id, ""))  # who has it may label
    old = time.time() - 91 * 86_400
    os.utime(open_session(key, TEXTS).log, (old, old))
    desk.start(encoder, None, "one text\na third", "a, b", {})
    assert open_session(key, TEXTS).key == key
    run.delete()
    os.utime(open_session(key, TEXTS).log, (old, old))
    desk.start(encoder, None, "one text\na fourth", "a, b", {})
    with pytest.raises(UserError, match="no such session"):
        open_session(key, TEXTS)
    assert session_of_run(run.folder) == ""


def test_a_session_from_before_there_were_others_goes_on(encoder: EncoderPredictor, tmp_path: Path):
    key = "A" * 22
    folder = tmp_path / "home/labels" / key
    (folder / "texts").mkdir(parents=True)
    table(folder / "texts/old.csv", ["text"], [("one text",), ("another text",)])
    (folder / "session.json").write_text(json.dumps({"texts": "old.csv", "names": ["a", "b"]}), encoding="utf-8")
    (folder / "log.jsonl").write_text('{"text": 0, "label": "a", "by": "x"}\n', encoding="utf-8")
    state = desk.resume(encoder, key)
    assert (state["given"], [each["text"] for each in state["queue"]]) == (1, ["another text"])


def test_two_columns_are_joined_by_both_boxes_and_another_is_chosen(encoder: EncoderPredictor, tmp_path: Path):
    rows = [(f"head {row}", f"body {row}", f"note number {row} is long enough", "x") for row in range(4)]
    path = table(tmp_path / "news.csv", ["title", "description", "note", "kind"], rows)
    state = desk.start(encoder, path, "", "a, b", {}, "title, description")
    assert {each["text"] for each in state["queue"]} == {f"head {row} body {row}" for row in range(4)}
    assert read_named(path, ["a", "b"], "{label}", "title, description").texts[0] == "head 0 body 0"
    other = desk.start(encoder, path, "", "a, b", state, "note", "kind")
    assert other["key"] != state["key"] and other["given"] == 4
    kept = desk.resume(encoder, state["key"])
    assert {each["text"] for each in kept["queue"]} == {each["text"] for each in state["queue"]}
    with pytest.raises(UserError, match="Column 'nothing' is not in news"):
        desk.start(encoder, path, "", "a, b", {}, "nothing")
    with pytest.raises(UserError, match="3 columns of texts were given; 2 at most are joined"):
        desk.start(encoder, path, "", "a, b", {}, "title, description, note")
    for label in ("a", "b"):
        state = desk.answer(encoder, state, label)
    settings = desk.keep(encoder, "x", state).settings
    assert (settings["text_column"], settings["text_pair_column"]) == ("title", "description")
    assert Counter(row["label"] for row in rows_of(desk.write_labelled(state))) == {"a": 1, "b": 1}
