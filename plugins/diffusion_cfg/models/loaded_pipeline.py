"""A loaded pipeline: text encoding, image encoding and decoding, and one call of the denoiser."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from plugins.diffusion_cfg.data.resize import to_float_batch
from plugins.diffusion_cfg.models import autoencoders, unet
from plugins.diffusion_cfg.models.noise_schedule import NoiseSchedule
from plugins.diffusion_cfg.models.pipeline_io import read_pipeline
from plugins.diffusion_cfg.models.text_encoder import token_ids
from training.nn.placement import prediction_dtype
from training.weights import artifact_name

MAX_CACHED_TEXTS = 256
BF16_MIN_PARAMETERS = 50_000_000  # smaller U-Nets are fast enough in fp32, and equal the stock pipeline to 1e-4
PIXELS_PER_DECODE = 2**22  # images are decoded in groups of so many pixels: saves memory, not time


class LoadedPipeline:
    """The networks of a stock pipeline, called directly.

    Args:
        pipeline: A `StableDiffusionPipeline` or one of its relatives.
        name: Shown on the page and written into the metadata of generated images.
    """

    def __init__(self, pipeline: Any, name: str = "", channels_last: bool = True):
        self.pipeline, self.name = pipeline, name
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.vae, self.unet = pipeline.vae.to(self.device), pipeline.unet.to(self.device)
        self.text_encoder, self.tokenizer = pipeline.text_encoder.to(self.device), pipeline.tokenizer
        if channels_last:
            self.vae.to(memory_format=torch.channels_last)
            self.unet.to(memory_format=torch.channels_last)
        parameters = sum(parameter.numel() for parameter in self.unet.parameters())
        holds_bf16 = pipeline.unet.dtype == torch.bfloat16
        self.bf16 = holds_bf16 or (has_fast_bf16(self.device) and parameters > BF16_MIN_PARAMETERS)
        self.noise_schedule = NoiseSchedule.from_config(pipeline.scheduler.config)
        self.downsample_factor = autoencoders.downsample_factor(self.vae)
        self.size_multiple = self.downsample_factor * unet.downsample_factor(
            self.unet
        )  # of an image's height and width
        self._text_cache: OrderedDict[str, Tensor] = OrderedDict()
        self.sample_file: Path | None = None  # see `inspect.views.sample_file`
        self.lock = threading.Lock()  # held while attention is recorded: then the network's processors are replaced

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load an artifact or any other folder of such a pipeline.

        Raises:
            UserError: See `read_pipeline`.
        """
        return cls(read_pipeline(folder, prediction_dtype()), artifact_name(folder))

    @property
    def image_channels(self) -> int:
        """1 for grey images, 3 for colour."""
        return self.vae.config["out_channels"]

    @property
    def latent_channels(self) -> int:
        return self.unet.config["in_channels"]

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the training images."""
        sample_size = self.unet.config["sample_size"]
        height, width = (sample_size, sample_size) if isinstance(sample_size, int) else sample_size
        return height * self.downsample_factor, width * self.downsample_factor

    @property
    def takes_guidance_scale(self) -> bool:
        """Whether the guidance scale is an input of the network, as in latent consistency models (Luo et al., 2023)."""
        return self.unet.config.get("time_cond_proj_dim") is not None

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hex digits that identify the weights: hash of the U-Net's tensor names, shapes and first 64 values."""
        digest = hashlib.sha256()
        for name, value in sorted(self.unet.state_dict().items()):
            digest.update(f"{name} {tuple(value.shape)}".encode())
            digest.update(value.flatten()[:64].float().cpu().numpy().tobytes())
        return digest.hexdigest()[:12]

    def encode_texts(self, texts: list[str]) -> Tensor:
        """Hidden states, (texts, time, width); those of the last 256 distinct texts are cached."""
        new = [text for text in dict.fromkeys(texts) if text not in self._text_cache]
        if new:
            with torch.inference_mode():
                states = self.text_encoder(token_ids(self.tokenizer, new).to(self.device))[0]
            self._text_cache.update(zip(new, states, strict=True))
        hidden = torch.stack([self._text_cache[text] for text in texts])
        for text in texts:
            self._text_cache.move_to_end(text)
        while len(self._text_cache) > MAX_CACHED_TEXTS:
            self._text_cache.popitem(last=False)
        return hidden

    def encode_images(self, images: list[np.ndarray]) -> Tensor:
        """Latents of images of one size, (height, width, channels) uint8 each."""
        with torch.inference_mode():
            return autoencoders.encode_images(self.vae, torch.from_numpy(to_float_batch(images)).to(self.device))

    def decode(self, latents: Tensor) -> Tensor:
        """Images of latents, (batch, channels, height, width) in [-1, 1]."""
        pixels = latents.shape[2] * latents.shape[3] * self.downsample_factor**2
        group = max(1, PIXELS_PER_DECODE // pixels)
        with torch.inference_mode():
            return torch.cat([autoencoders.decode_latents(self.vae, part) for part in latents.split(group)])

    def predict(self, noisy: Tensor, timestep: Tensor, hidden: Tensor, scale_embedding: Tensor | None = None) -> Tensor:
        """Call the U-Net once.

        Args:
            noisy: x_t, (batch, channels, height, width).
            hidden: The captions' hidden states, (batch, time, width).
            scale_embedding: The guidance scale, for networks that take it as an input.

        Returns:
            A prediction of the pipeline's prediction type, in the shape of `noisy`, float32.
        """
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            prediction = self.unet(noisy, timestep, hidden, timestep_cond=scale_embedding, return_dict=False)[0]
        return prediction.float()


def has_fast_bf16(device: torch.device) -> bool:
    """Whether bf16 products are faster than fp32 here: on most GPUs, and on CPUs with AMX tiles."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())
