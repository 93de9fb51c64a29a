"""Latents of the images, computed once, as the autoencoder is frozen, and cached on disk across runs."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from plugins.diffusion_cfg.data.resize import ResizedImages, to_float_batch
from plugins.diffusion_cfg.models import autoencoders
from training.home import home

BATCH = 64
MAX_FILES = 6  # older ones are deleted
MAX_BYTES = 4 * 2**30


def cached_latents(vae: Any, images: ResizedImages, device: str) -> torch.Tensor:
    """Latents of all images, (images, channels, height, width) float32.

    They are read from `home()/latents` if the same images met the same autoencoder before.
    """
    if not len(images):
        return torch.zeros(0)
    file = home() / "latents" / f"{_key(vae, images)}.npy"
    try:
        latents = torch.from_numpy(np.load(file, allow_pickle=False))
        os.utime(file)
        return latents
    except (OSError, ValueError):
        pass
    latents = encode(vae, images, device)
    if latents.nbytes <= MAX_BYTES:
        _store(file, latents.numpy())
    return latents


def encode(vae: Any, images: ResizedImages, device: str) -> torch.Tensor:
    """Encode all images; for the result see `cached_latents`.

    Contiguous, as latents read from the cache are: noise is drawn in the order of memory, so a first run and one that
    reads the cache (a second or a resumed one) would train on other noise.
    """
    vae = vae.to(device)
    latents = []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            rows = [images[row] for row in range(start, min(start + BATCH, len(images)))]
            batch = torch.from_numpy(to_float_batch(rows)).to(device)
            latents.append(autoencoders.encode_images(vae, batch).float().cpu())
    return torch.cat(latents).clone(memory_format=torch.contiguous_format)


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


def _store(file: Path, latents: np.ndarray) -> None:
    """Write atomically; on a full disk nothing is cached, and the latents are computed again next time."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}.part")
        with part.open("wb") as stream:
            np.save(stream, latents, allow_pickle=False)
        part.replace(file)
        for old in sorted(file.parent.glob("*.npy"), key=lambda path: path.stat().st_mtime)[:-MAX_FILES]:
            old.unlink(missing_ok=True)
    except OSError:
        return
