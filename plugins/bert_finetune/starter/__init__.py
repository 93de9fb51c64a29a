"""The weights that ship with the plugin, one folder each; `recipe/` has the settings and scripts of their training."""

from __future__ import annotations

from pathlib import Path

ENCODER, SENTIMENT, ENTITIES, QUESTIONS = (
    Path(__file__).parent / name
    for name in ("bert-6x192", "bert-6x192-sentiment", "bert-6x192-entities", "bert-6x192-questions")
)
