"""The weights that ship with the plugin, by name; `recipe/` says how each was trained."""

from __future__ import annotations

from pathlib import Path

EMOJI, FASHION, CAPTIONED_ONLY = "emoji", "fashion", "fashion-p-uncond-0"
_HERE = Path(__file__).parent
FOLDERS = {
    name: _HERE / name for name in (EMOJI, FASHION, CAPTIONED_ONLY) if (_HERE / name / "model_index.json").is_file()
}
EXAMPLES = {
    EMOJI: ["red heart", "green apple", "crying cat", "blue car", "smiling face with sunglasses", "orange circle"],
    FASHION: ["a dress", "a running shoe", "a handbag", "a pullover with long sleeves", "an ankle boot"],
}
PROMPTS = next(
    (EXAMPLES[name] for name in FOLDERS if name in EXAMPLES), EXAMPLES[EMOJI]
)  # what the first starter can draw
