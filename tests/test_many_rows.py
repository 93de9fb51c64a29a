"""A file's rows are computed in bf16 where the processor is quick at it, and say what single texts say."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from plugins.bert_finetune import PLUGIN, endpoints, load, many_rows
from tests.files import write
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
    with endpoints.classify_file(model, file).open(newline="", encoding="utf-8") as scored:
        rows = list(csv.DictReader(scored))
    alone = [endpoints.classify(model, text) for text in texts]
    assert [row["predicted_label"] for row in rows] == [each["label"] for each in alone]
    for row, each in zip(rows, alone, strict=True):
        assert float(row["probability"]) == pytest.approx(each["probabilities"][each["label"]], abs=0.02)


@pytest.mark.parametrize(
    ("able", "quick"), [({"avx2": True}, False), ({"avx512_bf16": True}, True), ({"amx_bf16": True}, True)]
)
def test_quick_is_a_processor_with_instructions(able: dict, quick: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able, raising=False)
    assert has_bf16_products() is quick
