"""What was fetched, judged before anything loads it: configurations that stay in their folder, safetensors that are whole."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from training.errors import UserError

LARGEST_CONFIG = 20 * 2**20
VOCABULARIES = (
    "tokenizer.json",
    "vocab.json",
    "added_tokens.json",
)  # tokens, not settings: any string may stand in them
# Left over from the author's machine in many repositories; transformers reads the folder's own files in their place.
LEFT_OVER = ("tokenizer_file", "special_tokens_map_file")
OPENED = ("vocab", "merges", "init_inputs")  # settings of tokenizers that may be a file's path
CLIMBS = re.compile(r"(^|[/\\])\.\.([/\\]|$)")


def check_contents(folder: Path, names: Iterable[str], cache: Path, repo: str) -> None:
    """Judge every fetched file by what is in it.

    Raises:
        UserError: Naming the file and what is wrong: a link out of the cache, a configuration that is no JSON, too large,
            points outside its folder or asks for code, or weights that are damaged.
    """
    for name in names:
        path = folder / name
        if not path.resolve().is_relative_to(cache.resolve()):
            raise UserError(f"{name} of {repo} is a link out of the cache: it is not loaded.")
        if name.endswith(".safetensors"):
            check_weights(path, f"{name} of {repo}")
        elif name.endswith(".json") and path.name not in VOCABULARIES:
            check_config(read_json(path, f"{name} of {repo}"), f"{name} of {repo}")


def read_json(path: Path, what: str) -> Any:
    """A configuration that a stranger wrote.

    Raises:
        UserError: If it is too large, nested too deeply, or no JSON.
    """
    if path.stat().st_size > LARGEST_CONFIG:
        raise UserError(f"{what} is larger than {LARGEST_CONFIG // 2**20} MB: no configuration is. It is not read.")
    try:
        return json.loads(path.read_bytes())
    except RecursionError:
        raise UserError(f"{what} is nested too deeply: it is not read.") from None
    except ValueError as error:
        raise UserError(f"{what} is not valid JSON: {str(error)[:200]}.") from None


def check_config(values: Any, what: str) -> None:
    """Refuse a configuration that points outside its folder, or names an attention kernel to be fetched and run.

    `auto_map` and other code of the repository's own is let through: Python files are never fetched, and the loaders
    are told to trust none.

    Raises:
        UserError: Naming the setting.
    """
    for key, value in _strings(values):
        climbs = CLIMBS.search(value) and " " not in value and key not in LEFT_OVER
        opened = key.endswith(("_file", "_files")) or key in OPENED
        if climbs or (opened and key not in LEFT_OVER and Path(value).name != value):
            raise UserError(f"{what} points outside its folder ({key[:60]}): it is not loaded.")
        if key.endswith("_implementation") and "/" in value:
            raise UserError(f"{what} asks for code of the Hub ({key[:60]}: {value[:60]}): it is not loaded.")


def _strings(values: Any) -> Iterator[tuple[str, str]]:
    """(key, text) of every text at any depth; what a list holds goes by the list's key."""
    waiting: list[tuple[str, Any]] = [("", values)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, dict):
            waiting += [(str(name), each) for name, each in value.items()]
        elif isinstance(value, list):
            waiting += [(key, each) for each in value]


def check_weights(path: Path, what: str) -> None:
    """Read a file's header: its length, its JSON, and that every tensor lies within the file.

    Raises:
        UserError: If the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise UserError(f"{what} is damaged ({str(error)[:120]}): it is not loaded.") from None
