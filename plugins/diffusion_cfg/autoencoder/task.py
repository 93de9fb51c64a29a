"""The task of `autoencoder`: pictures through a narrow latent and back (Rombach et al., 2022, §3.1)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from plugins.diffusion_cfg.autoencoder.loss import kl_divergence, psnr, reconstruction_loss
from plugins.diffusion_cfg.data.captioned_images import read
from plugins.diffusion_cfg.data.resize import Sized, to_tensor
from plugins.diffusion_cfg.images import data_url, side_by_side
from plugins.diffusion_cfg.models.autoencoders import AUTOENCODERS, factor, make_autoencoder
from plugins.diffusion_cfg.models.pipeline_io import forget_paths, quietly, read_autoencoder
from plugins.diffusion_cfg.settings import USUAL_SIZE
from training.errors import UserError
from training.fit.batches import step_seed
from training.task import Score, Task

if TYPE_CHECKING:
    from plugins.diffusion_cfg.settings import AutoencoderSettings

SHOWN = 8
MEASURED = 512  # pictures whose latents say how large latents are


class Through(torch.nn.Module):
    """The autoencoder from picture to picture in one call, so that several processes share its gradients."""

    def __init__(self, vae: Any):
        super().__init__()
        self.vae = vae

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What comes back, and mean and log variance of the latents' posterior: in training one is drawn, else the mean is taken."""
        posterior = self.vae.encode(pictures).latent_dist
        latents = posterior.sample() if self.training else posterior.mode()
        return self.vae.decode(latents).sample, posterior.mean, posterior.logvar


class Outcome(NamedTuple):
    """What a held-out picture came to."""

    loss: float
    psnr: float
    kl: float


def build(settings: AutoencoderSettings) -> AutoencoderTask:
    """Read the pictures, make or load the network.

    Raises:
        UserError: What the preflight sheet would show in red.
    """
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    if settings.model:
        model = read_autoencoder(Path(settings.model)).requires_grad_(True)
        if type(model).__name__ != "AutoencoderKL":
            raise UserError(f"{type(model).__name__} cannot be trained on: an AutoencoderKL was expected.")
        channels: Any = {1: "grey", 3: "colour"}[model.config["in_channels"]]
        size = settings.image_size or model.config["sample_size"]
        settings = settings.model_copy(update={"channels": channels, "image_size": size})
    else:
        settings = settings.model_copy(update={"image_size": settings.image_size or USUAL_SIZE})
        depth = AUTOENCODERS[settings.size, int(settings.factor)]
        model = make_autoencoder(depth, settings.picture_channels, settings.latent_channels, settings.image_size)
    if settings.image_size % factor(model):
        raise UserError(f"image_size {settings.image_size} is no multiple of the autoencoder's factor {factor(model)}.")
    return AutoencoderTask(settings, model)


class AutoencoderTask(Task):
    """Rows are pictures; latents are drawn from the posterior in training, and are its mean when scored."""

    metric, maximize = "psnr", True

    def __init__(self, settings: AutoencoderSettings, model: torch.nn.Module):
        halves = read(settings, captions=False)
        self.settings, self.model = settings, Through(model).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        held = halves.held.select(np.arange(min(len(halves.held), settings.eval_images)))
        self.train_data = Sized(halves.train.images, settings.image_size, settings.fit)
        self.eval_data = Sized(held.images, settings.image_size, settings.fit)
        config: Any = model.config
        self.facts = {
            "pictures": len(self.train_data),
            "image_size": settings.image_size,
            "channels": config["in_channels"],
            "factor": factor(model),
            "latent_channels": config["latent_channels"],
            "parameters": sum(p.numel() for p in model.parameters()),
        }

    def collate(self, rows: list, rng: np.random.Generator, training: bool) -> dict[str, torch.Tensor]:
        """pictures, (batch, channels, size, size) in [-1, 1]."""
        return {"pictures": torch.from_numpy(to_tensor(rows)).contiguous(memory_format=torch.channels_last)}

    def losses(self, model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Reconstruction of a drawn latent, plus the weighted divergence, (batch,)."""
        made, mean, log_variance = model(batch["pictures"])
        return self._loss(made, batch["pictures"], kl_divergence(mean, log_variance))

    def _loss(self, made: torch.Tensor, pictures: torch.Tensor, divergence: torch.Tensor) -> torch.Tensor:
        return reconstruction_loss(made, pictures, self.settings.edge_weight) + self.settings.kl_weight * divergence

    def predict(self, model: Any, batch: dict[str, torch.Tensor]) -> list[Outcome]:
        made, mean, log_variance = model(batch["pictures"])
        divergence = kl_divergence(mean, log_variance)
        found = (self._loss(made, batch["pictures"], divergence), psnr(made, batch["pictures"]), divergence)
        return [Outcome(*row) for row in zip(*(each.float().tolist() for each in found), strict=True)]

    def score(self, outputs: list[Outcome]) -> Score:
        return Score({name: float(np.mean([getattr(one, name) for one in outputs])) for name in Outcome._fields})

    def preview(self, model: Any, device: torch.device) -> list[dict]:
        """Held-out pictures above what comes back of them."""
        shown = self.eval_data if len(self.eval_data) else self.train_data
        rows = [shown[row] for row in range(min(SHOWN, len(shown)))]
        pictures = self.evaluation_batch(rows)["pictures"].to(device)
        made = model(pictures)[0]
        both = torch.cat([side_by_side(pictures.float()), side_by_side(made.float())], dim=1)
        return [{"image": data_url(both), "caption": "above: held-out pictures; below: through the latent and back"}]

    def save(self, model: Any, folder: Path) -> None:
        """A folder for `AutoencoderKL.from_pretrained`, with the latents' size in its config."""
        import copy

        scale = 1 / self._latent_deviation(model.vae)
        vae = copy.deepcopy(model.vae).to("cpu", torch.float16 if self.settings.half_precision else torch.float32)
        vae.register_to_config(scaling_factor=float(f"{scale:.5g}"))
        with quietly():
            vae.save_pretrained(folder, safe_serialization=True)
        forget_paths(folder)

    def _latent_deviation(self, vae: Any) -> float:
        """Standard deviation of the latents of training pictures (Rombach et al., 2022, App. D.1)."""
        rows = [self.train_data[row] for row in range(min(MEASURED, len(self.train_data)))]
        device = next(vae.parameters()).device
        with torch.no_grad():
            found = [
                vae.encode(self.evaluation_batch(rows[start : start + 64])["pictures"].to(device)).latent_dist.mean
                for start in range(0, len(rows), 64)
            ]
        return max(1e-6, float(torch.cat(found).float().std()) if sum(map(len, found)) else 1.0)
