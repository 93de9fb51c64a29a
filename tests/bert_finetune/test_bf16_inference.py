"""A file's rows are computed in bf16 where the processor is quick at it, and say what single texts say."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import DebertaConfig, DebertaForSequenceClassification

from plugins.bert_finetune import PLUGIN
from plugins.bert_finetune.models import bf16_inference, loading
from plugins.bert_finetune.models.wordpiece import train_wordpiece
from tests.bert_models import load
from tests.files import write
from training.errors import UserError
from training.preflight.precision import has_bf16_products


def scored(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as out:
        return list(csv.DictReader(out))


FILES = {
    "bert-6x192-sentiment": ("classify_file", "text\na wonderful film\ndull and far too long\n"),
    "bert-6x192-entities": ("tag_file", "text\nplay some jazz in paris\n"),
    "bert-6x192-questions": ("answer_file", "question,context\nWho came?,The king came to Rome.\n"),
    "bert-6x192": ("fill_mask_file", "text\na [MASK] film\n"),
}


@pytest.mark.parametrize("able", [True, False])
@pytest.mark.parametrize("name", FILES)
def test_a_file_is_computed_in_bf16_where_that_is_quick(
    name: str, able: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bf16_inference, "has_bf16_products", lambda: able)
    model, seen = load(PLUGIN.starters[name]), set()
    network = getattr(model, "cls_only", model.model)
    network.bert.encoder.layer[0].intermediate.dense.register_forward_hook(lambda _, __, out: seen.add(out.dtype))
    endpoint, text = FILES[name]
    getattr(model, endpoint)(write(tmp_path / "rows.csv", text))
    assert seen == {torch.bfloat16 if able else torch.float32}
    assert next(network.parameters()).dtype == torch.float32 and not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize(("able", "dtype", "most"), [(False, torch.float32, 1e-5), (True, torch.bfloat16, 0.03)])
def test_vectors_of_many_texts_are_those_of_each(
    able: bool, dtype: torch.dtype, most: float, monkeypatch: pytest.MonkeyPatch
):
    """They are computed by length, whatever their order, and the first ones alone in 32 bits."""
    monkeypatch.setattr(bf16_inference, "has_bf16_products", lambda: able)
    model, seen = load(PLUGIN.starters["bert-6x192"]), []
    model.model.bert.encoder.layer[0].intermediate.dense.register_forward_hook(
        lambda _, __, out: seen.append(out.dtype)
    )
    texts = [" ".join(["river", "sea", "war", "film"][row % 4 :] * (1 + row * 7 % 11)) for row in range(70)]
    many = model.vectors(texts)
    assert {*seen} == {dtype}
    alone = np.concatenate([model.vectors([text]) for text in texts[:12]])
    assert seen[-1] == torch.float32
    assert np.abs(many[:12] - alone).max() / np.abs(alone).max() < most


def test_other_architectures_stay_in_32_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """DeBERTa hides what may not be seen by a number that bf16 does not have."""
    monkeypatch.setattr(bf16_inference, "has_bf16_products", lambda: True)
    tokenizer = train_wordpiece(["a wonderful film", "dull and far too long"] * 3, 60, 32)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    loading.save_pretrained(
        DebertaForSequenceClassification(
            DebertaConfig(vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **sizes)
        ),
        tokenizer,
        tmp_path / "deberta",
        half=False,
    )
    model = load(tmp_path / "deberta")
    file = write(tmp_path / "texts.csv", "text\na wonderful film\ndull and far too long\n")
    rows, alone = scored(model.classify_file(file)), model.classify("a wonderful film")
    assert float(rows[0]["probability"]) == pytest.approx(max(alone["probabilities"].values()), abs=1e-5)


def test_the_head_stays_in_32_bits(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bf16_inference, "has_bf16_products", lambda: True)
    network = load(PLUGIN.starters["bert-6x192-sentiment"]).model
    with bf16_inference.bf16_matmuls(network):
        assert network.classifier(torch.randn(1, 192, dtype=torch.bfloat16)).dtype == torch.float32


def test_a_file_says_what_its_texts_say_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bf16_inference, "has_bf16_products", lambda: True)
    model = load(PLUGIN.starters["bert-6x192-sentiment"])
    texts = ["a wonderful film", "dull, slow and far too long", "a charming little comedy", "the worst acting in years"]
    file = write(tmp_path / "texts.csv", "text\n" + "".join(f'"{text}"\n' for text in texts))
    rows = scored(model.classify_file(file))
    alone = [model.classify(text) for text in texts]
    assert [row["predicted_label"] for row in rows] == [each["label"] for each in alone]
    for row, each in zip(rows, alone, strict=True):
        assert float(row["probability"]) == pytest.approx(each["probabilities"][each["label"]], abs=0.02)


def test_a_file_of_masks_is_filled_as_its_texts_are(tmp_path: Path):
    model = load(PLUGIN.starters["bert-6x192"])
    texts = [
        "the [MASK] of the united [MASK]",
        "no mask here",
        "a cell has a [MASK] around it, which keeps water inside",
        "he ___ it",
    ]
    file = write(tmp_path / "texts.csv", "text\n" + "".join(f'"{text}"\n' for text in texts))
    rows = scored(model.fill_mask_file(file))
    assert rows[1]["filled_text"] == rows[1]["words"] == ""
    for row, text in zip(rows, texts, strict=True):
        if text != texts[1]:
            alone = model.fill_mask(text, 1)
            assert row["filled_text"] == alone["text"]
            assert row["words"].count("(") == len(alone["masks"]) == text.count("[MASK]") + text.count("___")


def test_a_file_of_pairs_is_told_as_they_are_alone(tmp_path: Path):
    model = load(PLUGIN.starters["bert-6x192"])
    pairs = [
        ("It rained all day.", "The streets were wet."),
        ("It rained all day.", ""),
        ("A cell has a membrane that keeps it whole.", "The king went to war."),
    ]
    file = write(tmp_path / "pairs.csv", "text1,text2\n" + "".join(f'"{a}","{b}"\n' for a, b in pairs))
    rows = scored(model.next_sentence_file(file))
    assert rows[1]["follows"] == ""
    for row, pair in zip(rows, pairs, strict=True):
        if pair[1]:
            assert float(row["probability"]) == pytest.approx(model.next_sentence(*pair)["probability"], abs=0.02)


def test_a_conll_file_is_tagged_word_by_word(tmp_path: Path):
    model = load(PLUGIN.starters["bert-6x192-entities"])
    file = write(tmp_path / "a.conll", "play\tO\njazz\tB-genre\n\nweather\tO\nin\tO\nparis\tB-city\n")
    lines = model.tag_file(file).read_text().splitlines()
    assert lines[3:5] == ["weather\tO\tO", "in\tO\tO"] and lines[5].startswith("paris\tB-city\tB-")


def test_the_questions_of_squad_json_are_answered(tmp_path: Path):
    model, context = load(PLUGIN.starters["bert-6x192-questions"]), "The king came to Rome in 1207."
    asked = [
        {"id": "a", "question": "When did the king come?", "answers": []},
        {"id": "b", "question": "Who came?", "answers": []},
    ]
    loaded = {"data": [{"title": "t", "paragraphs": [{"context": context, "qas": asked}]}]}
    rows = scored(model.answer_file(write(tmp_path / "squad.json", json.dumps(loaded))))
    assert [(row["id"], row["question"], row["context"]) for row in rows] == [
        (one["id"], one["question"], context) for one in asked
    ]
    assert all(row["predicted_answer"] in context and float(row["probability"]) > 0 for row in rows)


def test_a_text_too_long_is_named_before_any_is_read(tmp_path: Path):
    model = load(PLUGIN.starters["bert-6x192"])
    file = write(tmp_path / "texts.csv", "text\na [MASK] film\n" + "word " * 600 + "[MASK]\n")
    with pytest.raises(UserError, match=r"“word word .*…” has 60\d tokens; this model reads 512"):
        model.fill_mask_file(file)


@pytest.mark.parametrize(
    ("able", "quick"), [({"avx2": True}, False), ({"avx512_bf16": True}, True), ({"amx_bf16": True}, True)]
)
def test_quick_is_a_processor_with_instructions(able: dict, quick: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    assert has_bf16_products() is quick
