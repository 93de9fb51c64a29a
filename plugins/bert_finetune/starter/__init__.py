"""The weights that ship with the plugin, by name; `recipe/` says how each was trained."""

from __future__ import annotations

from pathlib import Path

ENCODER = "bert-6x192"  # layers and width
SENTIMENT, ENTITIES, QUESTIONS = f"{ENCODER}-sentiment", f"{ENCODER}-entities", f"{ENCODER}-questions"
FOLDERS = {name: Path(__file__).parent / name for name in (SENTIMENT, ENCODER, ENTITIES, QUESTIONS)}
ANSWERS = {
    **dict.fromkeys(("fill_mask", "fill_mask_file", "next_sentence", "next_sentence_file", "embed"), ENCODER),
    **dict.fromkeys(("tag", "tag_file"), ENTITIES),
    **dict.fromkeys(("answer", "answer_file"), QUESTIONS),
}  # endpoint -> the starter that answers it
