"""The task of `denoiser`, and what `lora` shares with it: noise in cached latents, told a caption or not (Ho et al., 2020; Ho & Salimans, 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from plugins.diffusion_cfg.data.captioned_images import Halves, read
from plugins.diffusion_cfg.data.resize import Sized
from plugins.diffusion_cfg.denoiser import objective
from plugins.diffusion_cfg.denoiser.caption_encodings import Captions
from plugins.diffusion_cfg.denoiser.latent_cache import cached_latents
from plugins.diffusion_cfg.denoiser.network import Denoiser
from plugins.diffusion_cfg.denoiser.preview import preview
from plugins.diffusion_cfg.models import autoencoders, noise_schedule, pipeline_io, text_encoder
from plugins.diffusion_cfg.models import unet as networks
from plugins.diffusion_cfg.settings import USUAL_SIZE
from training.artifact.store import RECORD, read_record
from training.errors import UserError
from training.fit.batches import step_seed
from training.preflight.sheet import Finding
from training.task import Score, Task

if TYPE_CHECKING:
    from plugins.diffusion_cfg.settings import DenoiserSettings, ObjectiveSettings

PREVIEWS = 4
AVERAGED = 5  # times the average's memory: fewer steps, and it still holds the first weights
ALONG = "trained along"  # what the record says of a text encoder that is not frozen


class Held(NamedTuple):
    """A held-out picture, and where among the timesteps it is scored, in [0, 1)."""

    row: int
    place: float


class Outcome(NamedTuple):
    """Squared error of the prediction, with the picture's own caption and with another's."""

    place: float
    loss: float
    loss_of_other_caption: float


def build(settings: DenoiserSettings) -> DenoisingTask:
    """Read the pictures, make or load the parts.

    Raises:
        UserError: What the preflight sheet would show in red; parts that do not fit each other.
    """
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    if settings.model:
        pipeline = pipeline_io.read(Path(settings.model))
        channels, halves = _read(settings, pipeline.vae)
        return DenoisingTask(settings, channels, halves, pipeline, _was_trained_along(Path(settings.model)))
    vae = pipeline_io.read_autoencoder(Path(settings.autoencoder)) if settings.autoencoder else autoencoders.make_pixel_autoencoder(settings.picture_channels)  # fmt: skip
    channels, halves = _read(settings, vae)
    size = networks.SIZES[settings.size]
    if settings.text_encoder:
        encoder, tokenizer = pipeline_io.read_text_encoder(Path(settings.text_encoder))
    else:
        tokenizer = text_encoder.train_tokenizer(halves.train.captions, settings.vocabulary_size, settings.max_length)
        encoder = text_encoder.make_text_encoder(tokenizer, size.text_width, size.text_layers)
    made_for = settings.image_size or (vae.config.get("sample_size") if settings.autoencoder else 0) or USUAL_SIZE
    unet = networks.make_unet(size, vae.config["latent_channels"], made_for // autoencoders.factor(vae), encoder.config.hidden_size)  # fmt: skip
    scheduler = noise_schedule.make_scheduler(settings.prediction, settings.noise_schedule, settings.zero_terminal_snr)
    pipeline = pipeline_io.assemble(vae, encoder, tokenizer, unet, scheduler)
    return DenoisingTask(settings, channels, halves, pipeline, not settings.text_encoder)


def _was_trained_along(folder: Path) -> bool:
    """Whether the text encoder of these weights was trained with the denoiser; a stranger's was not."""
    return (folder / RECORD).is_file() and read_record(folder).get("facts", {}).get("text_encoder") == ALONG


def _read(settings: DenoiserSettings, vae: Any) -> tuple[int, Halves]:
    """The pictures in the autoencoder's channels."""
    channels = vae.config["in_channels"]
    own = settings.model_copy(update={"channels": {1: "grey"}.get(channels, "colour")})
    return channels, read(own, captions=True)


class DenoisingTask(Task):
    """Rows are pictures. Their latents, and with a frozen text encoder their captions' hidden states, are computed once.

    Args:
        pipeline: The parts; those that are trained are changed in place.
        trains_text: Whether the text encoder is trained too.
    """

    metric = "loss"
    keep_last_weights = True  # what the loss says of the pictures is little: later weights draw better ones

    def __init__(self, settings: ObjectiveSettings, channels: int, halves: Halves, pipeline: Any, trains_text: bool):
        self.settings, self.pipeline, self.halves = settings, pipeline, halves
        self.noise = noise_schedule.Noise.of(pipeline.scheduler.config)
        self.trains_text = trains_text
        size = self._size(settings.image_size)
        device = "cuda" if settings.device == "auto" and torch.cuda.is_available() else "cpu"
        held = halves.held.select(np.arange(min(len(halves.held), settings.eval_images)))
        both = [halves.train, held]
        self.latents = torch.cat([cached_latents(pipeline.vae, Sized(each.images, size, settings.fit), device) for each in both if len(each)])  # fmt: skip
        self.texts = [*halves.train.captions, *held.captions]
        self.captions = Captions(self.texts, pipeline.tokenizer, None if trains_text else pipeline.text_encoder, device)
        self.train_data: Sequence = range(len(halves.train))
        places = objective.spread_places(len(held))
        self.eval_data: Sequence = [Held(len(halves.train) + row, float(places[row])) for row in range(len(held))]
        self.model = self.network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.others = self._other_captions(len(halves.train))
        self.facts = {
            "pictures": len(halves.train),
            "captions": len(set(halves.train.captions)),
            "image_size": size,
            "channels": channels,
            "latents": " x ".join(map(str, self.latents.shape[1:])),
            "prediction": self.noise.prediction,
            "text_encoder": ALONG if trains_text else "frozen",
            "parameters": sum(p.numel() for p in self.model.parameters()),
        }

    def network(self) -> torch.nn.Module:
        """What is trained."""
        return Denoiser(self.pipeline.unet.requires_grad_(True), self.pipeline.text_encoder.requires_grad_(True) if self.trains_text else None)  # fmt: skip

    def _size(self, size: int) -> int:
        """Pixels a side, a multiple of what the parts divide by; 0: what the pipeline was made for."""
        factor = autoencoders.factor(self.pipeline.vae)
        multiple = factor * networks.shrinks(self.pipeline.unet)
        if not size:
            found = self.pipeline.unet.config["sample_size"]
            return (found if isinstance(found, int) else found[0]) * factor
        if size % multiple:
            raise UserError(
                f"image_size: {size} was given; this autoencoder and denoiser take multiples of {multiple}."
            )
        return size

    def _other_captions(self, first: int) -> dict[int, str]:
        """For each held-out picture a caption of another one."""
        held = self.texts[first:]
        found = {}
        for row, own in enumerate(held):
            others = (held[(row + step) % len(held)] for step in range(1, len(held)))
            found[first + row] = next((other for other in others if other != own), "")
        return found

    # -- training ------------------------------------------------------------------------------------------------------

    def collate(self, rows: list, rng: np.random.Generator, training: bool) -> dict[str, Tensor]:
        """clean, latents (batch, channels, height, width); text, ids or hidden states (batch, time, …); to score also places and other_text."""
        if not training:
            at = [each.row for each in rows]
            other = self.captions([self.others[row] for row in at])
            places = torch.tensor([each.place for each in rows], dtype=torch.float64)
            return {"clean": self.latents[at], "text": self.captions([self.texts[row] for row in at]), "other_text": other, "places": places, "rows": torch.tensor(at)}  # fmt: skip
        dropped = rng.random(len(rows)) < self.settings.p_uncond
        texts = ["" if drop else self.texts[row] for row, drop in zip(rows, dropped, strict=True)]
        return {"clean": self.latents[rows], "text": self.captions(texts)}

    def losses(self, model: torch.nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """Weighted squared error of what is predicted, a mean over a picture's latents, (batch,)."""
        clean = batch["clean"]
        timesteps = objective.draw_timesteps(self.noise, len(clean)).to(clean.device)
        errors = self._errors(model, clean, torch.randn_like(clean), timesteps, batch["text"])
        return errors * objective.min_snr_weights(self.noise, timesteps, self.settings.min_snr_gamma)

    def _errors(
        self, model: torch.nn.Module, clean: Tensor, eps: Tensor, timesteps: Tensor, captions: Tensor
    ) -> Tensor:
        noisy = self.noise.add(clean, eps, timesteps).contiguous(memory_format=torch.channels_last)
        predicted = model(noisy, timesteps, captions)
        return (predicted.float() - self.noise.target(clean, eps, timesteps)).square().flatten(1).mean(1)

    # -- scoring -------------------------------------------------------------------------------------------------------

    def predict(self, model: torch.nn.Module, batch: dict[str, Tensor]) -> list[Outcome]:
        """Each held-out picture at its own timestep, with its own noise, the same at every evaluation."""
        clean = batch["clean"]
        eps = torch.stack([torch.randn(clean.shape[1:], generator=torch.Generator().manual_seed(int(row))) for row in batch["rows"]]).to(clean.device)  # fmt: skip
        timesteps = objective.at_places(self.noise, batch["places"])
        own, other = (
            self._errors(model, clean, eps, timesteps, batch[name]).tolist() for name in ("text", "other_text")
        )
        return [Outcome(*row) for row in zip(batch["places"].tolist(), own, other, strict=True)]

    def score(self, outputs: list[Outcome]) -> Score:
        """loss; loss by quarter of the timesteps; caption_gain: share of the error that the right caption saves against another's."""
        places, own, other = (np.asarray(each) for each in zip(*outputs, strict=True))
        metrics = {"loss": float(own.mean()), "caption_gain": float(1 - own.mean() / max(1e-12, other.mean()))}
        metrics |= objective.quarter_losses(places, own)
        return Score(metrics, {"Loss by timestep": objective.loss_by_timestep(places, own, self.noise.timesteps)})

    def preview(self, model: Any, device: torch.device) -> list[dict]:
        """Pictures of fixed prompts at fixed seeds."""
        return preview(self.finished(model), self._prompts(), self.settings)

    def _prompts(self) -> list[str]:
        texts = self.texts[len(self.train_data) :] or self.texts
        return self.settings.prompts or list(dict.fromkeys(texts))[:PREVIEWS]

    # -- the artifact --------------------------------------------------------------------------------------------------

    def finished(self, model: Any) -> Any:
        """The pipeline with these weights in it."""
        return pipeline_io.assemble(self.pipeline.vae, model.text_encoder or self.pipeline.text_encoder, self.pipeline.tokenizer, model.unet, self.pipeline.scheduler)  # fmt: skip

    def save(self, model: Any, folder: Path) -> None:
        """A folder for `StableDiffusionPipeline.from_pretrained`."""
        pipeline = self.finished(model)
        pipeline_io.write(pipeline, folder, self.settings.half_precision)

    def findings(self) -> list[Finding]:
        """Parameters, how often each picture is seen, captions that are cut."""
        passes = self.settings.steps * self.settings.batch_size / max(1, len(self.train_data))
        trained = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        found = [Finding("green", f"{trained / 1e6:,.2f} M parameters are trained, on latents of {self.facts['latents']}", f"{len(self.train_data):,} pictures, each seen {passes:.1f} times.")]  # fmt: skip
        if self.settings.p_uncond == 0:
            found.append(Finding("amber", "p_uncond is 0: the unconditional model is not learnt", "Guidance scales above 1 will then draw worse pictures; 0.1 is usual."))  # fmt: skip
        if self.settings.steps * (1 - self.settings.ema_decay) < AVERAGED:
            found.append(Finding("amber", f"{self.settings.steps:,} steps are few for ema_decay {self.settings.ema_decay:g}", "The averaged weights, which are scored and saved, will still be near those of the start: lower it, 0.95 to 0.99 say."))  # fmt: skip
        return [*found, *_cut_captions(self.texts, self.pipeline.tokenizer)]


def _cut_captions(texts: list[str], tokenizer: Any) -> list[Finding]:
    cut = [each for each in dict.fromkeys(texts) if text_encoder.overlong(tokenizer, each)[0]]
    if not cut:
        return []
    limit = tokenizer.model_max_length - 2
    return [Finding("amber", f"{len(cut)} captions are longer than the {limit} tokens that are read", f"Their ends are cut, of {cut[0][:120]!r} for one. Raise max_length.")]  # fmt: skip
