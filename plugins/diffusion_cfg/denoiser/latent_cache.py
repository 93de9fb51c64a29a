"""Latents of the images, computed once, as the autoencoder is frozen, and cached on disk across runs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch

from plugins.diffusion_cfg.data.resize import ResizedImages, to_float_batch
from plugins.diffusion_cfg.models import autoencoders
from training.data.progress import report
from training.home import cache_folder

BATCH = 64
MAX_FILES = 6  # older ones are deleted
MAX_SHARE_OF_DISK = 0.5  # of what is free
ENCODING = "Encoding the images"


class Latents:
    """Latents of images, mapped from files where there was room for them.

    Args:
        parts: (images, channels, height, width) float32 each, one after the other.
    """

    def __init__(self, parts: Sequence[np.ndarray]):
        self.parts = [part for part in parts if len(part)]
        self.ends = np.cumsum([0, *map(len, self.parts)])
        self.shape = (int(self.ends[-1]), *(self.parts[0].shape[1:] if self.parts else ()))

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Sequence[int]) -> torch.Tensor:
        """Those of some images, (rows, channels, height, width), copied and contiguous."""
        wanted = np.asarray(rows, np.int64)
        found = np.empty((len(wanted), *self.shape[1:]), np.float32)
        of_part = np.searchsorted(self.ends, wanted, side="right") - 1
        for number, part in enumerate(self.parts):
            here = of_part == number
            found[here] = part[wanted[here] - self.ends[number]]
        return torch.from_numpy(found)


def cached_latents(vae: Any, images: ResizedImages, device: str) -> np.ndarray:
    """Latents of all images, (images, channels, height, width) float32.

    They are mapped from the cache `latents`, written first unless the same images met the same autoencoder
    before. Without room on the disk they are in memory.
    """
    if not len(images):
        return np.zeros(0, np.float32)
    file = cache_folder("latents") / f"{_key(vae, images)}.npy"
    with contextlib.suppress(OSError, ValueError):
        latents = np.load(file, mmap_mode="r", allow_pickle=False)
        os.utime(file)
        return latents
    batches = encode(vae, images, device)
    first = next(batches)
    if _has_room(file, first[:1].nbytes * len(images)):
        with contextlib.suppress(OSError):
            _store(file, chain([first], batches), len(images))
            return np.load(file, mmap_mode="r", allow_pickle=False)
        return np.concatenate(list(encode(vae, images, device)))
    return np.concatenate([first, *batches])


def encode(vae: Any, images: ResizedImages, device: str) -> Iterator[np.ndarray]:
    """Encode all images, a batch at a time; for the result see `cached_latents`."""
    vae = vae.to(device)
    for start in range(0, len(images), BATCH):
        report(ENCODING, start, len(images))
        rows = [images[row] for row in range(start, min(start + BATCH, len(images)))]
        batch = torch.from_numpy(to_float_batch(rows)).to(device)
        with torch.inference_mode():
            yield autoencoders.encode_images(vae, batch).float().cpu().contiguous().numpy()


def _key(vae: Any, images: ResizedImages) -> str:
    """Hash of the images, of how they are resized, and of the autoencoder's weights."""
    resizing = f"{images.size} {images.mode} {images.channels} {vae.config['scaling_factor']}"
    digest = hashlib.sha256(resizing.encode())
    for row in range(len(images)):
        digest.update(images.images.bytes(row))
    for name, value in sorted(vae.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.cpu().numpy().tobytes())
    return digest.hexdigest()[:32]


def _has_room(file: Path, size_bytes: int) -> bool:
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        return size_bytes <= shutil.disk_usage(file.parent).free * MAX_SHARE_OF_DISK
    return False


def _store(file: Path, batches: Iterable[np.ndarray], count: int) -> None:
    """Write batches as one array, atomically.

    Raises:
        OSError: The disk is full; nothing half-written is left.
    """
    part = file.with_suffix(f".{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            for number, batch in enumerate(batches):
                if not number:
                    shape = (count, *batch.shape[1:])
                    about = {"descr": batch.dtype.str, "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(stream, about)
                stream.write(np.ascontiguousarray(batch).data)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    for old in sorted(file.parent.glob("*.npy"), key=lambda path: path.stat().st_mtime)[:-MAX_FILES]:
        old.unlink(missing_ok=True)
