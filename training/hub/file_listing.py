"""Check a repository's file listing before anything is fetched: names, formats, sizes, free disk space."""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from training.errors import UserError
from training.home import is_shared

SENTENCEPIECE = ("*spiece.model", "*sentencepiece.model", "*.bpe.model", "*spm.model", "*tokenizer.model")
FILES = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.md", *SENTENCEPIECE)
PICKLED = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle", ".joblib", ".npy")
OTHER_FORMATS = (".h5", ".msgpack", ".onnx", ".gguf", ".tflite", ".ot")
PROMPT = "prompt.json"  # of a repository without weights
CONVERT = "https://huggingface.co/spaces/safetensors/convert"
MAX_JSON_BYTES = 200 * 2**20  # a vocabulary of many languages has 35 MB
MAX_SHARE_OF_DISK = 0.9  # of the free space; the rest is for runs


def check_listing(info: Any, cache: Path) -> list[str]:
    """Check a listing and return the names of the files to fetch.

    Args:
        info: The client's `ModelInfo` with the files' sizes.
        cache: The folder of the client's cache, `HF_HUB_CACHE`.

    Raises:
        UserError: No weights, pickles only, a name outside the folder, too large for this server or for the disk.
    """
    files = [file for file in info.siblings or [] if is_wanted(file.rfilename)]
    for file in files:
        check_file_name(file.rfilename, info.id)
        if file.rfilename.endswith(".json") and (file.size or 0) > MAX_JSON_BYTES:
            raise UserError(f"{file.rfilename} of {info.id} has {_megabytes(file.size)}: no configuration is so large.")
    if not any(file.rfilename.endswith(".safetensors") for file in files):
        raise UserError(_without_weights(info.id, [file.rfilename for file in info.siblings or []]))
    missing = [file for file in files if not is_cached(info.id, file, cache)]
    check_sizes(info.id, sum(max(0, file.size or 0) for file in missing), cache)
    return [file.rfilename for file in files]


def is_wanted(name: str) -> bool:
    """Whether a file has a format that is fetched; none of these can run code."""
    return any(PurePosixPath(name).match(pattern) for pattern in FILES)


def check_file_name(name: str, repo: str) -> None:
    """Refuse a file name that leads out of its folder, on this or on another operating system.

    Raises:
        UserError: Naming the file.
    """
    parts = PurePosixPath(name).parts
    outside = name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or PureWindowsPath(name).drive
    if outside or not parts:
        raise UserError(f"{repo} has a file {name[:100]!r}, outside its folder: nothing of it is fetched.")


def is_cached(repo: str, file: Any, cache: Path) -> bool:
    """Whether the file's content is in the cache, from this or another revision."""
    from huggingface_hub.file_download import repo_folder_name

    content = file.lfs.sha256 if file.lfs else file.blob_id
    return bool(content) and (cache / repo_folder_name(repo_id=repo, repo_type="model") / "blobs" / content).is_file()


def max_pull_mb() -> int:
    """Return the megabytes that one pull may fetch, `SELFSUP_MAX_PULL_MB`; 0 (default except on a Space): no limit.

    Raises:
        UserError: If the variable holds no whole number.
    """
    text = os.environ.get("SELFSUP_MAX_PULL_MB", "") or ("2000" if is_shared() else "0")
    if not text.isdecimal():
        raise UserError(f"SELFSUP_MAX_PULL_MB is {text!r}; a whole number from 0 up was expected.")
    return int(text)


def check_sizes(repo: str, needed: int, cache: Path) -> None:
    """Refuse more bytes than this server may fetch at once, or than the disk of `cache` has free.

    Raises:
        UserError: With both numbers.
    """
    limit = max_pull_mb()
    if limit and needed > limit * 2**20:
        raise UserError(
            f"{repo} takes {_megabytes(needed)}; this server fetches at most {limit:,} MB at once. "
            "Choose a smaller model, or run the studio on your own machine."
        )
    free = shutil.disk_usage(next(folder for folder in (cache, *cache.absolute().parents) if folder.exists())).free
    if needed > free * MAX_SHARE_OF_DISK:
        raise UserError(f"{repo} takes {_megabytes(needed)} and the disk has {_megabytes(free)} left: make room first.")


def _without_weights(repo: str, names: list[str]) -> str:
    pickles = [name for name in names if name.endswith(PICKLED)]
    others = [name for name in names if name.endswith(OTHER_FORMATS)]
    if pickles:
        return (
            f"{repo} holds its weights as a pickle only ({pickles[0][:100]}), which can run code when it is opened: "
            "nothing was fetched. Try a revision with safetensors, or have it converted at "
            f"{CONVERT} and pull the revision that it makes, {repo}@refs/pr/N."
        )
    if others:
        return (
            f"{repo} holds its weights as {others[0][:100]}; this studio reads safetensors only. Nothing was fetched."
        )
    if PROMPT in names:
        return f"{repo} holds a prompt and no weights: open it under GPT, Try, Prompt studio, On the Hub."
    return f"{repo} has no safetensors file: there are no weights in it to load."


def _megabytes(size: int) -> str:
    return f"{size / 2**30:,.1f} GB" if size >= 2**30 else f"{size / 2**20:,.1f} MB"
