"""Load weights of the BERT plugin as the kind that their folder names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plugins._recognition import recognise
from plugins.bert_finetune import PLUGIN
from training.preflight.sheet import Sheet
from training.settings import RunSettings


def load(folder: Path) -> Any:
    """The predictor of a run's artifact, a starter or a repository."""
    _, kind = recognise(folder, folder.name, [PLUGIN])
    return kind.load(folder)


def build(kind: str, settings: RunSettings) -> Any:
    """The task of a kind, from data that were read and checked."""
    chosen = PLUGIN.kind(kind)
    data = chosen.read(settings)
    data.sheet.raise_if_blocked()
    return chosen.build(data, settings)


def check(kind: str, settings: RunSettings) -> Sheet:
    """The preflight sheet of a kind."""
    return PLUGIN.kind(kind).examine(settings)[1]
