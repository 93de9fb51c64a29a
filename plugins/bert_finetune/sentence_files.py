"""Sentence encoders by the files that sentence-transformers writes beside their weights. No torch: rules read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.errors import UserError
from training.hub.file_contents import read_json
from training.weights import artifact_name

MODULES, POOLING = "modules.json", "1_Pooling"
MEND = "Mend it or choose other weights; to train, you can also set pooling and contrastive yourself."
LONGEST_NAME = 100
MEAN, CLS = "mean", "cls"  # as sentence-transformers calls them
MODE_KEY = "pooling_mode"
OLDER_KEYS = {f"{MODE_KEY}_mean_tokens": MEAN, f"{MODE_KEY}_cls_token": CLS}  # before sentence-transformers 6


@dataclass(frozen=True)
class SentencePooling:
    """How an encoder makes a text's vector of its tokens'.

    Args:
        mode: `MEAN` of all tokens, or `CLS`: that of the first.
        file: That says so.
        is_normalised: Whether the vector is then scaled to length 1.
    """

    mode: str
    file: str
    is_normalised: bool


def sentence_pooling(folder: Path) -> SentencePooling | None:
    """What the files of a sentence encoder say of its vectors; None where they say nothing.

    An encoder whose vector is another (the largest of the tokens', or several side by side) is none of these.

    Raises:
        UserError: If one of the files cannot be read, or is no such file.
    """
    modules = _modules(folder)
    if not (place := _pooling_place(folder, modules)):
        return None
    name = f"{place}/config.json"
    modes = _modes(_read(folder, name, dict))
    if modes not in ([MEAN], [CLS]):
        return None
    return SentencePooling(modes[0], name, "Normalize" in {kind for kind, _ in modules})


def _modules(folder: Path) -> list[tuple[str, Any]]:
    """Kind and subfolder of each module."""
    listed = _read(folder, MODULES, list)
    return [(str(each.get("type")).rpartition(".")[2], each.get("path")) for each in listed if isinstance(each, dict)]


def _pooling_place(folder: Path, modules: list[tuple[str, Any]]) -> str:
    """The subfolder of the module that pools; of an encoder without a list of modules the usual one."""
    if not (folder / MODULES).is_file():
        return POOLING
    place = next((path for kind, path in modules if kind == "Pooling"), "")
    if not isinstance(place, str) or len(place) > LONGEST_NAME or place == ".." or Path(place).name != place:
        raise UserError(f"{MODULES} of {artifact_name(folder)} names no subfolder for its pooling. {MEND}")
    return place


def _modes(config: dict[str, Any]) -> list[Any]:
    if modes := config.get(MODE_KEY):
        return modes if isinstance(modes, list) else [modes]
    chosen = [name for name, value in config.items() if name.startswith(f"{MODE_KEY}_") and value is True]
    return [OLDER_KEYS.get(name, name) for name in chosen]


def _read(folder: Path, name: str, kind: type) -> Any:
    """A JSON file of unknown origin; empty where there is none."""
    if not (folder / name).is_file():
        return kind()
    what = f"{name} of {artifact_name(folder)}"
    try:
        values = read_json(folder / name, what)
    except (UserError, OSError) as error:
        raise UserError(f"{error if isinstance(error, UserError) else f'{what} cannot be read.'} {MEND}") from None
    if not isinstance(values, kind):
        raise UserError(f"{what} should hold {'a list' if kind is list else 'an object'}. {MEND}")
    return values
