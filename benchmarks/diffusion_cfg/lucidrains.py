"""lucidrains' denoising-diffusion-pytorch on the same work as `diffusion_speed`: a U-Net of about as many weights, on the pixels, with classes.

Only `einops` is needed beside it: its guidance is one file that needs neither torchvision nor its other dependencies.

    pip install --no-deps denoising-diffusion-pytorch einops
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

PACKAGE = "denoising_diffusion_pytorch"
CLASSES = 10
WIDTH = 8  # that of its first stage is a multiple of this


def installed() -> bool:
    return bool(importlib.util.find_spec(PACKAGE) and importlib.util.find_spec("einops"))


def sampling(weights: int, size: int, pictures: int, steps: int, scale: float) -> Callable[[], Any]:
    """Draw by DDIM with guidance; about `weights` parameters."""
    diffusion = _diffusion(weights, size, steps).eval()
    classes = torch.zeros(pictures, dtype=torch.long)
    return lambda: diffusion.sample(classes, cond_scale=scale)


def training(weights: int, size: int, batch: int) -> Callable[[], Any]:
    """A step of its loss with AdamW."""
    diffusion = _diffusion(weights, size, 20)
    optimizer = torch.optim.AdamW(diffusion.parameters(), 1e-4)
    pictures, classes = torch.rand(batch, 3, size, size), torch.zeros(batch, dtype=torch.long)

    def step() -> None:
        diffusion(pictures, classes=classes).backward()
        torch.nn.utils.clip_grad_norm_(diffusion.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def _diffusion(weights: int, size: int, steps: int) -> Any:
    module = _guidance()
    widths = range(WIDTH, 40 * WIDTH, WIDTH)
    width = min(widths, key=lambda width: abs(_count(_unet(module, width)) - weights))
    return module.GaussianDiffusion(_unet(module, width, "cpu"), image_size=size, sampling_timesteps=steps)


def _unet(module: Any, width: int, device: str = "meta") -> Any:
    with torch.device(device):
        return module.Unet(dim=width, num_classes=CLASSES, dim_mults=(1, 2, 4))


def _count(model: torch.nn.Module) -> int:
    return sum(each.numel() for each in model.parameters())


def _guidance() -> Any:
    """Its file alone: importing the package would need torchvision."""
    package = importlib.util.find_spec(PACKAGE)
    if package is None or not package.origin:
        raise ModuleNotFoundError(PACKAGE)
    spec = importlib.util.spec_from_file_location(
        f"{PACKAGE}_guidance", Path(package.origin).with_name("classifier_free_guidance.py")
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
