"""Denoising loss on cached latents, with caption dropout for classifier-free guidance.

Ho et al. (2020), "Denoising diffusion probabilistic models"; Ho & Salimans (2022), "Classifier-free guidance".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from plugins.diffusion_cfg.data.captioned_images import SplitImages
from plugins.diffusion_cfg.denoiser import objective
from plugins.diffusion_cfg.denoiser.caption_encodings import CaptionEncodings, without_some_words
from plugins.diffusion_cfg.denoiser.latent_cache import Latents, cached_latents
from plugins.diffusion_cfg.denoiser.network import ConditionalDenoiser
from plugins.diffusion_cfg.denoiser.preview import preview
from plugins.diffusion_cfg.denoiser.settings import DenoiserSettings
from plugins.diffusion_cfg.models import autoencoders, noise_schedule, pipeline_io, text_encoder, unet
from plugins.diffusion_cfg.settings import DEFAULT_IMAGE_SIZE, DiffusionSettings
from training.artifact.store import RECORD, read_record
from training.errors import UserError
from training.figures import Baseline, Figure
from training.fit.batches import step_seed
from training.nn.cpu_copy import cpu_copy
from training.preflight.sheet import Finding
from training.settings import StartingWeights
from training.task import Score, Task

PREVIEW_PROMPTS = 4
LOSS_MEANING = "Mean squared error of what is predicted of the noise in held-out pictures, over all noise levels."
GAIN_MEANING = "By how much the loss falls with a picture's own caption, instead of another's: what guidance builds on."
MIN_GAIN = 0.002  # below which prompts change next to nothing
TRAINED_JOINTLY, FROZEN = "trained jointly", "frozen"  # the record's fact about the text encoder


class EvaluationRow(NamedTuple):
    """A held-out image, and its position among the timesteps, in [0, 1)."""

    row: int
    position: float


class DenoisingErrors(NamedTuple):
    """Squared error of the prediction for one image: with its own caption, with another's, and without a network."""

    position: float
    loss: float
    loss_of_other_caption: float
    loss_of_nothing: float  # of predicting zero, the mean of the noise


def build(data: SplitImages, settings: DenoiserSettings) -> DenoisingTask:
    """Make or load the components.

    Raises:
        UserError: If a component cannot be read, or does not fit the others.
    """
    torch.manual_seed(step_seed(settings.seed, 0, 0))
    if settings.model:
        folder = Path(settings.model)
        pipeline = pipeline_io.read_pipeline(folder, settings.weights_dtype)
        if settings.autoencoder:
            _exchange_autoencoder(pipeline, pipeline_io.read_autoencoder(Path(settings.autoencoder)))
        return DenoisingTask(settings, data, pipeline, was_trained_jointly(folder))
    if settings.autoencoder:
        vae = pipeline_io.read_autoencoder(Path(settings.autoencoder))
    else:
        vae = autoencoders.make_pixel_autoencoder(settings.image_channels)
    pipeline = _new_pipeline(settings, vae, data.train.all_captions)
    return DenoisingTask(settings, data, pipeline, trains_text=not settings.text_encoder)


def _new_pipeline(settings: DenoiserSettings, vae: Any, captions: list[str]) -> Any:
    """A pipeline with a new U-Net and, unless one is given, a new text encoder."""
    size = unet.UNET_SIZES[settings.size]
    if settings.text_encoder:
        encoder, tokenizer = pipeline_io.read_text_encoder(Path(settings.text_encoder))
    else:
        tokenizer = text_encoder.train_tokenizer(captions, settings.vocabulary_size, settings.max_length)
        encoder = text_encoder.make_text_encoder(tokenizer, size.text_width, size.text_layers)
    own_size = vae.config.get("sample_size") if settings.autoencoder else 0
    image_size = settings.image_size or own_size or DEFAULT_IMAGE_SIZE
    latent_size = image_size // autoencoders.downsample_factor(vae)
    denoiser = unet.make_unet(size, vae.config["latent_channels"], latent_size, encoder.config.hidden_size)
    scheduler = noise_schedule.make_scheduler(
        settings.prediction_type, settings.noise_schedule, settings.zero_terminal_snr
    )
    return pipeline_io.assemble_pipeline(vae, encoder, tokenizer, denoiser, scheduler)


def _exchange_autoencoder(pipeline: Any, vae: Any) -> None:
    """Give a pipeline an autoencoder of the same latent space, such as its own after more training.

    Raises:
        UserError: If its latents are of another shape.
    """
    old, new = (
        f"{each.config['latent_channels']} channels at 1/{autoencoders.downsample_factor(each)} of the image's size"
        for each in (pipeline.vae, vae)
    )
    if old != new:
        raise UserError(f"autoencoder: its latents have {new}, those of the weights in model {old}. Leave one empty.")
    pipeline.vae = vae


def was_trained_jointly(folder: Path) -> bool:
    """Whether the text encoder of these weights was trained with the denoiser, as their record says."""
    return (folder / RECORD).is_file() and read_record(folder).get("facts", {}).get("text_encoder") == TRAINED_JOINTLY


class DenoisingTask(Task):
    """Rows are indices of images. Latents, and a frozen text encoder's hidden states, are computed once.

    Args:
        pipeline: The components; the trained ones are changed in place.
        trains_text: Whether the text encoder is trained too.
    """

    metric = "loss"
    keep_last_weights = True  # the loss says little about image quality: later weights generate better images

    def __init__(self, settings: DiffusionSettings, data: SplitImages, pipeline: Any, trains_text: bool):
        if settings.word_dropout and not trains_text:
            raise UserError("word_dropout: the text encoder is not trained, and reads each caption once. Set it to 0.")
        self.settings, self.pipeline, self.trains_text = settings, pipeline, trains_text
        self.noise_schedule = noise_schedule.NoiseSchedule.from_config(pipeline.scheduler.config)
        image_size = self._image_size(settings.image_size)
        device = "cuda" if settings.device == "auto" and torch.cuda.is_available() else "cpu"
        self.latents = _encode(data, pipeline.vae, image_size, settings, device)
        held_out = data.evaluated(settings)
        self.texts = [*data.train.captions, *held_out.captions]  # one per image of `latents`
        self.several = data.train.several  # of training images with several captions, all of them
        frozen = None if trains_text else pipeline.text_encoder
        self.all_texts = [*data.train.all_captions, *held_out.captions]
        self.captions = CaptionEncodings(self.all_texts, pipeline.tokenizer, frozen, device)
        self.train_data: Sequence = range(len(data.train))
        positions = objective.evaluation_positions(len(held_out)).tolist()
        self.eval_data: Sequence = [EvaluationRow(row, at) for row, at in enumerate(positions, len(data.train))]
        self.model = self.make_network().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.other_captions = _other_captions(held_out.captions, len(data.train))
        self.measures_start = isinstance(settings, StartingWeights) and bool(settings.model)
        self.facts = {
            "images": len(data.train),
            "captions": len(set(data.train.all_captions)),
            "image_size": image_size,
            "channels": pipeline.vae.config["in_channels"],
            "latents": " x ".join(map(str, self.latents.shape[1:])),
            "prediction_type": self.noise_schedule.prediction_type,
            "text_encoder": TRAINED_JOINTLY if trains_text else FROZEN,
            "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
        }

    def make_network(self) -> torch.nn.Module:
        """The module that is trained."""
        encoder = self.pipeline.text_encoder.requires_grad_(True) if self.trains_text else None
        return ConditionalDenoiser(self.pipeline.unet.requires_grad_(True), encoder)

    def _image_size(self, size: int) -> int:
        """Pixels per side, a multiple of what the networks need; 0: the size that the pipeline was made for."""
        factor = autoencoders.downsample_factor(self.pipeline.vae)
        multiple = factor * unet.downsample_factor(self.pipeline.unet)
        if not size:
            sample_size = self.pipeline.unet.config["sample_size"]
            return (sample_size if isinstance(sample_size, int) else sample_size[0]) * factor
        if size % multiple:
            raise UserError(
                f"image_size: {size} was given; this autoencoder and denoiser take multiples of {multiple}."
            )
        return size

    # -- training ------------------------------------------------------------------------------------------------------

    def collate(self, rows: list, rng: np.random.Generator, training: bool) -> dict[str, Tensor]:
        """clean, latents (batch, channels, height, width); text, ids or hidden states (batch, time, …).

        For evaluation also other_text, positions and rows.
        """
        if training:
            dropped = rng.random(len(rows)) < self.settings.caption_dropout
            texts = ["" if drop else self._training_text(row, rng) for row, drop in zip(rows, dropped, strict=True)]
            if probability := self.settings.word_dropout:
                texts = [without_some_words(text, probability, rng) for text in texts]
                return {"clean": self.latents[rows], "text": text_encoder.token_ids(self.pipeline.tokenizer, texts)}
            return {"clean": self.latents[rows], "text": self.captions(texts)}
        indices = [each.row for each in rows]
        return {
            "clean": self.latents[indices],
            "text": self.captions([self.texts[row] for row in indices]),
            "other_text": self.captions([self.other_captions[row] for row in indices]),
            "positions": torch.tensor([each.position for each in rows], dtype=torch.float64),
            "rows": torch.tensor(indices),
        }

    def _training_text(self, row: int, rng: np.random.Generator) -> str:
        """The caption of a training image, one of them at random if it has several."""
        texts = self.several[row] if self.several else ()
        return texts[int(rng.integers(len(texts)))] if len(texts) > 1 else self.texts[row]

    def losses(self, model: torch.nn.Module, batch: dict[str, Tensor]) -> Tensor:
        """Weighted squared error of the prediction, averaged over an image's latents, (batch,)."""
        clean = batch["clean"]
        timesteps = objective.sample_timesteps(self.noise_schedule, len(clean)).to(clean.device)
        noise = torch.randn_like(clean, memory_format=torch.contiguous_format)  # filled in the order of memory
        errors = self._squared_errors(model, clean, noise, timesteps, batch["text"])
        return errors * objective.min_snr_weights(self.noise_schedule, timesteps, self.settings.min_snr_gamma)

    def _squared_errors(
        self, model: torch.nn.Module, clean: Tensor, noise: Tensor, timesteps: Tensor, text: Tensor
    ) -> Tensor:
        noisy = self.noise_schedule.add_noise(clean, noise, timesteps).contiguous(memory_format=torch.channels_last)
        prediction = model(noisy, timesteps, text)
        target = self.noise_schedule.target(clean, noise, timesteps)
        return (prediction.float() - target).square().flatten(1).mean(1)

    # -- evaluation ----------------------------------------------------------------------------------------------------

    def predict(self, model: torch.nn.Module, batch: dict[str, Tensor]) -> list[DenoisingErrors]:
        """Each held-out image at its own timestep with its own noise, the same at every evaluation."""
        clean = batch["clean"]
        generators = [torch.Generator().manual_seed(int(row)) for row in batch["rows"]]
        noise = torch.stack([torch.randn(clean.shape[1:], generator=generator) for generator in generators])
        timesteps = objective.timesteps_at(self.noise_schedule, batch["positions"])
        own, other = (
            self._squared_errors(model, clean, noise.to(clean.device), timesteps, batch[text]).tolist()
            for text in ("text", "other_text")
        )
        target = self.noise_schedule.target(clean, noise.to(clean.device), timesteps)
        nothing = target.float().square().flatten(1).mean(1).tolist()
        return [DenoisingErrors(*row) for row in zip(batch["positions"].tolist(), own, other, nothing, strict=True)]

    def score(self, outputs: list[DenoisingErrors]) -> Score:
        """loss, also by quarter of the timesteps; caption_gain: 1 - loss / loss with another image's caption."""
        positions, own, other, nothing = (np.asarray(column) for column in zip(*outputs, strict=True))
        metrics = {"loss": float(own.mean()), "caption_gain": float(1 - own.mean() / max(1e-12, other.mean()))}
        metrics |= objective.quarter_losses(positions, own)
        table = objective.loss_by_timestep(positions, own, self.noise_schedule.num_timesteps)
        return Score(metrics, {"Loss by timestep": table}, figures=_figures(metrics, float(nothing.mean())))

    def preview(self, model: torch.nn.Module, device: torch.device) -> list[dict]:
        """Images of fixed prompts at fixed seeds."""
        captions = self.texts[len(self.train_data) :] or self.texts
        prompts = self.settings.prompts or list(dict.fromkeys(captions))[:PREVIEW_PROMPTS]
        return preview(self.to_pipeline(model), prompts, self.settings)

    # -- the artifact --------------------------------------------------------------------------------------------------

    def to_pipeline(self, model: Any) -> Any:
        """The pipeline with the weights of `model`."""
        parts = self.pipeline
        encoder = model.text_encoder or parts.text_encoder
        return pipeline_io.assemble_pipeline(parts.vae, encoder, parts.tokenizer, model.unet, parts.scheduler)

    def save(self, model: Any, folder: Path) -> None:
        """Save for `StableDiffusionPipeline.from_pretrained`."""
        whole = self.to_pipeline(cpu_copy(model, torch.float32))
        pipeline_io.save_pipeline(whole, folder, self.settings.half_precision)

    def findings(self) -> list[Finding]:
        """Trained parameters, passes over the data, settings that will disappoint, truncated captions."""
        settings = self.settings
        passes = settings.steps * settings.batch_size / max(1, len(self.train_data))
        trained = sum(parameter.numel() for parameter in self.model.parameters() if parameter.requires_grad)
        title = f"{trained / 1e6:,.2f} M parameters are trained, on latents of {self.facts['latents']}"
        findings = [Finding("green", title, f"{len(self.train_data):,} images, each seen {passes:.1f} times.")]
        if settings.caption_dropout == 0:
            title = "caption_dropout is 0: the unconditional model is not trained"
            findings.append(
                Finding("amber", title, "Guidance scales above 1 will then give worse images; 0.1 is usual.")
            )
        return [*findings, *_truncated_captions(self.all_texts, self.pipeline.tokenizer)]


def _figures(metrics: dict[str, float], nothing: float) -> tuple[Figure, ...]:
    guess = Baseline("predicting the average, without a network", nothing)
    none = Baseline("captions that say nothing", 0.0)
    gain, advice = metrics["caption_gain"], "Train longer, or with captions that differ more."
    return (
        Figure("loss", "Denoising loss", metrics["loss"], LOSS_MEANING, (guess,), False),
        Figure("caption_gain", "Gain by the caption", gain, GAIN_MEANING, (none,), True, "%", MIN_GAIN, advice=advice),
    )


def _encode(data: SplitImages, vae: Any, image_size: int, settings: DiffusionSettings, device: str) -> Latents:
    """Latents of the training images and of the evaluated ones, (images, channels, height, width)."""
    resized = data.resized(image_size, vae.config["in_channels"], settings, keep=False)
    return Latents([cached_latents(vae, images, device) for images in resized])


def _other_captions(captions: list[str], first_row: int) -> dict[int, str]:
    """Row of a held-out image -> the next caption in the order that differs from its own; empty if all are equal."""
    count = len(captions)
    others = {}
    for index, own in enumerate(captions):
        following = (captions[(index + offset) % count] for offset in range(1, count))
        others[first_row + index] = next((caption for caption in following if caption != own), "")
    return others


def _truncated_captions(texts: list[str], tokenizer: Any) -> list[Finding]:
    truncated = [text for text in dict.fromkeys(texts) if text_encoder.excess_tokens(tokenizer, text)[0]]
    if not truncated:
        return []
    title = f"{len(truncated)} captions are longer than the limit of {tokenizer.model_max_length - 2} tokens"
    return [Finding("amber", title, f"They are truncated, {truncated[0][:120]!r} for example. Raise max_length.")]
