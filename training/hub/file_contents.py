"""Check the contents of fetched files before they are loaded: JSON configurations and safetensors headers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from training.errors import UserError

MAX_CONFIG_BYTES = 20 * 2**20
VOCABULARIES = ("tokenizer.json", "vocab.json", "added_tokens.json")  # tokens, not settings: any string is allowed
# Paths of the author's machine, found in many repositories; transformers reads the folder's own files instead.
IGNORED_PATHS = ("tokenizer_file", "special_tokens_map_file")
FILE_SETTINGS = ("vocab", "merges", "init_inputs")  # settings of tokenizers that may be a file's path
PARENT_FOLDER = re.compile(r"(^|[/\\])\.\.([/\\]|$)")


def check_contents(folder: Path, names: Iterable[str], cache: Path, repo: str) -> None:
    """Check the content of every fetched file.

    Raises:
        UserError: Naming the file and the problem: a link out of the cache, a configuration that is no JSON, too large,
            points outside its folder or asks for code, or damaged weights.
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
    """Read a configuration of unknown origin.

    Raises:
        UserError: If it is too large, nested too deeply, or no JSON.
    """
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise UserError(f"{what} is larger than {MAX_CONFIG_BYTES // 2**20} MB: no configuration is. It is not read.")
    try:
        return json.loads(path.read_bytes())
    except RecursionError:
        raise UserError(f"{what} is nested too deeply: it is not read.") from None
    except ValueError as error:
        raise UserError(f"{what} is not valid JSON: {str(error)[:200]}.") from None


def check_config(values: object, what: str) -> None:
    """Refuse a configuration that points outside its folder, or names an attention kernel to be fetched and run.

    `auto_map` and other references to the repository's code are allowed: Python files are never fetched, and loaders
    run with trust_remote_code=False.

    Raises:
        UserError: Naming the setting.
    """
    for key, value in _strings(values):
        is_ignored = key in IGNORED_PATHS
        leaves_folder = PARENT_FOLDER.search(value) and " " not in value
        is_file = key.endswith(("_file", "_files")) or key in FILE_SETTINGS
        if not is_ignored and (leaves_folder or (is_file and Path(value).name != value)):
            raise UserError(f"{what} points outside its folder ({key[:60]}): it is not loaded.")
        if key.endswith("_implementation") and "/" in value:
            raise UserError(f"{what} asks for code of the Hub ({key[:60]}: {value[:60]}): it is not loaded.")


def _strings(values: object) -> Iterator[tuple[str, str]]:
    """Yield (key, text) of every text at any depth; items of a list have the list's key."""
    waiting: list[tuple[str, Any]] = [("", values)]
    while waiting:
        key, value = waiting.pop()
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, dict):
            waiting += [(str(name), item) for name, item in value.items()]
        elif isinstance(value, list):
            waiting += [(key, item) for item in value]


def check_weights(path: Path, what: str) -> None:
    """Validate the header of a safetensors file: its length, its JSON, and that every tensor lies within the file.

    Raises:
        UserError: If the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise UserError(f"{what} is damaged ({str(error)[:120]}): it is not loaded.") from None
