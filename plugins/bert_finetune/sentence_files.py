"""Sentence encoders by the files that sentence-transformers writes beside their weights. No torch: rules read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from training.errors import UserError
from training.hub.file_contents import read_json
from training.weights import artifact_name

MODULES, POOLING = "modules.json", "1_Pooling"
MEND = "Mend it, choose other weights, or set pooling and contrastive yourself."
LONGEST_NAME = 100
MEAN_KEY, MODE_KEY = "pooling_mode_mean_tokens", "pooling_mode"  # the older entry, and that of sentence-transformers 6


def mean_pooling_file(folder: Path) -> str:
    """The file that says that a text's vector is the mean of its tokens'; empty where none does.

    An encoder whose vector is another (the first token's, or several side by side) is none of these.

    Raises:
        UserError: If one of the files cannot be read, or is no such file.
    """
    if not (place := _pooling_place(folder)):
        return ""
    name = f"{place}/config.json"
    modes = _modes(_read(folder, name, dict))
    return name if modes == ["mean"] else ""


def _pooling_place(folder: Path) -> str:
    """The subfolder of the module that pools; of an encoder without a list of modules the usual one."""
    if not (folder / MODULES).is_file():
        return POOLING
    modules = _read(folder, MODULES, list)
    kinds = [(str(each.get("type")), each.get("path")) for each in modules if isinstance(each, dict)]
    place = next((path for kind, path in kinds if kind.rpartition(".")[2] == "Pooling"), "")
    if not isinstance(place, str) or len(place) > LONGEST_NAME or place == ".." or Path(place).name != place:
        raise UserError(f"{MODULES} of {artifact_name(folder)} names no subfolder for its pooling. {MEND}")
    return place


def _modes(config: dict[str, Any]) -> list[Any]:
    if modes := config.get(MODE_KEY):
        return modes if isinstance(modes, list) else [modes]
    chosen = [name for name, value in config.items() if name.startswith(f"{MODE_KEY}_") and value is True]
    return ["mean" if name == MEAN_KEY else name for name in chosen]


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
