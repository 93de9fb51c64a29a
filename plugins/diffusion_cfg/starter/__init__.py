"""The weights that ship with the plugin; `recipe/` says how each was trained."""

from __future__ import annotations

from pathlib import Path

EMOJI, FASHION, FASHION_NO_CAPTION_DROPOUT = "emoji", "fashion", "fashion-no-caption-dropout"
FOLDERS = tuple(Path(__file__).parent / name for name in (FASHION, EMOJI, FASHION_NO_CAPTION_DROPOUT))
EXAMPLES = {
    FASHION: ["a dress", "a running shoe", "a pullover with long sleeves"],
    EMOJI: ["red heart", "green apple", "taxi", "angry face"],
}
ATTENTION_PROMPT = "man with red hair"  # of EMOJI: its words attend to different places
PROMPTS = EXAMPLES[FASHION]  # prompts for the default starter
