"""What tests of labelling texts share: topics, the starter's encoder, and a home of their own for each test's sessions."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugins.bert_finetune import starter
from plugins.bert_finetune.encode.predictor import EncoderPredictor, load

TOPICS = {"money": "send money to my bank account", "travel": "book a flight to paris", "food": "cook rice for dinner"}


@pytest.fixture(scope="module")
def encoder() -> EncoderPredictor:
    return load(starter.ENCODER)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFSUP_HOME", str(tmp_path / "home"))
