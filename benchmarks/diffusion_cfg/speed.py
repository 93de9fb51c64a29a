"""Seconds for 16 pictures, and training pictures a second: ours beside stock diffusers on the very same weights, in one run.

    python -m benchmarks.diffusion_cfg.speed                    # random weights of the size of the starters, 32 x 32
    python -m benchmarks.diffusion_cfg.speed --weights emoji    # a starter, or a folder of a pipeline

Sampling: 16 pictures, 20 steps, guidance, the stock `StableDiffusionPipeline` with the same scheduler. Training: the loop of
diffusers' `train_text_to_image` (the autoencoder and the text encoder run in every step, both frozen) beside ours on the same
batches with cached latents. lucidrains' denoising-diffusion-pytorch, where it is installed, has a U-Net of about as many weights on
the pixels themselves, and classes for captions. Rounds alternate; the quickest of each counts. GFLOP/s are of the U-Net's products alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from benchmarks.diffusion_cfg import lucidrains
from plugins.diffusion_cfg import PLUGIN
from plugins.diffusion_cfg.denoiser import objective
from plugins.diffusion_cfg.denoiser.network import ConditionalDenoiser
from plugins.diffusion_cfg.models import autoencoders, noise_schedule, pipeline_io, text_encoder, unet
from plugins.diffusion_cfg.models.loaded_pipeline import LoadedPipeline
from plugins.diffusion_cfg.sampling.generate import generate_images
from plugins.diffusion_cfg.sampling.request import GenerationRequest

SCALE, BATCH = 4.0, 32


def pipeline(size: int, pixels: bool = False) -> Any:
    """Random weights: a small latent model of 32 x 32, or a U-Net of the same widths on the pixels themselves."""
    torch.manual_seed(0)
    tokenizer = text_encoder.train_tokenizer(["a picture of something"], 700, 16)
    if pixels:
        vae: Any = autoencoders.make_pixel_autoencoder(3)
    else:
        vae = autoencoders.make_autoencoder(autoencoders.AUTOENCODER_SIZES["small", 4], 3, 4, size)
    width = unet.UNET_SIZES["small"]
    latent_size = size // autoencoders.downsample_factor(vae)
    denoiser = unet.make_unet(width, vae.config["latent_channels"], latent_size, width.text_width)
    encoder = text_encoder.make_text_encoder(tokenizer, width.text_width, width.text_layers)
    scheduler = noise_schedule.make_scheduler("v_prediction", "scaled_linear", True)
    made = pipeline_io.assemble_pipeline(vae, encoder, tokenizer, denoiser, scheduler)
    for part in pipeline_io.NETWORKS:
        getattr(made, part).eval().requires_grad_(False)
    return made


def stock_sampling(pipe: Any, pictures: int, steps: int) -> Callable[[], Any]:
    """The pipeline's own call."""
    pipe.set_progress_bar_config(disable=True)

    def call() -> Any:
        seeds = [torch.Generator().manual_seed(seed) for seed in range(pictures)]
        prompts = ["a picture"] * pictures
        return pipe(prompts, guidance_scale=SCALE, num_inference_steps=steps, generator=seeds, output_type="pt").images

    return call


def our_sampling(pipe: Any, pictures: int, steps: int, compiled: bool = False) -> Callable[[], Any]:
    model = LoadedPipeline(pipe)
    if compiled:
        model.unet.compile()  # in place, at the first call; needs a C++ compiler
    request = GenerationRequest("a picture", guidance_scale=SCALE, steps=steps, n_images=pictures)
    return lambda: generate_images(model, request)


def stock_training(pipe: Any, size: int) -> Callable[[], Any]:
    """One step as `train_text_to_image.py` takes it: encode pictures and captions, add noise, predict, AdamW."""
    denoiser = pipe.unet.train().requires_grad_(True)
    optimizer = torch.optim.AdamW(denoiser.parameters(), 1e-4)
    process = noise_schedule.NoiseSchedule.from_config(pipe.scheduler.config)
    pictures = torch.rand(BATCH, pipe.vae.config["in_channels"], size, size) * 2 - 1
    ids = text_encoder.token_ids(pipe.tokenizer, ["a picture"] * BATCH)

    def step() -> None:
        with torch.no_grad():
            clean = autoencoders.encode_images(pipe.vae, pictures)
            hidden = pipe.text_encoder(ids)[0]
        eps, at = torch.randn_like(clean), torch.randint(0, process.num_timesteps, (BATCH,))
        predicted = denoiser(process.add_noise(clean, eps, at), at, hidden, return_dict=False)[0]
        loss = functional.mse_loss(predicted.float(), process.target(clean, eps, at))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(denoiser.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def our_training(pipe: Any, size: int) -> Callable[[], Any]:
    """One step of `denoiser` with a frozen text encoder: cached latents and hidden states, channels last, fused AdamW."""
    model = ConditionalDenoiser(pipe.unet.train().requires_grad_(True)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4, fused=True)
    process = noise_schedule.NoiseSchedule.from_config(pipe.scheduler.config)
    with torch.no_grad():
        clean = autoencoders.encode_images(
            pipe.vae, torch.rand(BATCH, pipe.vae.config["in_channels"], size, size) * 2 - 1
        )
        hidden = pipe.text_encoder(text_encoder.token_ids(pipe.tokenizer, ["a picture"] * BATCH))[0]

    def step() -> None:
        eps, at = torch.randn_like(clean), objective.sample_timesteps(process, BATCH)
        noisy = process.add_noise(clean, eps, at).contiguous(memory_format=torch.channels_last)
        errors = (model(noisy, at, hidden).float() - process.target(clean, eps, at)).square().flatten(1).mean(1)
        (errors * objective.min_snr_weights(process, at, 5.0)).mean().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def quickest(sides: dict[str, Callable[[], Any]], rounds: int) -> dict[str, tuple[float, float]]:
    """First call and quickest later one, in seconds, the sides taking turns."""
    first = {name: _seconds(call) for name, call in sides.items()}
    later: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, call in sides.items():
            later[name].append(_seconds(call))
    return {name: (first[name], min(later[name])) for name in sides}


def _seconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def product_rate() -> float:
    """GFLOP/s of a large matrix product: what the machine can do."""
    left, right = torch.randn(2, 1024, 1024)
    best = min(_seconds(lambda: left @ right) for _ in range(5))
    return 2 * 1024**3 / best / 1e9


def forward_gflop(model: LoadedPipeline) -> float:
    """Of one call of the U-Net for one picture."""
    from torch.utils.flop_counter import FlopCounterMode

    height, width = (side // model.downsample_factor for side in model.image_size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.predict(torch.randn(1, model.latent_channels, height, width), torch.tensor(5), model.encode_texts(["a"]))
    return counter.get_total_flops() / 1e9


def _weights(pipe: Any) -> int:
    return sum(each.numel() for each in pipe.unet.parameters())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--weights", default="", help="a starter or a folder; by default random weights")
    options.add_argument("--size", type=int, default=32)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--pictures", type=int, default=16)
    options.add_argument("--steps", type=int, default=20)
    options.add_argument(
        "--compile", action="store_true", help="ours by torch.compile too; its first picture waits for that"
    )
    options.add_argument("--no-training", action="store_true", help="leave training out")
    options.add_argument("--no-pixels", action="store_true", help="leave the stock model of pixels out")
    given = options.parse_args()
    folder = PLUGIN.starters.get(given.weights, Path(given.weights)) if given.weights else None

    def fresh() -> Any:
        return pipeline_io.read_pipeline(folder) if folder else pipeline(given.size)

    size = given.size if folder is None else LoadedPipeline(fresh()).image_size[0]
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, matrix product {product_rate():.0f} GFLOP/s")
    work_asked = given.pictures, given.steps
    sides = {"stock": stock_sampling(fresh(), *work_asked), "ours": our_sampling(fresh(), *work_asked)}
    if given.compile:
        sides["ours, compiled"] = our_sampling(fresh(), *work_asked, compiled=True)
    if folder is None and not given.no_pixels:
        sides["stock, pixels"] = stock_sampling(pipeline(size, pixels=True), *work_asked)
        if lucidrains.installed():
            sides["lucidrains, pixels"] = lucidrains.sampling(_weights(fresh()), size, *work_asked, SCALE)
    found = quickest(sides, given.rounds)
    work = forward_gflop(LoadedPipeline(fresh())) * given.pictures * 2 * given.steps
    for name, (first, later) in found.items():
        rate = f", {work / later:.0f} GFLOP/s" if "pixels" not in name else ""
        print(
            f"sampling, {given.pictures} pictures of {size}, {given.steps} steps: {name}: first {first:.2f} s, then {later:.2f} s{rate}"
        )
    for name in found:
        if name != "ours":
            print(f"sampling: ours {found[name][1] / found['ours'][1]:.2f} times as fast as {name}")
    if given.no_training:
        return
    sides = {"stock": stock_training(fresh(), size), "ours": our_training(fresh(), size)}
    if folder is None and not given.no_pixels and lucidrains.installed():
        sides["lucidrains, pixels"] = lucidrains.training(_weights(fresh()), size, BATCH)
    found = quickest(sides, 2 * given.rounds)
    for name, (_, later) in found.items():
        print(f"training, batch {BATCH}: {name}: {BATCH / later:.1f} pictures/s")
        if name != "ours":
            print(f"training: ours {later / found['ours'][1]:.2f} times as fast as {name}")


if __name__ == "__main__":
    main()
