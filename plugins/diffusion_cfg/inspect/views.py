"""The outputs of the boxes of "Look inside": images, figures and a sentence. No gradio here."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from plugins.diffusion_cfg.images import enlarged, grid, to_image, with_caption
from plugins.diffusion_cfg.inspect import animation, figures, film_strips
from plugins.diffusion_cfg.inspect.cross_attention import attention_maps
from plugins.diffusion_cfg.inspect.forward_process import add_noise_to_image, schedule_curves
from plugins.diffusion_cfg.inspect.guidance_scales import ScaleResult, decompose_guidance, generate_over_scales
from plugins.diffusion_cfg.inspect.landscape_plot import plot_descent
from plugins.diffusion_cfg.inspect.reverse_process import decode_step, decode_trajectory
from plugins.diffusion_cfg.inspect.score_descent import sample_trajectory
from plugins.diffusion_cfg.inspect.score_landscape import measure_descent
from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.sampling.generate import generate_images
from plugins.diffusion_cfg.sampling.request import GenerationRequest
from training.errors import UserError

UNCONDITIONAL = GenerationRequest("", guidance_scale=1.0, steps=12)
SCALE_TILE_PIXELS = 160  # per side of a guidance scale's image

Gallery = list[tuple[Any, str]]  # images with captions


def forward_view(model: LoadedPipeline, file: Path | None, timestep: float) -> tuple[Any, ...]:
    """x_0, x_t and the same noise on pixels; figures of the noise schedule and of the latents; a sentence."""
    noised = add_noise_to_image(model, file or sample_file(model), timestep)
    signal = noised.alpha**2
    sentence = (
        f"t = {noised.timestep:g}: ᾱ = {signal:.4f}, {signal:.0%} of the variance is signal; "
        f"signal-to-noise ratio {noised.snr:.3g}."
    )
    images = [(noised.original, "x_0"), (noised.noisy, "x_t")]
    if model.downsample_factor > 1:
        decoded, on_pixels = "x_t of the latents, decoded", "the same noise on pixels"
        images = [(noised.original, "x_0"), (noised.noisy, decoded), (noised.noisy_pixels, on_pixels)]
    schedule = figures.plot_schedule(schedule_curves(model), noised.timestep)
    histogram = figures.plot_latent_histogram(noised.clean, noised.latents)
    return _gallery(images), *schedule, histogram, sentence


def denoiser_view(model: LoadedPipeline, file: Path | None, timestep: float, prompt: str) -> tuple[Gallery, str]:
    """The input of one call of the denoiser, the noise that it predicts, the predicted x_0 and x_0; the error."""
    noised = add_noise_to_image(model, file or sample_file(model), timestep, prompt)
    sentence = (
        f"t = {noised.timestep:g}: the mean squared error of the predicted noise is {noised.error:.1%} of its variance."
    )
    images = [
        (noised.noisy, "input x_t"),
        ((noised.noisy - noised.predicted) / 2, "predicted noise"),
        (noised.predicted, "predicted x_0"),
        (noised.original, "x_0"),
    ]
    return _gallery(images), sentence


def sample_file(model: LoadedPipeline) -> Path:
    """An image that the model generated unconditionally, cached with the model: used if no file is given."""
    if model.sample_file is None:
        file = Path(tempfile.mkdtemp(prefix="selfsup-")) / "sample.png"
        to_image(generate_images(model, UNCONDITIONAL)[0]).save(file)
        model.sample_file = file
    return model.sample_file


def attention_view(model: LoadedPipeline, request: GenerationRequest, first_share: float) -> Gallery:
    """The generated image, and one heat map over it per word with the word's share of all attention."""
    attention = attention_maps(model, request, first_share)
    image = enlarged(to_image(attention.image))
    pixels = np.asarray(image.convert("RGB"))
    shares = [f"{word} {values.mean():.0%}" for word, values in zip(attention.words, attention.maps, strict=True)]
    heatmaps = [figures.overlay_heatmap(pixels, values) for values in among_words(attention.maps)]
    return [(image, "generated"), *zip(heatmaps, shares, strict=True)]


def among_words(maps: np.ndarray) -> np.ndarray:
    """Maps of attention with each word's as a share of that to all words, (words, height, width).

    The first map is of the start token and the last of the end token and the padding: they stay as they are. Attention
    to a word is small where those two take most of it, so that by itself it shows mostly where they do not.
    """
    words = maps[1:-1]
    return np.concatenate([maps[:1], words / np.maximum(words.sum(0), 1e-12), maps[-1:]])


def reverse_view(
    model: LoadedPipeline, request: GenerationRequest, samplers: list[str]
) -> tuple[Image.Image, str, list[str]]:
    """The samplers' film strips below each other, the GIF's path, and GIF and MP4 as files."""
    trajectories = {name: decode_trajectory(model, replace(request, sampler=name)) for name in samplers}
    folder = Path(tempfile.mkdtemp(prefix="selfsup-"))
    gif, mp4 = folder / "sampling.gif", folder / "sampling.mp4"
    frames = animation.animation_frames(list(trajectories.values()))
    animation.to_gif(frames, gif)
    animation.to_mp4(frames, mp4)
    strips = [film_strips.trajectory_strip(name, steps) for name, steps in trajectories.items()]
    return film_strips.stack_vertically(strips), str(gif), [str(gif), str(mp4)]


def landscape_view(model: LoadedPipeline, request: GenerationRequest, other: str) -> tuple[Any, Image.Image]:
    """Figure of the landscapes between the images of two captions, and the first one's steps down, as a film strip."""
    if not other.strip():
        raise UserError("The second caption is empty: write what the other image should show.")
    descent = measure_descent(model, request, other)
    steps = [decode_step(model, step) for step in film_strips.subsample(descent.steps)]
    return plot_descent(descent), film_strips.score_strip(request.prompt, steps)


def descent_view(model: LoadedPipeline, request: GenerationRequest, samplers: list[str]) -> tuple[Any, ...]:
    """Figures of the samplers' paths from the same noise: the paths, the score's length, and cosines."""
    if not samplers:
        raise UserError("Choose a sampler first.")
    trajectories = [sample_trajectory(model, replace(request, sampler=name), name) for name in samplers]
    return figures.plot_trajectories(trajectories)


def guidance_view(
    model: LoadedPipeline, request: GenerationRequest, scales: list[float]
) -> tuple[Image.Image, list[ScaleResult]]:
    """The images side by side, each with its scale and saturation; and the measurements."""
    results = generate_over_scales(model, request, scales)
    tiles = [
        with_caption(
            enlarged(to_image(result.image), SCALE_TILE_PIXELS), f"{result.scale:g}: {result.saturation:.0%} saturated"
        )
        for result in results
    ]
    return with_caption(grid(tiles, len(tiles)), f"{model.name}, by guidance scale"), results


def guidance_figures(models: dict[str, list[ScaleResult]]) -> list[Any]:
    """Norms of the guidance difference, one figure per model with the same axis, and the saturation of all."""
    norms = (norm for results in models.values() for result in results for norm in result.differences)
    top = max(norms, default=0.0)
    plots = [figures.plot_guidance_norms(results, name, top) for name, results in models.items()]
    return [*plots, figures.plot_saturation(models)]


def guidance_steps_view(model: LoadedPipeline, request: GenerationRequest) -> Image.Image:
    """Film strip of the two predictions at every step, their difference, and the guided prediction."""
    steps = decompose_guidance(model, request)
    if not steps:
        raise UserError(
            "At scale 1 there is no guidance: only the conditional prediction is made. Choose another scale, or widen "
            "the interval."
        )
    return film_strips.guidance_strip(steps)


def _gallery(images: list[tuple[Tensor, str]]) -> Gallery:
    return [(enlarged(to_image(image)), caption) for image, caption in images]
