"""Latents of pictures, computed once: the autoencoder does not change while a denoiser trains. Kept on disk from run to run."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from plugins.diffusion_cfg.data.resize import Sized, to_tensor
from plugins.diffusion_cfg.models.autoencoders import to_latents
from training.home import home

TOGETHER = 64
KEPT = 6  # files; older ones are deleted
MOST_BYTES = 4 * 2**30


def cached_latents(vae: Any, pictures: Sized, device: str) -> torch.Tensor:
    """Latents of all pictures, (pictures, channels, height, width) float32.

    They are read from `home()/latents` where the same pictures met the same autoencoder before.
    """
    if not len(pictures):
        return torch.zeros(0)
    file = home() / "latents" / f"{_key(vae, pictures)}.npy"
    try:
        found = torch.from_numpy(np.load(file, allow_pickle=False))
        os.utime(file)
        return found
    except (OSError, ValueError):
        pass
    latents = encode(vae, pictures, device)
    if latents.nbytes <= MOST_BYTES:
        _keep(file, latents.numpy())
    return latents


def encode(vae: Any, pictures: Sized, device: str) -> torch.Tensor:
    """As `cached_latents`, computed."""
    vae = vae.to(device)
    found = []
    with torch.inference_mode():
        for start in range(0, len(pictures), TOGETHER):
            rows = [pictures[row] for row in range(start, min(start + TOGETHER, len(pictures)))]
            found.append(to_latents(vae, torch.from_numpy(to_tensor(rows)).to(device)).float().cpu())
    return torch.cat(found).clone()


def _key(vae: Any, pictures: Sized) -> str:
    """Of the pictures as they are shown, and of the autoencoder's weights."""
    digest = hashlib.sha256(
        f"{pictures.size} {pictures.fit} {pictures.channels} {vae.config['scaling_factor']}".encode()
    )
    for row in range(len(pictures)):
        digest.update(pictures.images.bytes(row))
    for name, value in sorted(vae.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.cpu().numpy().tobytes())
    return digest.hexdigest()[:32]


def _keep(file: Path, latents: np.ndarray) -> None:
    """Write whole or not at all; a full disk only costs the time of computing them again."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}.part")
        with part.open("wb") as stream:
            np.save(stream, latents, allow_pickle=False)
        part.replace(file)
        for old in sorted(file.parent.glob("*.npy"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        return
