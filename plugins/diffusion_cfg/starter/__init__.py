"""The weights that ship with the plugin, by name; `recipe/` says how each was trained."""

from __future__ import annotations

from pathlib import Path

EMOJI, FASHION, CAPTIONED_ONLY = "emoji", "fashion", "fashion-p-uncond-0"
_HERE = Path(__file__).parent
FOLDERS = {name: _HERE / name for name in (FASHION, EMOJI, CAPTIONED_ONLY)}
EXAMPLES = {
    FASHION: ["a dress", "a running shoe", "a pullover with long sleeves"],
    EMOJI: ["crying cat", "taxi", "sun", "blue heart"],
}
PROMPTS = EXAMPLES[FASHION]  # what the first starter can draw
