"""A loaded pipeline at work: texts to hidden states, pictures to latents and back, and one call of the denoiser."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugins.diffusion_cfg.models import autoencoders, unet
from plugins.diffusion_cfg.models.noise_schedule import Noise
from plugins.diffusion_cfg.models.pipeline_io import read
from plugins.diffusion_cfg.models.text_encoder import token_ids

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

KEPT_TEXTS = 256
LARGE = (
    50_000_000  # weights of a denoiser: smaller ones are quick enough in 32 bits, and equal the stock pipeline to 1e-4
)
DECODED_PIXELS = 2**22  # pictures are decoded so many pixels at a time: memory, not speed


class Diffuser:
    """What the endpoints are given.

    Args:
        pipeline: A stock pipeline; its networks are called directly.
        name: What it is called on the page and in a picture's metadata.
    """

    def __init__(self, pipeline: Any, name: str = "", channels_last: bool = True):
        import torch

        self.pipeline, self.name = pipeline, name
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.vae, self.text_encoder, self.unet, self.tokenizer = (
            pipeline.vae.to(self.device), pipeline.text_encoder.to(self.device), pipeline.unet.to(self.device), pipeline.tokenizer
        )  # fmt: skip
        if channels_last:
            self.vae.to(memory_format=torch.channels_last)
            self.unet.to(memory_format=torch.channels_last)
        self.bf16 = has_quick_bf16(self.device) and sum(p.numel() for p in self.unet.parameters()) > LARGE
        self.noise = Noise.of(pipeline.scheduler.config)
        self.factor = autoencoders.factor(self.vae)
        self.multiple = self.factor * unet.shrinks(self.unet)  # what a picture's sides must divide by
        self._texts: OrderedDict[str, Tensor] = OrderedDict()
        self.lock = threading.Lock()  # held while attention is watched: then the network's processors are others

    @classmethod
    def load(cls, folder: Path) -> Diffuser:
        """Of an artifact, or of any folder of such a pipeline.

        Raises:
            UserError: See `assembly.read`.
        """
        return cls(read(folder), name_of(folder))

    @property
    def channels(self) -> int:
        """Of the pictures: 1 grey, 3 colour."""
        return self.vae.config["out_channels"]

    @property
    def latent_channels(self) -> int:
        return self.unet.config["in_channels"]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the pictures that it was trained on."""
        found = self.unet.config["sample_size"]
        height, width = (found, found) if isinstance(found, int) else found
        return height * self.factor, width * self.factor

    @property
    def takes_scale(self) -> bool:
        """Whether the guidance scale is an input of the network, as in latent consistency models (Luo et al., 2023)."""
        return self.unet.config.get("time_cond_proj_dim") is not None

    @cached_property
    def fingerprint(self) -> str:
        """Twelve letters that tell these weights from others: names, shapes and the first numbers of the denoiser's tensors."""
        digest = hashlib.sha256()
        for name, value in sorted(self.unet.state_dict().items()):
            digest.update(f"{name} {tuple(value.shape)}".encode())
            digest.update(value.flatten()[:64].float().cpu().numpy().tobytes())
        return digest.hexdigest()[:12]

    def encode_texts(self, texts: list[str]) -> Tensor:
        """Hidden states, (texts, time, width); those of the last 256 different texts are kept."""
        import torch

        new = [text for text in dict.fromkeys(texts) if text not in self._texts]
        if new:
            with torch.inference_mode():
                found = self.text_encoder(token_ids(self.tokenizer, new).to(self.device))[0]
            self._texts.update(zip(new, found, strict=True))
        states = torch.stack([self._texts[text] for text in texts])
        for text in texts:
            self._texts.move_to_end(text)
        while len(self._texts) > KEPT_TEXTS:
            self._texts.popitem(last=False)
        return states

    def encode_pictures(self, pictures: list[np.ndarray]) -> Tensor:
        """Latents of pictures (height, width, channels) uint8, all of one size."""
        import torch

        from plugins.diffusion_cfg.data.resize import to_tensor

        with torch.inference_mode():
            return autoencoders.to_latents(self.vae, torch.from_numpy(to_tensor(pictures)).to(self.device))

    def decode(self, latents: Tensor) -> Tensor:
        """Pictures of latents, (batch, channels, height, width) in [-1, 1]."""
        import torch

        at_once = max(1, DECODED_PIXELS // (latents.shape[2] * latents.shape[3] * self.factor**2))
        with torch.inference_mode():
            return torch.cat([autoencoders.to_pixels(self.vae, part) for part in latents.split(at_once)])

    def predict(
        self, noisy: Tensor, timestep: torch.Tensor, hidden: Tensor, scale_embedding: Tensor | None = None
    ) -> Tensor:
        """One call of the denoiser: what it says of noisy latents, (batch, channels, height, width)."""
        import torch

        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            found = self.unet(noisy, timestep, hidden, timestep_cond=scale_embedding, return_dict=False)[0]
        return found.float()


def name_of(folder: Path) -> str:
    """What weights are called: a run by its id, a repository of the Hub with its commit, a starter by its folder."""
    if folder.name == "artifact":
        return folder.parent.name
    if folder.parent.name == "snapshots":  # the Hub's cache: models--owner--repo/snapshots/commit
        repo = folder.parents[1].name.removeprefix("models--").replace("--", "/", 1)
        return f"{repo}@{folder.name[:12]}"
    return folder.name


def has_quick_bf16(device: torch.device) -> bool:
    """Whether products in bf16 are quicker than in 32 bits here: on most GPUs, and on processors with tiles for them (AMX)."""
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())
