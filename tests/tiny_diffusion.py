"""A Stable Diffusion pipeline of random weights that is small enough for tests."""

from __future__ import annotations

import torch
from diffusers import StableDiffusionPipeline

from plugins.diffusion_cfg.models import autoencoders, noise_schedule, pipeline_io, text_encoder, unet
from tests.shapes import CAPTIONS

SIZE = unet.UNetSize((32, 32), 1, 32, 1)


def tiny_pipeline(prediction_type: str = "v_prediction", latent: bool = False) -> StableDiffusionPipeline:
    """Random weights for images of 8 x 8 pixels, or of 16 x 16 with latents of 8 x 8."""
    torch.manual_seed(0)
    tokenizer = text_encoder.train_tokenizer(CAPTIONS, 600, 8)
    if latent:
        vae = autoencoders.make_autoencoder(autoencoders.AutoencoderSize((8, 8), 1), 3, 4, 16)
    else:
        vae = autoencoders.make_pixel_autoencoder(3)
    denoiser = unet.make_unet(SIZE, 4 if latent else 3, 8, 32)
    encoder = text_encoder.make_text_encoder(tokenizer, 32, 1)
    zero_terminal_snr = prediction_type == "v_prediction"
    scheduler = noise_schedule.make_scheduler(prediction_type, "scaled_linear", zero_terminal_snr)
    return pipeline_io.assemble_pipeline(vae, encoder, tokenizer, denoiser, scheduler)
