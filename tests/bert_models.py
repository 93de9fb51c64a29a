"""Weights of the BERT plugin: loaded as the kind that their folder names, and tiny ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from plugins._recognition import recognise
from plugins.bert_finetune import PLUGIN
from plugins.bert_finetune.classify.settings import ClassifySettings
from plugins.bert_finetune.models import loading
from plugins.bert_finetune.models.wordpiece import train_wordpiece
from training.preflight.sheet import Sheet
from training.settings import RunSettings, parse_settings

# Classes of a task, and the words that tell them.
WORDS = {"red": "tomato cherry ruby brick", "green": "grass leaf emerald lime", "blue": "sky sea sapphire ink"}


def load(folder: Path) -> Any:
    """The predictor of a run's artifact, a starter or a repository."""
    _, kind = recognise(folder, folder.name, [PLUGIN])
    return kind.load(folder)


def tiny_encoder(model_class: Any) -> tuple[Any, Any]:
    """A BERT of random weights that knows the letters of `WORDS`, and its tokenizer."""
    tokenizer = train_wordpiece([" ".join(WORDS.values())] * 3, 90, 32)
    torch.manual_seed(0)
    sizes = parse_settings(ClassifySettings, {"layers": 2, "heads": 4, "hidden_size": 32})
    return model_class(loading.new_config(sizes, tokenizer)), tokenizer


def build(kind: str, settings: RunSettings) -> Any:
    """The task of a kind, from data that were read and checked."""
    chosen = PLUGIN.kind(kind)
    data = chosen.read(settings)
    data.sheet.raise_if_blocked()
    return chosen.build(data, settings)


def check(kind: str, settings: RunSettings) -> Sheet:
    """The preflight sheet of a kind."""
    return PLUGIN.kind(kind).examine(settings)[1]
