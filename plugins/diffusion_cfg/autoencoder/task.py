"""Train a variational autoencoder on images (Rombach et al., 2022, §3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from plugins.diffusion_cfg.autoencoder.loss import kl_divergence, psnr, reconstruction_loss, shrunk_and_enlarged
from plugins.diffusion_cfg.autoencoder.settings import AutoencoderSettings
from plugins.diffusion_cfg.data.captioned_images import SplitImages
from plugins.diffusion_cfg.data.resize import to_float_batch
from plugins.diffusion_cfg.images import data_url, side_by_side
from plugins.diffusion_cfg.models.autoencoders import AUTOENCODER_SIZES, downsample_factor, make_autoencoder
from plugins.diffusion_cfg.models.library_logging import quiet_libraries
from plugins.diffusion_cfg.models.pipeline_io import read_autoencoder, remove_local_paths
from plugins.diffusion_cfg.settings import DEFAULT_IMAGE_SIZE
from training.errors import UserError
from training.figures import Baseline, Figure
from training.fit.batches import step_seed
from training.nn.cpu_copy import cpu_copy
from training.task import Score, Task

PREVIEW_IMAGES = 8
PSNR_MEANING = (
    "How close held-out pictures are to themselves after the latents: 20 dB is rough, 30 good, 40 hard to tell."
)
SCALE_IMAGES = 512  # training images that the latents' standard deviation is estimated on
SCALE_BATCH = 64


class ReconstructionModel(torch.nn.Module):
    """The autoencoder from image to image in one `forward`, so that several processes can share its gradients."""

    def __init__(self, vae: AutoencoderKL):
        super().__init__()
        self.vae = vae

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstructions, and mean and log variance of the posterior; outside training, latents are the mean."""
        posterior = self.vae.encode(images).latent_dist  # type: ignore[union-attr]
        latents = posterior.sample() if self.training else posterior.mode()
        return self.vae.decode(latents).sample, posterior.mean, posterior.logvar  # type: ignore[union-attr]


class ReconstructionErrors(NamedTuple):
    """Evaluation of one held-out image."""

    loss: float
    psnr: float
    kl: float
    shrunk_psnr: float  # of the image made as small as its latents and enlarged again, without a network


def build(data: SplitImages, settings: AutoencoderSettings) -> AutoencoderTask:
    """Make or load the network.

    Raises:
        UserError: If the weights are of another class, or the image size does not fit the network.
    """
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    if settings.model:
        model = read_autoencoder(Path(settings.model)).requires_grad_(True)
        if not isinstance(model, AutoencoderKL):
            raise UserError(f"{type(model).__name__} cannot be trained: an AutoencoderKL was expected.")
        image_size = settings.image_size or model.config["sample_size"]
    else:
        image_size = settings.image_size or DEFAULT_IMAGE_SIZE
        size = AUTOENCODER_SIZES[settings.size, int(settings.downsample_factor)]
        model = make_autoencoder(size, settings.image_channels, settings.latent_channels, image_size)
    factor = downsample_factor(model)
    if image_size % factor:
        raise UserError(
            f"image_size: {image_size} is not a multiple of the autoencoder's downsampling factor {factor}."
        )
    return AutoencoderTask(settings, data, model, image_size)


class AutoencoderTask(Task):
    """Rows are images, (size, size, channels) uint8."""

    metric, maximize = "psnr", True
    train_data: Sequence

    def __init__(self, settings: AutoencoderSettings, data: SplitImages, model: AutoencoderKL, image_size: int):
        self.settings = settings
        self.model = ReconstructionModel(model).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.train_data, self.eval_data = data.resized(image_size, model.config["in_channels"], settings)
        self.facts = {
            "images": len(self.train_data),
            "image_size": image_size,
            "channels": model.config["in_channels"],
            "downsample_factor": downsample_factor(model),
            "latent_channels": model.config["latent_channels"],
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
        }

    def collate(self, rows: list, rng: np.random.Generator, training: bool) -> dict[str, Tensor]:
        """images, (batch, channels, size, size) in [-1, 1]."""
        images = torch.from_numpy(to_float_batch(rows))
        return {"images": images.contiguous(memory_format=torch.channels_last)}

    def losses(self, model: torch.nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """Reconstruction loss of sampled latents plus the weighted KL divergence, (batch,)."""
        reconstructions, mean, log_variance = model(batch["images"])
        return self._loss(reconstructions, batch["images"], kl_divergence(mean, log_variance))

    def _loss(self, reconstructions: Tensor, images: Tensor, kl: Tensor) -> Tensor:
        reconstruction = reconstruction_loss(reconstructions, images, self.settings.gradient_loss_weight)
        return reconstruction + self.settings.kl_weight * kl

    def predict(self, model: torch.nn.Module, batch: dict[str, Tensor]) -> list[ReconstructionErrors]:
        images = batch["images"]
        reconstructions, mean, log_variance = model(images)
        kl = kl_divergence(mean, log_variance)
        shrunk = psnr(shrunk_and_enlarged(images, self.facts["downsample_factor"]), images)
        columns = self._loss(reconstructions, images, kl), psnr(reconstructions, images), kl, shrunk
        rows = zip(*(column.float().tolist() for column in columns), strict=True)
        return [ReconstructionErrors(*row) for row in rows]

    def score(self, outputs: list[ReconstructionErrors]) -> Score:
        means = ReconstructionErrors(*np.mean(np.array(outputs), axis=0).tolist())
        size = f"pictures made {self.facts['downsample_factor']} times smaller and enlarged again"
        figure = Figure("psnr", "PSNR", means.psnr, PSNR_MEANING, (Baseline(size, means.shrunk_psnr),), unit="dB")
        return Score({"loss": means.loss, "psnr": means.psnr, "kl": means.kl}, figures=(figure,))

    def preview(self, model: torch.nn.Module, device: torch.device) -> list[dict]:
        """Held-out images above their reconstructions."""
        data = self.eval_data if len(self.eval_data) else self.train_data
        rows = [data[row] for row in range(min(PREVIEW_IMAGES, len(data)))]
        images = self.evaluation_batch(rows)["images"].to(device)
        reconstructions = model(images)[0]
        both = torch.cat([side_by_side(images.float()), side_by_side(reconstructions.float())], dim=1)
        return [{"image": data_url(both), "caption": "above: held-out images; below: their reconstructions"}]

    def save(self, model: Any, folder: Path) -> None:
        """Save for `AutoencoderKL.from_pretrained`, with the latents' scale in the config."""
        scaling_factor = float(f"{1 / self._latent_deviation(model.vae):.5g}")
        precision = torch.float16 if self.settings.half_precision else torch.float32
        vae = cpu_copy(model.vae, precision)
        vae.register_to_config(scaling_factor=scaling_factor)
        with quiet_libraries():
            vae.save_pretrained(folder, safe_serialization=True)
        remove_local_paths(folder)

    def _latent_deviation(self, vae: Any) -> float:
        """Standard deviation of the latents of training images (Rombach et al., 2022, App. D.1)."""
        rows = [self.train_data[row] for row in range(min(SCALE_IMAGES, len(self.train_data)))]
        if not rows:
            return 1.0
        device = next(vae.parameters()).device
        batches = [rows[start : start + SCALE_BATCH] for start in range(0, len(rows), SCALE_BATCH)]
        with torch.no_grad():
            images = (self.evaluation_batch(batch)["images"].to(device) for batch in batches)
            means = torch.cat([vae.encode(batch.to(vae.dtype)).latent_dist.mean for batch in images])
        return max(1e-6, float(means.float().std()))
