"""Sentence vectors kept on disk, so that texts are encoded once for all rounds, also of another process.

A file is found by a fingerprint of the network's weights and the texts. Like parsed tables, vectors are copies of
users' data: they are deleted after a day, or earlier where they take too much room.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from plugins.bert_finetune.label.head import unit
from training import files
from training.home import cache_folder

if TYPE_CHECKING:
    from plugins.bert_finetune.encode.predictor import EncoderPredictor

MAX_CACHE_BYTES = 2 * 2**30
MAX_AGE_SECONDS = 86_400.0
MAX_SHARE_OF_DISK = 0.2  # of what is free
MAX_CHARACTERS_PER_TOKEN = 20  # beyond them nothing of a text is read
MAX_RECENT_BYTES = 512 * 2**20
CHUNK = 1024  # texts of similar length


def cached_vectors(model: EncoderPredictor, texts: Sequence[str]) -> np.ndarray:
    """Vectors of length 1, (texts, width), float32; encoded at the first call, short texts together.

    Those of a tuple of texts stay in memory with the model until it is asked for others.
    """
    if model.recent and model.recent[0] is texts:
        return model.recent[1]
    vectors = _from_disk(model, texts)
    if isinstance(texts, tuple) and vectors.nbytes <= MAX_RECENT_BYTES:
        model.recent = texts, vectors
    return vectors


def _from_disk(model: EncoderPredictor, texts: Sequence[str]) -> np.ndarray:
    path = cache_folder("vectors") / f"{_fingerprint(model, texts)}.npy"
    with contextlib.suppress(OSError, ValueError):  # none yet, or damaged
        os.utime(path)
        found = np.load(path, allow_pickle=False)
        if found.ndim == 2 and len(found) == len(texts):
            return found.astype(np.float32)
    vectors = encode(model, texts).astype(np.float16)
    _store(path, vectors)
    return vectors.astype(np.float32)  # the same numbers at every call


def encode(model: EncoderPredictor, texts: Sequence[str]) -> np.ndarray:
    """Vectors of length 1, (texts, width)."""
    most = MAX_CHARACTERS_PER_TOKEN * model.max_length
    order: list[int] = np.argsort([len(text) for text in texts], kind="stable").tolist()
    parts = [
        model.vectors([texts[row][:most] for row in order[start : start + CHUNK]])
        for start in range(0, len(texts), CHUNK)
    ]
    vectors = np.concatenate(parts)
    return unit(vectors[np.argsort(order)])


def _fingerprint(model: EncoderPredictor, texts: Sequence[str]) -> str:
    """Of every weight's sum and first values, and of the texts."""
    by_first = " first" if model.pools_first else ""
    digest = hashlib.sha256(f"1 {model.max_length} {len(texts)}{by_first}\n".encode())
    for name, weight in model.model.named_parameters():
        about = weight.detach().flatten()
        digest.update(f"{name} {about.double().sum().item()!r} {about[:8].float().tolist()}\n".encode())
    digest.update("\0".join(texts).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]


def _store(path: Path, vectors: np.ndarray) -> None:
    """Keep vectors; if there is no room for them, they are computed again next time."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.evict(path.parent, MAX_CACHE_BYTES - vectors.nbytes, MAX_AGE_SECONDS)
        if vectors.nbytes > min(MAX_CACHE_BYTES, shutil.disk_usage(path.parent).free * MAX_SHARE_OF_DISK):
            return
        try:
            with temporary.open("wb") as file:
                np.save(file, vectors)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
