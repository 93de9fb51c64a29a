"""A file's rows are computed in bf16 where the processor is quick at it, and say what single texts say."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from plugins.bert_finetune import PLUGIN, endpoints, load, many_rows
from tests.files import write
from training.errors import UserError
from training.precision import has_bf16_products


@pytest.mark.parametrize("able", [True, False])
def test_products_are_in_bf16_only_inside_and_only_where_that_is_quick(able: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(many_rows, "has_bf16_products", lambda: able)
    layer = torch.nn.Linear(4, 4)
    with many_rows.quick_products(layer):
        assert (layer(torch.ones(1, 4)).dtype == torch.bfloat16) is able
    assert layer(torch.ones(1, 4)).dtype == layer.weight.dtype == torch.float32


def test_a_file_says_what_its_texts_say_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(many_rows, "has_bf16_products", lambda: True)
    model = load(PLUGIN.starters["bert-6x192-sentiment"])
    texts = ["a wonderful film", "dull, slow and far too long", "a charming little comedy", "the worst acting in years"]
    file = write(tmp_path / "texts.csv", "text\n" + "".join(f'"{text}"\n' for text in texts))
    rows = scored(endpoints.classify_file(model, file))
    alone = [endpoints.classify(model, text) for text in texts]
    assert [row["predicted_label"] for row in rows] == [each["label"] for each in alone]
    for row, each in zip(rows, alone, strict=True):
        assert float(row["probability"]) == pytest.approx(each["probabilities"][each["label"]], abs=0.02)


def scored(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as out:
        return list(csv.DictReader(out))


def test_a_file_of_masks_is_filled_as_its_texts_are(tmp_path: Path):
    model = load(PLUGIN.starters["bert-6x192"])
    texts = [
        "the [MASK] of the united [MASK]",
        "no mask here",
        "a cell has a [MASK] around it, which keeps water inside",
        "he ___ it",
    ]
    file = write(tmp_path / "texts.csv", "text\n" + "".join(f'"{text}"\n' for text in texts))
    rows = scored(endpoints.fill_mask_file(model, file))
    assert rows[1]["filled_text"] == rows[1]["words"] == ""
    for row, text in zip(rows, texts, strict=True):
        if text != texts[1]:
            alone = endpoints.fill_mask(model, text, 1)
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
    rows = scored(endpoints.next_sentence_file(model, file))
    assert rows[1]["follows"] == ""
    for row, pair in zip(rows, pairs, strict=True):
        if pair[1]:
            assert float(row["probability"]) == pytest.approx(
                endpoints.next_sentence(model, *pair)["probability"], abs=0.02
            )


def test_a_text_too_long_is_named_before_any_is_read(tmp_path: Path):
    model = load(PLUGIN.starters["bert-6x192"])
    file = write(tmp_path / "texts.csv", "text\na [MASK] film\n" + "word " * 600 + "[MASK]\n")
    with pytest.raises(UserError, match=r"“word word .*…” has 60\d tokens; this model reads 512"):
        endpoints.fill_mask_file(model, file)


@pytest.mark.parametrize(
    ("able", "quick"), [({"avx2": True}, False), ({"avx512_bf16": True}, True), ({"amx_bf16": True}, True)]
)
def test_quick_is_a_processor_with_instructions(able: dict, quick: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    assert has_bf16_products() is quick
